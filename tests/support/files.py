"""Uploads and downloads of files as a browser sends them."""

import requests

from tests.support.images import picture
from tests.support.shop import Client, Reply, Shop, new_key

BOUNDARY = "part-of-a-test"


def form(content: bytes, purpose: str | None = "review", name: str = "a.jpg", **fields: str) -> bytes:
    parts = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in (({"purpose": purpose} if purpose else {}) | fields).items()
    )
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    return parts + head + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def upload(client: Client, content: bytes, purpose: str | None = "review", **fields: str) -> Reply:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return client("POST", "/files", data=form(content, purpose, **fields), headers=headers)


def fetch(shop: Shop, url: str, client: Client | None = None, method: str = "GET", **headers: str) -> requests.Response:
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if client is not None:
        request_headers["Authorization"] = f"Bearer {client.token}"
    return requests.request(method, f"{shop.url}{url}", headers=request_headers, timeout=60)


def unique_picture(width: int = 800, height: int = 500) -> bytes:
    return picture(width, height, colour=tuple(new_key().encode()[:3]))
