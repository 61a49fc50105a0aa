"""MongoDB users of the services: each may read and write its own database, and no other.

A service's user and password are those of its own URL (`ULTRAMARKET_MONGO_URL_ORDERS`). Without such a URL the service
works as the user that migrates.
"""

from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri

from services.chassis.runtime.registry import ANALYTICS, ANALYTICS_CONSUMER
from services.chassis.runtime.settings import own_urls
from services.chassis.stores.mongo import connect, database_name

ALREADY_EXISTS = 51003
SAME_DATABASE = {ANALYTICS: ANALYTICS_CONSUMER}
"""Processes that work on the database of a service, with a user of their own."""


def ensure_users(service: str, admin_url: str) -> None:
    """Create the users for the service's database, or give them the passwords of their URLs.

    Idempotent, safe to run at once.
    """
    for name in (service, SAME_DATABASE.get(service)):
        url = own_urls(name).get("mongo_url") if name else None
        if url:
            _ensure_user(url, admin_url, database_name(service))


def _ensure_user(url: str, admin_url: str, database: str) -> None:
    own = parse_uri(url, validate=False)
    if not own["username"] or own["username"] == parse_uri(admin_url, validate=False)["username"]:
        return
    account = {"pwd": own["password"], "roles": [{"role": "readWrite", "db": database}]}
    with connect(admin_url) as client:
        users = client[own["options"].get("authSource") or own["database"] or "admin"]
        try:
            users.command("createUser", own["username"], **account)
        except OperationFailure as failure:
            if failure.code != ALREADY_EXISTS:
                raise
            users.command("updateUser", own["username"], **account)
