"""Accounts of Kafka and what each may do: https://kafka.apache.org/documentation/#security_authz.

Clients without an account may read, from this machine: tools that look at the events need nothing but the address.
`python -m ultramarket.servers.kafka_accounts` creates the permissions on the cluster of the settings (in containers).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from schemas.events.base import OTHER_TOPIC, TOPICS
from services.chassis.runtime.registry import ANALYTICS, ANALYTICS_CONSUMER, BRIDGE
from ultramarket.credentials import ACCOUNTS, OPERATOR, password, user

if TYPE_CHECKING:
    from confluent_kafka.admin import AclBinding

LISTENER: Final = "kafka_sasl"
ANYBODY: Final = "ANONYMOUS"
ALL_TOPICS: Final = (*TOPICS.values(), OTHER_TOPIC)


ACCESS: Final = """\
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.sasl.plain.sasl.jaas.config={accounts}
listener.name.controller.plain.sasl.jaas.config={accounts}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{operator}
"""


def access_config(secret: Mapping[str, str]) -> str:
    """The broker's settings of accounts and permissions, for listeners `SASL` and `CONTROLLER`."""
    return ACCESS.format(accounts=_login_module(secret), operator=OPERATOR)


def _login_module(secret: Mapping[str, str]) -> str:
    """The JAAS configuration of a listener: its accounts, and the broker's own towards its controller."""
    users = {user(service): password(LISTENER, secret, service) for service in (None, *ACCOUNTS[LISTENER])}
    accounts = " ".join(f'user_{name}="{word}"' for name, word in users.items())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return f'{module} required username="{OPERATOR}" password="{users[OPERATOR]}" {accounts};'


def permissions(group: str) -> "Iterator[AclBinding]":
    """Permissions of the services and of anybody; others can't join `group`, that of analytics."""
    for topic in dict.fromkeys(ALL_TOPICS):
        yield from _allow(user(BRIDGE), "topic", topic, "CREATE", "DESCRIBE", "WRITE")
        yield from _allow(user(ANALYTICS_CONSUMER), "topic", topic, "DESCRIBE", "READ")
    yield from _allow(user(ANALYTICS_CONSUMER), "group", group, "DESCRIBE", "READ")
    yield from _allow(user(ANALYTICS), "topic", OTHER_TOPIC, "DESCRIBE", "WRITE")
    yield from _allow(ANYBODY, "topic", "*", "DESCRIBE", "DESCRIBE_CONFIGS", "READ")
    yield from _allow(ANYBODY, "group", "*", "DESCRIBE", "READ")
    yield _acl(ANYBODY, "group", group, "READ", "DENY")


def create_permissions(options: Mapping[str, Any], group: str) -> None:
    """Create the permissions, as the operator. Idempotent. Raises `KafkaException`."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(dict(options))  # the requests end with it
    for created in admin.create_acls(list(permissions(group)), request_timeout=20).values():
        created.result(20)


def _allow(name: str, kind: str, resource: str, *operations: str) -> "Iterator[AclBinding]":
    for operation in operations:
        yield _acl(name, kind, resource, operation, "ALLOW")


def _acl(name: str, kind: str, resource: str, operation: str, permission: str) -> "AclBinding":
    from confluent_kafka.admin import (
        AclBinding,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    return AclBinding(
        ResourceType[kind.upper()],
        resource,
        ResourcePatternType.LITERAL,
        f"User:{name}",
        "*",
        AclOperation[operation],
        AclPermissionType[permission],
    )


if __name__ == "__main__":
    from services.analytics.settings import AnalyticsSettings
    from services.chassis.common.kafka_options import kafka_options
    from services.chassis.runtime.settings import load

    settings = load(AnalyticsSettings)
    create_permissions(kafka_options(settings), settings.analytics_group)
