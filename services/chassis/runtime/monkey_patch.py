"""Import this first in a process that runs services: it makes the standard library cooperative (eventlet).

Nameko stands on eventlet, which says of itself that new projects should not; ours is the one that Nameko brings.
"""

import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")  # the system's resolver is enough, and 15 MB less
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402

eventlet.monkey_patch()
