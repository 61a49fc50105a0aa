"""Give product rows pictures: drawn here, stored by the shop's own files service, found again when drawn again."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from ultramarket.api import Api, Refused
from ultramarket.catalogue import Line, Row
from ultramarket.drawing import draw

AT_ONCE: Final = 4
"""Drawing, sending and re-encoding go on side by side, as far as the machine has processors."""
TRIES: Final = 3


class Illustrator:
    """Draws for one shop. `missing` counts the rows that stayed without, because the files service was away."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.missing = 0
        self._known = _known(api)

    def illustrated(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines in their order, each product with a picture of ours in place of its own."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(self._illustrate, lines)

    def _illustrate(self, line: Line) -> Line:
        if line.row is None or not isinstance(line.row.get("title"), str):
            return line
        address = self._address(line.row)
        pictures: Row = {"images": [], "thumbnail": None}
        if address is None:
            self.missing += 1
        else:
            pictures = {"images": [f"{address}?size=full"], "thumbnail": f"{address}?size=thumb"}
        return replace(line, row=line.row | pictures)

    def _address(self, row: Row) -> str | None:
        picture = draw(row["title"], str(row.get("category") or ""), str(row.get("brand") or ""))
        known = self._known.get(hashlib.sha256(picture).hexdigest())
        if known is not None:
            return known
        for attempt in range(TRIES):
            try:
                stored: dict[str, Any] = self.api.upload("placeholder.jpg", picture, "image/jpeg", purpose="product")
            except Refused as refused:
                if refused.status not in (0, 503, 504):
                    raise
                time.sleep(0.3 * attempt)
            else:
                return str(stored["url"])
        return None


def _known(api: Api) -> dict[str, str]:
    """The addresses of the account's own product pictures, by what they contain."""
    found: dict[str, str] = {}
    page = 1
    try:
        while stored := api.get(f"/files?purpose=product&limit=100&page={page}"):
            found.update({file["sha256"]: file["url"] for file in stored})
            page += 1
    except Refused:
        return found
    return found
