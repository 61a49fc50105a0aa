"""Requests to addresses from outside: every field that takes one is known, and every request goes through the guard."""

import ast
import re
from pathlib import Path
from typing import Final

from tests.support import request_models
from tests.support.request_models import fields

ADDRESS: Final = re.compile(
    r"(^|\.)(\w*url|endpoint|images?|thumbnail|link|return_to|callback\w*|\w*address|host|site)$"
)
FETCHED: Final = frozenset(
    {
        "create_webhook body url",
        "update_webhook body url",
        "add_device body endpoint",
    }
)
"""Addresses that the shop sends requests to: `tests/unit/chassis/test_outbound.py`."""
NOT_FETCHED: Final = frozenset(
    {
        "create_product body images",
        "update_product body images",
        "patch_product body images",
        "create_product body thumbnail",
        "update_product body thumbnail",
        "patch_product body thumbnail",
        "submit_review body images",
        "edit_review body images",
        "put_template body text.button.url",
        "preview_template body text.button.url",
        "start_oauth query return_to",
        "remove_device body endpoint",
        "place_order body shipping_address",
        "place_order body billing_address",
        "shipping_rates body address",
    }
)
"""Addresses that are shown, compared or matched, ids of pictures, and postal addresses."""

SENDERS: Final = re.compile(
    r"^(requests\.(get|post|put|patch|delete|head|options|request|Session)|urllib3\.\w*(PoolManager|connection_from_url)"
    r"|(urllib\.request\.|request\.)?urlopen|urlretrieve|http\.client\.\w+|HTTPS?Connection|httpx\.\w+|aiohttp\.\w+"
    r"|socket\.create_connection|create_connection|OAuth2Session|webpush|SMTP|SMTP_SSL"
    r"|smtplib\.\w+)$"
)
KNOWN_SENDERS: Final = {
    "gateway_flask/http/file_streaming.py": {"urllib3.PoolManager"},  # to the files service of the settings
    "services/chassis/outbound/guarded_http.py": {"create_connection"},  # the guard, to the address that it checked
    "services/notifications/providers/push.py": {"webpush"},  # with a GuardedSession
    "services/notifications/providers/smtp.py": {"smtplib.SMTP", "smtplib.SMTP_SSL"},  # to the server of the settings
}
"""The only places that open connections for HTTP or mail; the libraries of Stripe and Twilio know their own hosts."""


def test_every_address_in_a_request_is_classified() -> None:
    addresses = {
        f"{name} {path}"
        for name, model in request_models.of_routes("query", "body").items()
        for path, _ in fields(model)
        if ADDRESS.search(path)
    }

    assert (addresses - FETCHED - NOT_FETCHED, (FETCHED | NOT_FETCHED) - addresses) == (set(), set())


def test_requests_are_sent_by_the_guarded_client_only() -> None:
    senders: dict[str, set[str]] = {}
    for package in ("services", "gateway_flask", "kafka_bridge", "schemas"):
        for path in sorted(Path(package).rglob("*.py")):
            tree = ast.parse(path.read_text())
            calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            if opened := {call for call in calls if SENDERS.match(call)}:
                senders[str(path)] = opened

    assert senders == KNOWN_SENDERS


def test_sessions_of_providers_and_receivers_are_guarded() -> None:
    from services.auth.providers import ProviderSession
    from services.chassis.outbound.guarded_http import GuardedSession

    assert issubclass(ProviderSession, GuardedSession)
    for path in ("services/webhooks/sender.py", "services/notifications/providers/push.py"):
        assert "GuardedSession(" in Path(path).read_text()
