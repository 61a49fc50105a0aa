"""Picture worker process: `python -m services.files.pictures.worker FD` encodes pictures requested over a socket.

A separate process isolates the service from slow and malicious pictures. It is limited to 1 GiB of memory.
"""

from pathlib import Path
from typing import Any, Final

from services.chassis.runtime import worker_process
from services.files.pictures.encoding import InvalidPicture, encode

MAX_MEMORY: Final = 1 << 30
MAX_SECONDS: Final = 300
"""For a picture whose service has ended; the service itself ends a slow one earlier."""


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Encode the picture of a request."""
    try:
        return encode(Path(request["source"]), Path(request["folder"]), request["max_pixels"])
    except InvalidPicture as invalid:
        return {"unfit": str(invalid)}


if __name__ == "__main__":
    worker_process.run(serve, MAX_MEMORY, MAX_SECONDS)
