"""The side of a worker process: serves requests of its `worker_pool` over a socket, within limits.

The process exits after some time without requests, or when the service has ended.
"""

import json
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

IDLE_SECONDS: Final = 30


def run(
    serve: Callable[[dict[str, Any]], dict[str, Any]],
    memory_bytes: int,
    seconds: int,
    idle_seconds: float = IDLE_SECONDS,
) -> None:
    """Serve requests: one JSON object per line, one reply per line; until none has come for `idle_seconds`.

    The process has `memory_bytes` of address space. A request that takes longer than `seconds` ends it, also when the
    service that would kill it has ended.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.settimeout(idle_seconds)
    lines = connection.makefile("rwb")
    while True:
        try:
            line = lines.readline()
        except TimeoutError:
            return
        if not line:
            return
        signal.alarm(seconds)
        reply = serve(json.loads(line))
        signal.alarm(0)
        lines.write(json.dumps(reply).encode() + b"\n")
        lines.flush()
