"""Accounts that the tests sign in with."""

from dataclasses import dataclass, field
from typing import Any

import pyotp

from tests.support.shop import Client, Shop, new_key

PASSWORD = "correct horse battery"


@dataclass
class Person:
    """A customer with a session of their own; a second factor if it was added."""

    client: Client
    email: str
    refresh_token: str
    recovery_codes: list[str] = field(default_factory=list)

    def add_second_factor(self) -> None:
        """Put a second factor in use, in another session: this one has given no code."""
        other = Client(self.client.url)
        other.sign_in({"email": self.email, "password": PASSWORD})
        totp = pyotp.TOTP(other("POST", "/auth/2fa/totp").data["secret"])
        self.recovery_codes = other("POST", "/auth/2fa/totp/confirm", {"code": totp.now()}).data["recovery_codes"]

    def renewed_tokens(self) -> dict[str, Any]:
        """New tokens of this session."""
        reply = self.client("POST", "/auth/refresh", {"refresh_token": self.refresh_token})
        assert reply.status == 200, reply
        return dict(reply.data)


def new_person(shop: Shop, name: str = "ada", verified: bool = False) -> Person:
    """A new account, signed in. A verified one is created by an administrator."""
    email = f"{name}.{new_key()[:6]}@example.com"
    person = {"email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace"}
    client = shop.guest()
    if verified:
        shop.services.call("auth", "create_user", **person, roles=["CUSTOMER"])
        reply = client("POST", "/auth/login", {"email": email, "password": PASSWORD})
    else:
        reply = client("POST", "/auth/register", person)
    assert reply.status in (200, 201), reply
    client.token = reply.data["access_token"]
    return Person(client, email, reply.data["refresh_token"])
