"""`python -m services.files.pictures.worker FD`: re-encode pictures for the service at the other end of a socket.

A process of its own, so that a picture can neither block the service nor take its memory with it; it may use a
gigabyte, and ends when nothing has come for half a minute, or when the service has gone.
"""

import json
import resource
import socket
import sys
from pathlib import Path
from typing import Final

from services.files.pictures.encoding import Unfit, encode

IDLE_SECONDS: Final = 30
MAX_MEMORY: Final = 1 << 30


def serve(connection: socket.socket) -> None:
    """One request a line, one answer a line."""
    connection.settimeout(IDLE_SECONDS)
    lines = connection.makefile("rwb")
    while True:
        try:
            line = lines.readline()
        except TimeoutError:
            return
        if not line:
            return
        asked = json.loads(line)
        try:
            answer = encode(Path(asked["source"]), Path(asked["folder"]), asked["max_pixels"])
        except Unfit as unfit:
            answer = {"unfit": str(unfit)}
        lines.write(json.dumps(answer).encode() + b"\n")
        lines.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    serve(socket.socket(fileno=int(sys.argv[1])))
