"""Maps drivers' connection errors to `ServiceUnavailable`.

Drivers are looked up only where they are loaded, so that a service without MongoDB does not carry its driver.
"""

import sys
from typing import Final

from services.chassis.common.errors import DomainError, ServiceUnavailable

_OUTAGES: Final[dict[str, tuple[str, ...]]] = {
    "sqlalchemy.exc": ("OperationalError", "InterfaceError", "TimeoutError"),
    "psycopg2": ("OperationalError", "InterfaceError"),
    "pymongo.errors": ("ConnectionFailure", "ExecutionTimeout", "WTimeoutError", "WriteConcernError"),
    "redis.exceptions": ("ConnectionError", "TimeoutError", "BusyLoadingError", "ReadOnlyError"),
    "elastic_transport": ("ConnectionError", "ConnectionTimeout", "TlsError"),
    "amqp.exceptions": ("ConnectionError", "RecoverableConnectionError"),
}
_MONGO_TRANSIENT: Final = {11600, 11602, 91, 189, 10107, 13435, 112}
"""Interrupted at shutdown, not primary, write conflict: https://github.com/mongodb/specifications, retryable writes."""


def as_domain_error(error: BaseException) -> DomainError | None:
    """The business error for an exception, or None when it is a bug."""
    if isinstance(error, DomainError):
        return error
    for module, names in _OUTAGES.items():
        loaded = sys.modules.get(module)
        if loaded and isinstance(error, tuple(getattr(loaded, name) for name in names if hasattr(loaded, name))):
            return ServiceUnavailable()
    if getattr(error, "code", None) in _MONGO_TRANSIENT and type(error).__module__.startswith("pymongo"):
        return ServiceUnavailable()
    return None
