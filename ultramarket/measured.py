"""`python -m ultramarket.measured MODULE`: run a web process so that coverage sees its requests (tests only).

Granian calls the application from threads of its own, made outside of Python's `threading`, where no trace function is
installed. The first request of each such thread installs it.
"""

import runpy
import sys
import threading
from collections.abc import Iterable
from typing import Any

from flask import Flask

answer = Flask.wsgi_app


def traced_answer(app: Flask, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if sys.gettrace() is None:
        sys.settrace(threading.gettrace())
    return answer(app, environ, start_response)


if __name__ == "__main__":
    Flask.wsgi_app = traced_answer  # type: ignore[method-assign, assignment]
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
