"""Readiness probe of a process: GET /health/ready on its loopback port."""

import http.client
import json
from typing import Any


def ready(port: int, seconds: float = 2) -> dict[str, Any] | None:
    """The reply's body with `ok` added; None when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = {}
    return {"ok": response.status == 200, **(parsed if isinstance(parsed, dict) else {})}
