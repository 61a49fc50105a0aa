"""Secrets and card numbers are in no log of any process or server, and in no audit entry, however they are sent."""

import re
from pathlib import Path
from typing import Any, Final

import pyotp
import pytest

from tests.support.bodies import VALID_BODIES
from tests.support.files import upload
from tests.support.images import PDF
from tests.support.instance import Instance
from tests.support.mailbox import text_of, wait_for_mail
from tests.support.receiver import PORT
from tests.support.shop import ADDRESS, Client, Shop, eventually, new_key
from ultramarket.instance import load

CARD: Final = "4242424242424242"
ORDER: Final = {"shipping_address": ADDRESS, "shipping_method": "standard"}
TOKEN_IN_LINK: Final = re.compile(r"token=([\w.\-]+)")


def new_secret(kind: str) -> str:
    return f"{kind}-{new_key()}"


class Person:
    """A registered person, whose every secret is noted."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.email, self.password = shop, f"{new_key()[:12]}@example.com", new_secret("Password")
        self.secrets: dict[str, str] = {"password": self.password, "card": CARD}
        body = {"email": self.email, "password": self.password, "first_name": "A", "last_name": "B"}
        self.client = Client(shop.url)
        signed_in = self.client("POST", "/auth/register", body).data
        self.client.token = signed_in["access_token"]
        self.secrets |= {name: signed_in[name] for name in ("access_token", "refresh_token")}

    def note(self, **secrets: str) -> None:
        self.secrets |= secrets


@pytest.fixture
def person(shop: Shop) -> Person:
    return Person(shop)


def use_account(person: Person) -> None:
    """Second factor, recovery codes, a key, a mailed token, a signed link: each made and used once."""
    client = person.client
    link = TOKEN_IN_LINK.search(text_of(wait_for_mail(person.email)))
    assert link is not None
    assert client("POST", "/auth/verify-email", {"token": link[1]}).status == 200
    refreshed = client("POST", "/auth/refresh", {"refresh_token": person.secrets["refresh_token"]}).data
    client.token = refreshed["access_token"]
    key = client("POST", "/auth/api-keys", VALID_BODIES["create_api_key"]).data["key"]
    secret = client("POST", "/auth/2fa/totp").data["secret"]
    codes = client("POST", "/auth/2fa/totp/confirm", {"code": pyotp.TOTP(secret).now()}).data["recovery_codes"]
    assert person.shop.guest()("GET", "/orders", headers={"X-API-Key": key}).status == 200
    document = upload(client, PDF + new_key().encode(), "document").data["id"]
    url = client("POST", f"/files/{document}/link", {"expires_in": 60}).data["url"]
    assert person.shop.guest()("GET", url.partition("/api/v1")[2]).status == 200
    person.note(new_access_token=refreshed["access_token"], new_refresh_token=refreshed["refresh_token"])
    person.note(verify_token=link[1], totp=secret, recovery_code=codes[0], key=key, link=url.partition("signature=")[2])


def send_badly(person: Person) -> None:
    """Secrets where they don't belong: wrong routes, queries, headers, broken bodies, fields of another type."""
    guest, client, secret = person.shop.guest(), person.client, new_secret("Misplaced")
    person.note(misplaced=secret)
    login = {"email": person.email, "password": secret}
    sent: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/auth/login", {"json": login}),
        ("POST", "/auth/login", {"json": login | {"password": [secret]}}),
        ("POST", "/auth/login", {"json": login | {secret: 1}}),
        ("POST", "/auth/login", {"data": f'{{"password": "{secret}", "password": "{secret}"}}'.encode()}),
        ("POST", "/auth/login", {"data": f'{{"password": {secret}'.encode()}),
        ("POST", "/auth/login", {"data": f"password={secret}&card={CARD}".encode()}),
        ("POST", "/products", {"json": login}),
        ("PUT", "/auth/login", {"json": login}),
        ("GET", f"/auth/me?password={secret}&card={CARD}", {}),
        ("GET", "/auth/me", {"headers": {"Authorization": f"Bearer {secret}"}}),
        ("GET", "/auth/me", {"headers": {"Authorization": f"Basic {secret}"}}),
        ("GET", "/auth/me", {"headers": {"X-API-Key": secret}}),
        ("GET", "/cart", {"headers": {"Cookie": f"session={secret}", "X-Cart-Id": f"{secret}{secret}"}}),
        ("POST", "/auth/refresh", {"json": {"refresh_token": secret}}),
        ("POST", "/auth/password/reset", {"json": {"token": secret, "password": secret}}),
        ("POST", "/auth/verify-email", {"json": {"token": secret}}),
        ("POST", "/auth/2fa/login", {"json": {"challenge": secret, "code": secret}}),
        ("GET", f"/notifications/unsubscribe?token={secret}", {}),
        ("POST", "/webhooks/sandbox", {"json": {"card": CARD, "secret": secret}}),
    ]
    for method, path, request in sent:
        assert guest(method, path, **request).status in (400, 401, 404, 405, 415, 422, 200), (method, path)
    for token in (CARD, {"number": CARD}):
        payment = {"provider": "sandbox", "token": token}
        assert client("POST", "/orders", ORDER | {"payment_method": payment}, key=new_key()).status in (402, 404, 422)


def use_shop(person: Person) -> None:
    """A guest's order with its key, a webhook's secrets, a settings change."""
    guest = person.shop.guest()
    guest.add(person.shop.product())
    order = guest.order()
    key = order.data["access_key"]
    assert guest("GET", f"/orders/{order.data['id']}", headers={"X-Order-Key": key}).status == 200
    subscription = {"url": f"http://127.77.0.1:{PORT}/nobody-listens", "events": ["order_placed"]}
    created = person.shop.admin("POST", "/webhook-subscriptions", subscription).data
    path = f"/webhook-subscriptions/{created['id']}"
    rotated = person.shop.admin("POST", f"{path}/rotate-secret").data["secret"]
    person.shop.admin("POST", f"{path}/test")
    assert person.shop.admin("DELETE", path).status == 200
    person.note(order_key=key, webhook_secret=created["secret"], rotated_secret=rotated)


def test_secrets_are_in_no_log_and_no_audit_entry(shop: Shop, person: Person) -> None:
    use_account(person)
    send_badly(person)
    use_shop(person)
    marker = new_key()
    shop.guest()("GET", f"/products/{marker}")

    folder = Path(load(Instance().name).logs)
    assert eventually(lambda: marker.encode() in (folder / "gateway.log").read_bytes())
    logs = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(person.secrets) == 15
    assert all(len(secret) >= 10 for secret in person.secrets.values())
    assert {"gateway.log", "core.log", "platform.log", "nginx.log", "postgres.log", "mongodb.log"} <= logs.keys()
    places = {name for log in logs.values() for name, secret in person.secrets.items() if secret.encode() in log}
    assert places == set()
    audit = shop.admin("GET", "/audit?limit=100").raw
    assert b"api_key" in audit
    assert {name for name, secret in person.secrets.items() if secret.encode() in audit} == set()
