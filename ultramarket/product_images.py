"""Placeholder images of products: drawn here, stored through the files API, reused when they exist already."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from ultramarket.api_client import ApiClient, ApiError
from ultramarket.catalogue import Line, Row
from ultramarket.placeholder_image import draw

CONCURRENCY: Final = 4
"""Drawing, uploading and re-encoding overlap, as far as the machine has processors."""
ATTEMPTS: Final = 3


class PlaceholderImages:
    """Adds images to product rows. `missing` counts rows without one, because the files service was unavailable."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.missing = 0
        self._stored_urls = _stored_urls(client)

    def add_to(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines in their order; a placeholder replaces the images of each product."""
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            yield from pool.map(self._add_image, lines)

    def _add_image(self, line: Line) -> Line:
        if line.row is None or not isinstance(line.row.get("title"), str):
            return line
        url = self._url(line.row)
        images: Row = {"images": [], "thumbnail": None}
        if url is None:
            self.missing += 1
        else:
            images = {"images": [f"{url}?size=full"], "thumbnail": f"{url}?size=thumb"}
        return replace(line, row=line.row | images)

    def _url(self, row: Row) -> str | None:
        """The stored image's URL; None when the files service is unavailable."""
        image = draw(row["title"], str(row.get("category") or ""), str(row.get("brand") or ""))
        stored_url = self._stored_urls.get(hashlib.sha256(image).hexdigest())
        if stored_url is not None:
            return stored_url
        for attempt in range(ATTEMPTS):
            try:
                file: dict[str, Any] = self.client.upload("placeholder.jpg", image, "image/jpeg", purpose="product")
            except ApiError as error:
                if not error.is_temporary:
                    raise
                time.sleep(0.3 * attempt)
            else:
                return str(file["url"])
        return None


def _stored_urls(client: ApiClient) -> dict[str, str]:
    """URLs of the account's product images by the SHA-256 of their content; empty without the files service."""
    urls: dict[str, str] = {}
    page = 1
    try:
        while files := client.get(f"/files?purpose=product&limit=100&page={page}"):
            urls.update({file["sha256"]: file["url"] for file in files})
            page += 1
    except ApiError as error:
        if not error.is_temporary:
            raise
    return urls
