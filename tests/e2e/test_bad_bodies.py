"""Malformed bodies over HTTP: one clear error each, and no change. Fields: see `test_gateway_bodies`."""

import pytest

from tests.support.existing_customer import ExistingCustomer


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "BAD_REQUEST"),
        (b"not json", "application/json", 400, "BAD_REQUEST"),
        (b'{"a": NaN}', "application/json", 400, "BAD_REQUEST"),
        (b'{"a": "\xff"}', "application/json", 400, "BAD_REQUEST"),
        (b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "application/json", 400, "BAD_REQUEST"),
        (b"[]", "application/json", 422, "VALIDATION_ERROR"),
        (b"null", "application/json", 422, "VALIDATION_ERROR"),
        (b'"text"', "application/json", 422, "VALIDATION_ERROR"),
        (b'{"\\u0000": 1}', "application/json", 422, "VALIDATION_ERROR"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", "application/json; charset=utf-16", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', "application/json", 413, "PAYLOAD_TOO_LARGE"),
    ],
)  # fmt: skip
def test_malformed_body_is_refused(unchanged: ExistingCustomer, data: bytes, kind: str, status: int, code: str) -> None:
    reply = unchanged.client("POST", "/cart/items", data=data, headers={"Content-Type": kind})

    assert (reply.status, reply.code) == (status, code)
