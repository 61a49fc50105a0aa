"""Accounts and sessions over HTTP."""

import re
from typing import Any

import orjson
import pytest

from tests.support.mailbox import text_of, wait_for_mail
from tests.support.records import Topic
from tests.support.shop import Client, Reply, Shop, eventually, new_key

PASSWORD = "correct horse battery"


def person(**changes: str) -> dict[str, str]:
    return {
        "email": f"{new_key()[:12]}@example.com",
        "password": PASSWORD,
        "first_name": "Ada",
        "last_name": "Lovelace",
    } | changes


def signed_in(reply: Reply, client: Client) -> Client:
    client.token = reply.data["access_token"]
    return client


def refreshed(shop: Shop, token: str) -> Reply:
    return shop.guest()("POST", "/auth/refresh", {"refresh_token": token})


def test_registration_signs_the_customer_in(shop: Shop) -> None:
    account = person(first_name="  Zoë ", last_name="O'Neil-東京")

    registered = shop.guest()("POST", "/auth/register", account)
    me = signed_in(registered, shop.guest())("GET", "/auth/me")

    assert registered.status == 201
    assert (registered.data["token_type"], registered.data["expires_in"]) == ("Bearer", 900)
    user = registered.data["user"]
    assert user["email"] == account["email"]
    assert (user["first_name"], user["last_name"]) == ("Zoë", "O'Neil-東京")
    assert (user["roles"], user["email_verified"]) == (["CUSTOMER"], False)
    assert me.data == user


def test_profile_exists_soon_after_registration(shop: Shop) -> None:
    account = person()
    client = signed_in(shop.guest()("POST", "/auth/register", account), shop.guest())

    saved = client("PUT", "/users/me", {"first_name": "Augusta", "last_name": "King", "phone": "+44 20 7946 0000"})

    assert saved.status == 200, saved
    profile = client("GET", "/users/me").data
    assert (profile["first_name"], profile["phone"], profile["language"]) == ("Augusta", "+44 20 7946 0000", None)
    assert profile["email"] == account["email"]
    assert eventually(lambda: client("GET", "/auth/me").data["first_name"] == "Augusta")


@pytest.mark.parametrize("spelling", [str.lower, str.upper, "  {} ".format])
def test_email_is_unique_whatever_its_case(shop: Shop, spelling: Any) -> None:
    first = person()
    shop.guest()("POST", "/auth/register", first)

    again = shop.guest()("POST", "/auth/register", person(email=spelling(first["email"])))

    assert (again.status, again.code) == (409, "CONFLICT")
    assert again.error["details"][0]["field"] == "email"


def test_registration_repeated_with_its_key_is_one_account(shop: Shop) -> None:
    account, key = person(), new_key()

    first = shop.guest()("POST", "/auth/register", account, key=key)
    second = shop.guest()("POST", "/auth/register", account, key=key)
    other = shop.guest()("POST", "/auth/register", person(), key=key)

    assert (first.status, second.status, second.raw) == (201, 201, first.raw)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", "a b@example.com"),
        ("email", "a@example.com\nBcc: all@example.com"),
        ("password", "short"),
        ("password", "x" * 129),
        ("first_name", "   "),
        ("last_name", "x" * 101),
        ("last_name", "two\nlines"),
    ],
)
def test_invalid_account_is_refused_by_field(shop: Shop, field: str, value: str) -> None:
    account = person(**{field: value})

    refused = shop.guest()("POST", "/auth/register", account)

    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    assert [detail["field"] for detail in refused.error["details"]] == [field]
    assert value not in refused.raw.decode() or field != "password"


def test_wrong_password_and_unknown_account_get_the_same_reply(shop: Shop) -> None:
    account = person()
    shop.guest()("POST", "/auth/register", account)

    wrong_password = shop.guest()("POST", "/auth/login", {"email": account["email"], "password": "not this one"})
    unknown_account = shop.guest()("POST", "/auth/login", {"email": person()["email"], "password": PASSWORD})
    accepted = shop.guest()("POST", "/auth/login", {"email": account["email"].upper(), "password": PASSWORD})

    assert (wrong_password.status, wrong_password.code) == (401, "INVALID_CREDENTIALS")
    assert wrong_password.raw == unknown_account.raw
    assert accepted.status == 200


def test_refresh_token_reuse_ends_the_session(shop: Shop) -> None:
    first = shop.guest()("POST", "/auth/register", person()).data["refresh_token"]
    second = refreshed(shop, first)
    third = refreshed(shop, second.data["refresh_token"])
    assert [second.status, third.status] == [200, 200]
    assert signed_in(third, shop.guest())("GET", "/auth/me").status == 200

    reused = refreshed(shop, second.data["refresh_token"])
    revoked = refreshed(shop, third.data["refresh_token"])

    assert (reused.status, reused.code) == (401, "UNAUTHENTICATED")
    assert (revoked.status, revoked.code) == (401, "UNAUTHENTICATED")


def test_unknown_refresh_token_is_refused(shop: Shop) -> None:
    reply = refreshed(shop, "A" * 43)

    assert (reply.status, reply.code) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("by", ["refresh token", "access token"])
def test_logout_ends_one_session_only(shop: Shop, by: str) -> None:
    account = person()
    first = shop.guest()("POST", "/auth/register", account)
    second = shop.guest()("POST", "/auth/login", {"email": account["email"], "password": PASSWORD})
    client = signed_in(first, shop.guest())

    body = {"refresh_token": first.data["refresh_token"]} if by == "refresh token" else None
    logged_out = client("POST", "/auth/logout", body)

    assert (logged_out.status, logged_out.data) == (200, None)
    assert refreshed(shop, first.data["refresh_token"]).status == 401
    assert refreshed(shop, second.data["refresh_token"]).status == 200


def test_logout_all_ends_every_session(shop: Shop) -> None:
    account = person()
    sessions = [shop.guest()("POST", "/auth/register", account)]
    sessions.append(shop.guest()("POST", "/auth/login", {"email": account["email"], "password": PASSWORD}))
    other_session = shop.guest()("POST", "/auth/register", person())

    logged_out = signed_in(sessions[1], shop.guest())("POST", "/auth/logout-all")

    assert logged_out.status == 200
    assert [refreshed(shop, session.data["refresh_token"]).status for session in sessions] == [401, 401]
    assert refreshed(shop, other_session.data["refresh_token"]).status == 200


def test_roles_are_assigned_by_the_operator(shop: Shop) -> None:
    vendor = shop.member("VENDOR", "CUSTOMER")

    assert sorted(vendor("GET", "/auth/me").data["roles"]) == ["CUSTOMER", "VENDOR"]
    assert shop.admin("GET", "/auth/me").data["roles"] == ["ADMIN"]
    assert vendor("GET", "/inventory/low-stock").status == 200


def test_guest_cart_is_merged_into_customer_cart_at_login(shop: Shop) -> None:
    account, sku, other = person(), shop.product(stock=9), shop.product(stock=9)
    customer = signed_in(shop.guest()("POST", "/auth/register", account), shop.guest())
    customer.add(sku, 1)
    guest = shop.guest()
    guest.add(sku, 2)
    guest.add(other, 1)

    credentials = {"email": account["email"], "password": PASSWORD}
    signed_in_again = signed_in(guest("POST", "/auth/login", credentials), shop.guest())

    quantities = {item["sku"]: item["quantity"] for item in signed_in_again("GET", "/cart").data["items"]}
    assert quantities == {sku: 3, other: 1}
    assert guest("GET", "/cart").data["items"] == []


def mailed_token(email: str, about: str) -> str:
    """The token in the link of a mail whose subject contains `about`."""
    link = re.search(r"\?token=([\w.-]+)", text_of(wait_for_mail(email, about)))
    assert link, f"no link in the mail about {about!r}"
    return link[1]


def test_address_is_verified_and_password_reset_by_mail(shop: Shop) -> None:
    account = person()
    client, guest = shop.guest(), shop.guest()
    before = signed_in(guest("POST", "/auth/register", account), client)("GET", "/auth/me").data
    topic = Topic("analytics-events")

    resend_too_soon = client("POST", "/auth/verify-email/resend")
    verified = guest("POST", "/auth/verify-email", {"token": mailed_token(account["email"], "your address")})
    resend_verified = client("POST", "/auth/verify-email/resend")
    reset_requests = [
        guest("POST", "/auth/password/forgot", {"email": email}) for email in (account["email"], "x@example.com")
    ]
    token = mailed_token(account["email"], "new password")
    reset = guest("POST", "/auth/password/reset", {"token": token, "password": "another correct horse"})
    again = guest("POST", "/auth/password/reset", {"token": token, "password": PASSWORD})

    assert (resend_too_soon.status, resend_too_soon.code, resend_verified.status, resend_verified.code) == (
        429,
        "RATE_LIMITED",
        409,
        "INVALID_STATE",
    )
    assert 0 < int(resend_too_soon.headers["Retry-After"]) <= 60
    assert guest("POST", "/auth/verify-email/resend").status == 401
    assert (before["email_verified"], verified.data) == (False, before | {"email_verified": True})
    assert [(response.status, response.raw.partition(b"request_id")[0]) for response in reset_requests[:1]] == [
        (response.status, response.raw.partition(b"request_id")[0]) for response in reset_requests[1:]
    ]
    assert (reset_requests[0].status, reset.status, again.status, again.code) == (202, 200, 422, "VALIDATION_ERROR")
    login = {"email": account["email"], "password": PASSWORD}
    assert guest("POST", "/auth/login", login).code == "INVALID_CREDENTIALS"
    signed_in_client = signed_in(
        guest("POST", "/auth/login", login | {"password": "another correct horse"}), shop.guest()
    )
    change = {"current_password": PASSWORD, "new_password": PASSWORD}
    refused = signed_in_client("POST", "/auth/password/change", change)
    changed = signed_in_client("POST", "/auth/password/change", change | {"current_password": "another correct horse"})
    assert (refused.status, refused.error["details"][0]["field"], changed.status) == (422, "current_password", 200)
    replaced = signed_in(changed, shop.guest())
    assert eventually(lambda: signed_in_client("GET", "/auth/me").code == "UNAUTHENTICATED")
    assert replaced("GET", "/auth/me").data["id"] == before["id"]
    events = topic.of(before["id"], "password_changed")
    topic.close()
    assert events
    assert token.encode() not in orjson.dumps(events)
