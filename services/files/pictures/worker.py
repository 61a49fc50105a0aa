"""Picture worker process: `python -m services.files.pictures.worker FD` encodes pictures requested over a socket.

A separate process isolates the service from slow and malicious pictures. It is limited to 1 GiB of memory, and exits
after half a minute without requests or when the service has ended.
"""

import json
import resource
import socket
import sys
from pathlib import Path
from typing import Final

from services.files.pictures.encoding import InvalidPicture, encode

IDLE_SECONDS: Final = 30
MAX_MEMORY: Final = 1 << 30


def serve(connection: socket.socket) -> None:
    """Serve requests: one JSON object per line, one reply per line."""
    connection.settimeout(IDLE_SECONDS)
    lines = connection.makefile("rwb")
    while True:
        try:
            line = lines.readline()
        except TimeoutError:
            return
        if not line:
            return
        request = json.loads(line)
        try:
            reply = encode(Path(request["source"]), Path(request["folder"]), request["max_pixels"])
        except InvalidPicture as invalid:
            reply = {"unfit": str(invalid)}
        lines.write(json.dumps(reply).encode() + b"\n")
        lines.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    serve(socket.socket(fileno=int(sys.argv[1])))
