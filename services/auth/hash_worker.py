"""Worker process that computes password hashes: `python -m services.auth.hash_worker FD`.

It imports nothing but bcrypt, so it takes little memory.
"""

from typing import Any, Final

import bcrypt

from services.chassis.runtime import worker_process

MAX_MEMORY: Final = 256 << 20
MAX_SECONDS: Final = 60
"""For a hash whose service has ended; the service itself ends a slow worker earlier."""
IDLE_SECONDS: Final = 300


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Hash `password` with `rounds`: `{hash}`, or compare it with the hash `stored`: `{matches}`."""
    password = request["password"].encode()
    if "stored" in request:
        return {"matches": bcrypt.checkpw(password, request["stored"].encode())}
    return {"hash": bcrypt.hashpw(password, bcrypt.gensalt(request["rounds"])).decode()}


if __name__ == "__main__":
    worker_process.run(serve, MAX_MEMORY, MAX_SECONDS, IDLE_SECONDS)
