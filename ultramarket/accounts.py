"""Make accounts directly in the auth service: the only way to the first administrator."""

from contextlib import suppress
from typing import Any

from services.chassis.client import RpcClient
from services.chassis.errors import Conflict
from ultramarket.instance import ADMIN_EMAIL, Instance


def create(
    instance: Instance, email: str, password: str, roles: list[str], first_name: str, last_name: str
) -> dict[str, Any]:
    """The account as auth replies it. Raises the service's `DomainError`."""
    client = RpcClient(instance.url("rabbitmq"), publishers=1)
    try:
        user: dict[str, Any] = client.call(
            "auth",
            "create_user",
            deadline=15,
            email=email,
            password=password,
            first_name=first_name,
            last_name=last_name,
            roles=roles,
        )
        return user
    finally:
        client.close()


def ensure_administrator(instance: Instance) -> None:
    """Idempotent. Raises `DomainError` when auth can't be asked."""
    if instance.admin_made:
        return
    with suppress(Conflict):  # an earlier `up` made it and was killed before it could note so
        create(instance, ADMIN_EMAIL, instance.secrets["admin_password"], ["ADMIN"], "Ada", "Administrator")
    instance.admin_made = True
    instance.save()
