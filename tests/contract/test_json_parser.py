"""JSON of clients is read by one parser, which refuses what parsers disagree on (ADR 0074)."""

import re
from pathlib import Path
from typing import Final

PARSERS: Final = re.compile(r"\b(orjson\.loads|json\.loads|get_json|request\.json|model_validate_json|from_json)\b")
KNOWN: Final = {
    "gateway_flask/http/json_documents.py": {"from_json"},  # the parser
    "gateway_flask/http/parse.py": {"model_validate_json"},  # after it, for the types of JSON
    "gateway_flask/caching/cached_reply.py": {"orjson.loads"},  # replies of our own, from Redis
    "gateway_flask/caching/follower.py": {"orjson.loads"},  # messages of our own
    "gateway_flask/graphql/connections.py": {"orjson.loads"},  # cursors of our own, a pair or refused
    "gateway_flask/graphql/persisted.py": {"orjson.loads"},  # the operator's file
    "gateway_flask/graphql/resolvers/orders.py": {"orjson.loads"},  # replies of our own
    "gateway_flask/http/fieldsets.py": {"orjson.loads"},
    "gateway_flask/http/file_streaming.py": {"orjson.loads"},
    "gateway_flask/middleware/reply_store.py": {"orjson.loads"},
    "gateway_flask/middleware/revocations.py": {"orjson.loads"},  # messages of our own
    "gateway_flask/subscriptions/order_events.py": {"orjson.loads"},
    "gateway_flask/testing.py": {"orjson.loads"},
}
"""Where the gateway parses JSON, and whose it is."""


def test_json_of_clients_is_read_by_one_parser() -> None:
    parsers: dict[str, set[str]] = {}
    for path in sorted(Path("gateway_flask").rglob("*.py")):
        if names := set(PARSERS.findall(path.read_text())):
            parsers[str(path)] = names

    assert parsers == KNOWN
