"""Sessions, second factors, API keys and roles over HTTP: what ends or changes counts at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest

from tests.support.shop import Client, Reply, Shop, eventually, new_key

PASSWORD = "correct horse battery"


@pytest.fixture
def customer(shop: Shop) -> Client:
    return shop.customer()


def account_of(client: Client) -> dict[str, Any]:
    return dict(client("GET", "/auth/me").data)


def second_login(shop: Shop, client: Client) -> Client:
    other = shop.guest()
    other.sign_in({"email": account_of(client)["email"], "password": PASSWORD})
    return other


def outcome(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.code if reply.status >= 400 else "OK"


def refused_soon(client: Client) -> bool:
    """Whether the client's access token is refused within a few seconds."""
    return bool(eventually(lambda: outcome(client("GET", "/auth/me")) == (401, "UNAUTHENTICATED")))


def test_ended_session_is_refused_and_others_go_on(shop: Shop, customer: Client) -> None:
    other = second_login(shop, customer)
    sessions = customer("GET", "/auth/sessions").data
    [current] = [row for row in sessions if row["current"]]
    [foreign] = [row for row in sessions if not row["current"]]

    ended = customer("DELETE", f"/auth/sessions/{foreign['id']}")

    assert len(sessions) == 2
    assert (ended.status, ended.data) == (200, None)
    assert refused_soon(other)
    assert [row["id"] for row in customer("GET", "/auth/sessions").data] == [current["id"]]


def test_logout_everywhere_refuses_all_access_tokens(shop: Shop, customer: Client) -> None:
    other = second_login(shop, customer)

    assert customer("POST", "/auth/logout-all").status == 200

    assert refused_soon(customer)
    assert refused_soon(other)


def test_role_change_and_disabling_act_on_access_tokens(shop: Shop) -> None:
    analyst, vendor = shop.member("ANALYST"), shop.member("VENDOR")
    analyst_id, vendor_id = account_of(analyst)["id"], account_of(vendor)["id"]
    assert analyst("GET", "/analytics/cohorts").status == 200

    roles = shop.admin("PUT", f"/users/{analyst_id}/roles", {"roles": ["CUSTOMER"]})
    disabled = shop.admin("PATCH", f"/users/{vendor_id}", {"status": "disabled"})

    assert (roles.data["roles"], disabled.data["status"]) == (["CUSTOMER"], "disabled")
    assert refused_soon(analyst)
    assert refused_soon(vendor)
    listed = shop.admin("GET", "/users", params={"q": disabled.data["email"], "status": "disabled"})
    assert [row["id"] for row in listed.data] == [vendor_id]


def test_second_factor_from_setup_to_login(shop: Shop, customer: Client) -> None:
    email = account_of(customer)["email"]
    totp = pyotp.TOTP(customer("POST", "/auth/2fa/totp").data["secret"])
    confirmed = customer("POST", "/auth/2fa/totp/confirm", {"code": totp.now()})

    challenged = shop.guest()("POST", "/auth/login", {"email": email, "password": PASSWORD})
    challenge = challenged.error["details"][0]["challenge"]
    replayed = shop.guest()("POST", "/auth/2fa/login", {"challenge": challenge, "code": totp.at(time.time() - 30)})
    code = confirmed.data["recovery_codes"][0]
    signed_in = shop.guest()("POST", "/auth/2fa/login", {"challenge": challenge, "code": code})

    assert len(confirmed.data["recovery_codes"]) == 10
    assert outcome(challenged) == (401, "TWO_FACTOR_REQUIRED")
    assert outcome(replayed) == (422, "VALIDATION_ERROR")
    assert (signed_in.status, signed_in.data["user"]["email"]) == (200, email)


def test_api_key_works_within_its_scopes(shop: Shop) -> None:
    owner = shop.member("CUSTOMER")
    created = owner("POST", "/auth/api-keys", {"name": "Export", "scopes": ["orders.read"]})
    key = {"X-API-Key": created.data["key"]}
    guest = shop.guest()

    orders = guest("GET", "/orders", headers=key)
    profile = guest("GET", "/users/me", headers=key)
    cart = guest("POST", "/cart/items", {"sku": "NO-SUCH-SKU", "quantity": 1}, headers=key)
    owner("DELETE", f"/auth/api-keys/{created.data['id']}")

    assert created.status == 201
    assert created.data["key"].startswith("umk_")
    assert (orders.status, outcome(profile), outcome(cart)) == (200, (403, "FORBIDDEN"), (403, "FORBIDDEN"))
    assert eventually(lambda: outcome(guest("GET", "/orders", headers=key)) == (401, "UNAUTHENTICATED"))


def test_unverified_account_gets_no_api_key(customer: Client) -> None:
    refused = customer("POST", "/auth/api-keys", {"name": "Export", "scopes": ["orders.read"]})

    assert outcome(refused) == (403, "EMAIL_NOT_VERIFIED")


def test_edited_role_is_in_force_everywhere(shop: Shop) -> None:
    name = f"R{new_key()[:8].upper().replace('-', '')}"
    body = {"permissions": ["audit.read"], "reason": "Auditors read the trail"}
    created = shop.admin("PUT", f"/auth/roles/{name}", body)
    auditor = shop.member("CUSTOMER", name)
    assert eventually(lambda: auditor("GET", "/audit").status == 200)

    shop.admin("DELETE", f"/auth/roles/{name}", params={"reason": "Not needed any more"})

    assert (created.data["permissions"], created.data["editable"]) == (["audit.read"], True)
    assert eventually(lambda: outcome(auditor("GET", "/audit")) == (403, "FORBIDDEN"))
    assert outcome(shop.admin("PUT", "/auth/roles/ADMIN", body)) == (422, "VALIDATION_ERROR")


def test_sixty_wrong_passwords_delay_the_right_one(shop: Shop, customer: Client) -> None:
    email = account_of(customer)["email"]
    stranger = shop.guest()
    outcomes = [outcome(stranger("POST", "/auth/login", {"email": email, "password": f"wrong {n}"})) for n in range(60)]

    assert outcomes[:10] == [(401, "INVALID_CREDENTIALS")] * 10
    assert set(outcomes[10:]) <= {(429, "RATE_LIMITED"), (401, "INVALID_CREDENTIALS")}
    assert outcomes[10:].count((429, "RATE_LIMITED")) > 40


def test_ten_registrations_at_once_create_one_account(shop: Shop) -> None:
    account = {"email": f"{new_key()}@example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}

    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda _: shop.guest()("POST", "/auth/register", account), range(10)))

    assert sorted(reply.status for reply in replies) == [201] + [409] * 9
