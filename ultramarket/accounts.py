"""Make accounts directly in the auth service: the only way to the first administrator.

`python -m ultramarket.accounts` makes the administrator that the environment names (containers do so once).
"""

from contextlib import suppress
from typing import Any, Final

from pydantic import SecretStr

from services.chassis.common.errors import Conflict
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.runtime.settings import Settings, load
from ultramarket.instance import ADMIN_EMAIL, Instance

ADMINISTRATOR: Final = {"roles": ["ADMIN"], "first_name": "Ada", "last_name": "Administrator"}


def create(amqp_url: str, **account: Any) -> dict[str, Any]:
    """The account as auth replies it, of email, password, first_name, last_name, roles.

    Raises the service's `DomainError`.
    """
    client = RpcClient(amqp_url, publishers=1)
    try:
        user: dict[str, Any] = client.call("auth", "create_user", deadline=15, **account)
        return user
    finally:
        client.close()


def ensure_administrator(instance: Instance) -> None:
    """Idempotent. Raises `DomainError` when auth can't be asked."""
    if not instance.admin_made:
        with suppress(Conflict):  # an earlier `up` made it and was killed before it could note so
            password = instance.secrets["admin_password"]
            create(instance.url("rabbitmq"), email=ADMIN_EMAIL, password=password, **ADMINISTRATOR)
        instance.admin_made = True
        instance.save()


class AdministratorSettings(Settings):
    """Whom to make the administrator."""

    admin_email: str = ADMIN_EMAIL
    admin_password: SecretStr


def main() -> None:
    settings = load(AdministratorSettings)
    password = settings.admin_password.get_secret_value()
    with suppress(Conflict):
        create(settings.amqp_url, email=settings.admin_email, password=password, **ADMINISTRATOR)


if __name__ == "__main__":
    main()
