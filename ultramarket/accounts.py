"""Accounts created through the auth service's RPC, the first administrator among them.

`python -m ultramarket.accounts` creates the administrator that the environment names (once, in containers).
"""

from contextlib import suppress
from typing import Any, Final

from pydantic import SecretStr

from services.chassis.common.errors import Conflict
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.runtime.settings import Settings, load
from ultramarket.instance import Instance
from ultramarket.instance_environment import ADMIN_EMAIL

ADMINISTRATOR: Final = {"roles": ["ADMIN"], "first_name": "Ada", "last_name": "Administrator"}


def create(amqp_url: str, **account: Any) -> dict[str, Any]:
    """Create an account from email, password, first_name, last_name and roles.

    Raises the service's `DomainError`.
    """
    client = RpcClient(amqp_url, publishers=1)
    try:
        user: dict[str, Any] = client.call("auth", "create_user", deadline=15, **account)
        return user
    finally:
        client.close()


def ensure_administrator(instance: Instance) -> None:
    """Create the administrator once. Raises `DomainError` when auth is unavailable."""
    if not instance.admin_created:
        with suppress(Conflict):  # an earlier `up` created it and was killed before it saved so
            password = instance.secrets["admin_password"]
            create(instance.url("rabbitmq"), email=ADMIN_EMAIL, password=password, **ADMINISTRATOR)
        instance.admin_created = True
        instance.save()


class AdministratorSettings(Settings):
    """The administrator's account."""

    admin_email: str = ADMIN_EMAIL
    admin_password: SecretStr


def main() -> None:
    settings = load(AdministratorSettings)
    password = settings.admin_password.get_secret_value()
    with suppress(Conflict):
        create(settings.amqp_url, email=settings.admin_email, password=password, **ADMINISTRATOR)


if __name__ == "__main__":
    main()
