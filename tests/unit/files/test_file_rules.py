"""Rules for files: accepted types, permissions, quotas, ranges, signed links and upload grants."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request

from schemas.caller import Caller
from schemas.signed.file_grants import InvalidGrant, link_is_valid, sign_grant, sign_link, verify_grant
from services.chassis.common.errors import Forbidden, UnsupportedMediaType, ValidationFailed
from services.files import domain
from services.files.content_server import bounds_within, requested_range
from services.files.domain import StoredObject

CUSTOMER = Caller(user_id="c", roles=["CUSTOMER"])
VENDOR = Caller(user_id="v", roles=["VENDOR"])
ADMIN = Caller(user_id="a", roles=["ADMIN"])
SECRET = b"a secret of tests only"


@pytest.mark.parametrize("content_type", ["image/svg+xml", "text/html", "application/zip", "image/tiff", None])
def test_unsupported_type_is_refused(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        domain.check_type(content_type, "document")


def test_pdf_requires_purpose_document() -> None:
    assert domain.check_type("application/pdf", "document") == "application/pdf"
    with pytest.raises(UnsupportedMediaType):
        domain.check_type("application/pdf", "product")


def test_product_picture_requires_vendor() -> None:
    assert domain.check_purpose("product", VENDOR) == domain.check_purpose("product", ADMIN) == "product"
    with pytest.raises(Forbidden):
        domain.check_purpose("product", CUSTOMER)
    with pytest.raises(ValidationFailed):
        domain.check_purpose(None, ADMIN)


def test_documents_are_private_by_default() -> None:
    assert domain.is_private(None, "document")
    assert not domain.is_private(None, "review")
    assert domain.is_private("true", "review")
    assert not domain.is_private("false", "document")
    with pytest.raises(ValidationFailed):
        domain.is_private("maybe", "review")


def test_private_file_permission() -> None:
    assert domain.may_read(CUSTOMER, "c", private=True, linked=False)
    assert domain.may_read(ADMIN, "c", private=True, linked=False)
    assert domain.may_read(Caller(), "c", private=True, linked=True)
    assert not domain.may_read(VENDOR, "c", private=True, linked=False)
    assert not domain.may_read(Caller(), "c", private=True, linked=False)
    assert domain.may_read(Caller(), "c", private=False, linked=False)


def test_quota_by_role() -> None:
    assert domain.quota_of(CUSTOMER, 100, 5000) == 100_000_000
    assert domain.quota_of(VENDOR, 100, 5000) == 5_000_000_000
    assert domain.quota_of(ADMIN, 100, 5000) is None
    assert domain.quota_of(CUSTOMER, 0, 5000) is None


OBJECTS = [StoredObject(size, kind, 1) for size in domain.SIZES for kind in domain.FORMATS]


@pytest.mark.parametrize(
    ("size", "format_", "accept", "name"),
    [
        ("thumb", None, "image/avif,image/webp,*/*", "thumb.webp"),
        ("thumb", None, "*/*", "thumb.jpeg"),
        ("card", "webp", "image/jpeg", "card.webp"),
        ("full", "jpeg", "image/webp", "full.jpeg"),
    ],
)
def test_size_and_format_selection(size: str, format_: str | None, accept: str, name: str) -> None:
    assert domain.select_object(OBJECTS, size, format_, accept).name == name


ETAG = '"abc"'


def request_with(header: str | None, **headers: str) -> Request:
    return Request.from_values("/", headers=headers | ({"Range": header} if header else {}))


def bounds_of(header: str | None, total: int) -> tuple[int, int] | None:
    ranges = requested_range(request_with(header), ETAG)
    return bounds_within(ranges, total) if ranges else None


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=50-500", (50, 100)),
        ("bytes=5-2", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
    ],
)
def test_satisfiable_ranges(header: str | None, part: tuple[int, int] | None) -> None:
    assert bounds_of(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=500-600"])
def test_unsatisfiable_ranges(header: str) -> None:
    ranges = requested_range(request_with(header), ETAG)

    assert ranges is not None
    assert bounds_within(ranges, 100) is None


def test_range_is_ignored_with_outdated_if_range() -> None:
    assert requested_range(request_with("bytes=0-9", **{"If-Range": ETAG}), ETAG) is not None
    assert requested_range(request_with("bytes=0-9", **{"If-Range": '"other"'}), ETAG) is None


@given(first=st.integers(0, 300), last=st.integers(0, 300), total=st.integers(1, 200))
def test_range_is_within_content(first: int, last: int, total: int) -> None:
    bounds = bounds_of(f"bytes={first}-{last}", total)

    expected = (first, min(last, total - 1) + 1) if first <= last and first < total else None
    assert bounds == expected


def test_link_is_valid_until_expiry() -> None:
    signature = sign_link(SECRET, "file-1", 1000)
    assert link_is_valid(SECRET, "file-1", 1000, signature, now=999)
    assert not link_is_valid(SECRET, "file-1", 1000, signature, now=1000)
    assert not link_is_valid(SECRET, "file-2", 1000, signature, now=999)
    assert not link_is_valid(SECRET, "file-1", 2000, signature, now=999)
    assert not link_is_valid(b"another secret", "file-1", 1000, signature, now=999)


def test_grant_is_refused_when_forged_or_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    header = sign_grant(SECRET, {"caller": {"user_id": "c"}})
    assert verify_grant(SECRET, header)["caller"] == {"user_id": "c"}
    for forged in ("", "x.y", header[:-2] + "zz", sign_grant(b"another secret", {"caller": {}})):
        with pytest.raises(InvalidGrant):
            verify_grant(SECRET, forged)
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(InvalidGrant):
        verify_grant(SECRET, header)
