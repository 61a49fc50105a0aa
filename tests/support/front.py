"""A front of the shop for tests: a page on an origin of its own that signs in at a provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

HOST: Final = "127.77.255.3"
PORT: Final = 8077
ORIGIN: Final = f"http://{HOST}:{PORT}"
RETURN_TO: Final = f"{ORIGIN}/signed-in"
"""`.ci/test` allows its instances the origin, and logins to return to this address."""
FOLDER: Final = Path(__file__).parents[1] / "browser" / "front"


class _Pages(SimpleHTTPRequestHandler):
    """The front has one page, under every path without a suffix."""

    def translate_path(self, path: str) -> str:
        name = path.partition("?")[0].lstrip("/")
        return str(FOLDER / (name if name in ("front.js", "front.css") else "index.html"))

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """Serve the front; gives its origin."""
    with ThreadingHTTPServer((HOST, PORT), partial(_Pages, directory=str(FOLDER))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield ORIGIN
        server.shutdown()
