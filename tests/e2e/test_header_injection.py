"""Header injection: no text of a client becomes a header of a reply or a mail, or a line of a log."""

import re
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

import orjson
import pytest

from tests.support.files import BOUNDARY, fetch, form
from tests.support.images import PDF
from tests.support.instance import Instance
from tests.support.mailbox import mails_to, wait_for_mail
from tests.support.shop import Client, Shop, eventually, new_key
from ultramarket.instance import load

FILE_NAME = re.compile(r"attachment; filename\*=UTF-8''([A-Za-z0-9%._~-]+)")
"""RFC 6266 with RFC 8187's encoding: nothing in it ends the value."""


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Client:
    return shop.customer()


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ('a"; evil="x.pdf', "a"),
        ("a\r\n X-Evil: 1.pdf", "a X-Evil: 1.pdf"),
        ("a%0d%0aX-Evil: 1.pdf", "a%0d%0aX-Evil: 1.pdf"),
        ("a\x85X-Evil: 1\u2028b.pdf", "aX-Evil: 1b.pdf"),
        ("=?utf-8?q?=0d=0aX-Evil:1?=.pdf", "=?utf-8?q?=0d=0aX-Evil:1?=.pdf"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("x\u202efdp.exe", "xfdp.exe"),
    ],
    ids=["quote", "line end", "escapes", "other line ends", "encoded word", "folders", "direction"],
)
def test_name_of_a_file_stays_in_its_header(shop: Shop, customer: Client, name: str, stored: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    upload = customer("POST", "/files", data=form(PDF + new_key().encode(), "document", name), headers=headers)

    reply = fetch(shop, upload.data["url"], customer)

    assert upload.data["name"] == stored
    disposition = FILE_NAME.fullmatch(reply.headers["Content-Disposition"])
    assert disposition is not None, reply.headers
    assert unquote(disposition[1]) == stored
    assert "X-Evil" not in reply.headers


def test_name_of_a_report_is_not_in_the_header_of_its_file(shop: Shop) -> None:
    vendor = shop.member("VENDOR")
    body = {"name": 'a"; filename="=?x?.exe', "measures": ["orders"], "dimensions": ["day"], "format": "csv"}
    report = vendor("POST", "/analytics/reports", body, key=new_key()).data
    vendor("POST", f"/analytics/reports/{report['id']}/run")

    result = vendor("GET", f"/analytics/reports/{report['id']}/result")

    assert result.headers["Content-Disposition"] == f'attachment; filename="report-{report["id"]}.csv"'


@pytest.mark.parametrize("title", ["A =?utf-8?q?=0D=0ABcc:_all@example.com?= mug", "{{ 7 * 7 }} {% raw %}"])
def test_title_in_a_subject_is_text(shop: Shop, title: str) -> None:
    recipient = f"{new_key()[:12]}@example.com"
    sku = shop.product(stock=0, title=title)
    guest, body = shop.guest(), {"sku": sku, "email": recipient}
    # until notifications has consumed the product's event, there is no such product
    assert eventually(lambda: guest("POST", "/notifications/back-in-stock", body).status == 202)

    shop.adjust(sku, 5)
    mail = wait_for_mail(recipient)

    assert title in str(mail["Subject"])
    assert mail["Bcc"] is None
    assert mails_to("all@example.com") == []


@pytest.mark.parametrize("end", ["\r\n", "\n", "\x85", "\u2028", "\x00"], ids=ascii)
def test_recipient_with_a_line_end_gets_no_mail(shop: Shop, end: str) -> None:
    recipient = f"{new_key()[:12]}@example.com{end}Bcc: all@example.com"
    person = {"email": recipient, "password": "correct horse battery", "first_name": "A", "last_name": "B"}
    requests = {
        "/auth/register": person,
        "/auth/password/forgot": {"email": recipient},
        "/notifications/back-in-stock": {"sku": "MUG", "email": recipient},
    }

    statuses = {path: shop.guest()("POST", path, body).status for path, body in requests.items()}

    assert statuses == dict.fromkeys(requests, 422)


def raw_reply(shop: Shop, header: bytes, path: str) -> bytes:
    """The reply to a request with this header, as it is on the wire."""
    url = urlsplit(shop.url)
    reply = b""
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n".encode() + header + b"\r\n\r\n"
        )
        while part := connection.recv(65_536):
            reply += part
    return reply


@pytest.mark.parametrize(
    "value", [b"a\rX-Evil: 1", b"a\nX-Evil: 1", b"a\r\n X-Evil: 1", b"a\x0bX-Evil: 1", b"a\x85X-Evil: 1", b"\xff\x00"]
)
@pytest.mark.parametrize("name", [b"X-Cart-Id", b"X-Order-Key", b"Idempotency-Key", b"X-Request-Id", b"User-Agent"])
def test_header_of_a_request_is_no_header_of_the_reply(shop: Shop, name: bytes, value: bytes) -> None:
    marker = new_key()

    reply = raw_reply(shop, name + b": " + value, f"/api/v1/products/{marker}")

    head = reply.partition(b"\r\n\r\n")[0]
    assert re.match(rb"HTTP/1.1 4(00|04|22) ", head), head
    assert b"x-evil" not in head.lower()
    assert shop.guest()("GET", f"/products/{marker}").status == 404
    lines = eventually(lambda: [line for line in log_lines() if marker.encode() in line])
    assert lines
    assert all(orjson.loads(line)["path"].endswith(marker) for line in lines)


def log_lines() -> list[bytes]:
    """The end of the gateway's log, line by line."""
    log = Path(load(Instance().name).logs) / "gateway.log"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 100_000))
        return file.read().splitlines()[1:]
