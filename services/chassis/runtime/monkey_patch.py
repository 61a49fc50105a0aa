"""eventlet's monkey patching. Import this before anything else in a process that runs services.

Nameko requires eventlet, whose authors advise new projects against it; ours is the version that Nameko uses.
"""

import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")  # the system's resolver is enough, and 15 MB less
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402

eventlet.monkey_patch()
