"""Files over HTTP: streaming upload and download, ranges, image variants, signed links, limits and refusals."""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.support.files import BOUNDARY, fetch, form, unique_picture, upload
from tests.support.images import PDF, SVG, decompression_bomb, photograph
from tests.support.shop import Client, Reply, Shop, eventually, new_key, persistently

TEN_MB = 10_485_760


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Client:
    return shop.customer()


def test_image_is_served_in_three_sizes_and_two_formats(shop: Shop, customer: Client) -> None:
    content = unique_picture()
    reply = upload(customer, content)

    assert reply.status == 201, reply
    stored = reply.data
    assert (stored["bytes"], stored["width"], stored["height"]) == (len(content), 800, 500)
    assert (stored["content_type"], stored["private"], stored["purpose"]) == ("image/jpeg", False, "review")
    for size, edge in (("thumb", 160), ("card", 400), ("full", 800)):
        for accept, kind in (("image/webp,*/*", "WEBP"), ("*/*", "JPEG")):
            response = fetch(shop, stored["variants"][size], Accept=accept)
            image = Image.open(io.BytesIO(response.content))
            assert (response.status_code, image.format, image.width) == (200, kind, edge)
            assert response.headers["Content-Type"] == f"image/{kind.lower()}"
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert "Accept" in response.headers["Vary"].split(", ")
    assert Image.open(io.BytesIO(fetch(shop, f"{stored['url']}?format=webp").content)).format == "WEBP"


def test_photo_metadata_is_removed(shop: Shop, customer: Client) -> None:
    stored = upload(customer, photograph(6)).data
    response = fetch(shop, stored["url"])
    assert Image.open(io.BytesIO(response.content)).size == (200, 400)
    assert b"SECRET" not in response.content


def test_ranges_head_and_conditional_requests(shop: Shop, customer: Client) -> None:
    url = upload(customer, unique_picture()).data["variants"]["full"]
    whole = fetch(shop, url)
    etag, total = whole.headers["ETag"], len(whole.content)

    part = fetch(shop, url, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{total}"
    assert fetch(shop, url, Range="bytes=-7").content == whole.content[-7:]
    assert fetch(shop, url, Range="bytes=10-19", If_Range='"another"').status_code == 200
    beyond = fetch(shop, url, Range=f"bytes={total}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{total}")
    assert beyond.json()["error"]["code"] == "RANGE_NOT_SATISFIABLE"
    for url_again in (url, f"{url}&format=jpeg"):
        not_modified = fetch(shop, url_again, If_None_Match=etag)
        assert (not_modified.status_code, not_modified.content) == (304, b"")
        assert not_modified.headers["ETag"] == etag
    head = fetch(shop, url, method="HEAD")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(total))


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (SVG, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"MZ" + bytes(200), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (PDF, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (decompression_bomb(), 422, "VALIDATION_ERROR"),
        (photograph()[:2000], 422, "VALIDATION_ERROR"),
        (b"", 422, "VALIDATION_ERROR"),
        (bytes(TEN_MB + 1), 413, "PAYLOAD_TOO_LARGE"),
    ],
    ids=["svg", "program", "pdf as review", "bomb", "half", "empty", "too large"],
)
def test_invalid_file_is_refused(customer: Client, content: bytes, status: int, code: str) -> None:
    before = customer("GET", "/files").body["pagination"]["total"]
    reply = upload(customer, content)

    assert (reply.status, reply.code) == (status, code)
    assert customer("GET", "/files").body["pagination"]["total"] == before


def test_invalid_form_is_refused(shop: Shop, customer: Client) -> None:
    def refused(reply: Reply) -> tuple[int, str | None]:
        return reply.status, (reply.error["details"] or [{}])[0].get("field")

    good = unique_picture(50, 50)
    assert refused(upload(customer, good, None)) == (422, "purpose")
    assert refused(upload(customer, good, "poster")) == (422, "purpose")
    assert refused(upload(customer, good, "review", private="perhaps")) == (422, "private")
    assert refused(upload(customer, good, "review", surprise="1")) == (422, "surprise")
    assert refused(upload(customer, good, "product")) == (403, None)
    assert refused(customer("POST", "/files", {"purpose": "review"})) == (400, None)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    assert refused(customer("POST", "/files", data=form(good)[:-20], headers=headers)) == (400, None)
    assert refused(customer("POST", "/files", data=b"nothing of the kind", headers=headers)) == (400, None)
    assert upload(shop.guest(), good).status == 401


def test_upload_without_a_length_is_cut_off(shop: Shop, customer: Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield form(b"")[:-30]
        for _ in range(2000):
            yield bytes(65_536)

    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Authorization": f"Bearer {customer.token}"}
    try:
        reply = requests.post(f"{shop.url}/api/v1/files", data=chunks(), headers=headers, timeout=30)
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    except requests.ConnectionError:
        pass  # cut off during the upload

    received = Path(os.environ["ULTRAMARKET_HOME"]) / "nginx" / "tmp" / "body"
    assert eventually(lambda: not list(received.iterdir()))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_content_that_one_may_not_read_is_not_found(shop: Shop, customer: Client, method: str) -> None:
    private = upload(customer, PDF + new_key().encode(), "document").data["url"]
    missing = private[:-12] + "0" * 12

    replies = [fetch(shop, url, client, method) for url in (private, missing) for client in (None, shop.customer())]

    assert [reply.status_code for reply in replies] == [404] * 4
    assert fetch(shop, private, customer, method).status_code == 200


def test_document_is_read_by_its_owner_or_a_signed_link(shop: Shop, customer: Client) -> None:
    content = PDF + new_key().encode()
    stored = upload(customer, content, "document").data
    url = stored["url"]

    owner_response = fetch(shop, url, customer)
    assert (owner_response.status_code, owner_response.content) == (200, content)
    assert owner_response.headers["Content-Disposition"].startswith("attachment")
    assert owner_response.headers["Cache-Control"].startswith("private")
    assert fetch(shop, url, shop.admin).status_code == 200
    other_customer = shop.customer()
    for client in (None, other_customer):
        assert fetch(shop, url, client).status_code == 404
    assert other_customer("GET", f"/files/{stored['id']}/info").status == 404
    assert other_customer("POST", f"/files/{stored['id']}/link", {}).status == 404
    assert other_customer("DELETE", f"/files/{stored['id']}").status == 404

    link = customer("POST", f"/files/{stored['id']}/link", {"expires_in": 600}).data
    assert fetch(shop, link["url"]).content == content
    other = upload(customer, PDF + new_key().encode(), "document").data
    assert fetch(shop, link["url"].replace(stored["id"], other["id"])).status_code == 404
    assert fetch(shop, link["url"].replace("expires=1", "expires=2")).status_code == 404
    short_link = customer("POST", f"/files/{stored['id']}/link", {"expires_in": 1}).data
    assert eventually(lambda: fetch(shop, short_link["url"]).status_code == 404)
    assert customer("POST", f"/files/{stored['id']}/link", {"expires_in": 0}).status == 422


def test_deleted_file_is_not_found(shop: Shop, customer: Client) -> None:
    stored = upload(customer, unique_picture()).data

    assert customer("DELETE", f"/files/{stored['id']}").status == 200
    assert customer("DELETE", f"/files/{stored['id']}").status == 404
    assert fetch(shop, stored["url"]).status_code == 404
    assert fetch(shop, "/api/v1/files/nothing").status_code == 404


def test_file_list_has_the_own_files_only(shop: Shop) -> None:
    owner_client = shop.customer()
    ids = [upload(owner_client, unique_picture(30, 30)).data["id"] for _ in range(3)]

    listed = owner_client("GET", "/files?limit=2")
    assert [file["id"] for file in listed.data] == [ids[2], ids[1]]
    assert listed.body["pagination"]["total"] == 3
    assert owner_client("GET", "/files?purpose=document").data == []
    owner = listed.data[0]["owner_id"]
    assert len(shop.admin("GET", f"/files?owner={owner}").data) == 3


def test_concurrent_uploads_of_one_file_succeed(shop: Shop, customer: Client) -> None:
    content = unique_picture(1200, 900)
    with ThreadPoolExecutor(16) as pool:
        replies: list[Any] = list(pool.map(lambda _: persistently(lambda: upload(customer, content)), range(16)))

    assert {reply.status for reply in replies} == {201}
    assert len({reply.data["sha256"] for reply in replies}) == 1
    assert {fetch(shop, reply.data["variants"]["thumb"]).status_code for reply in replies} == {200}


def test_catalogue_thumbnails_load(shop: Shop) -> None:
    listed = shop.guest()("GET", "/products?limit=100&brand=Apple").data
    assert listed
    for product in listed:
        response = fetch(shop, product["thumbnail"])
        assert response.status_code == 200, product
        assert Image.open(io.BytesIO(response.content)).size == (160, 160)
