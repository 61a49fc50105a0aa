"""Measure coverage inside the gateway's request threads: `python -m ultramarket.gateway_coverage MODULE` (tests only).

Granian calls the application from threads made outside of Python's `threading`, where no trace function is installed.
The first request of each such thread installs it.
"""

import runpy
import sys
import threading
from collections.abc import Iterable
from typing import Any

from flask import Flask

untraced_wsgi_app = Flask.wsgi_app


def traced_wsgi_app(app: Flask, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if sys.gettrace() is None:
        sys.settrace(threading.gettrace())
    return untraced_wsgi_app(app, environ, start_response)


if __name__ == "__main__":
    Flask.wsgi_app = traced_wsgi_app  # type: ignore[method-assign, assignment]
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
