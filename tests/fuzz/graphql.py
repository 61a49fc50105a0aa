"""GraphQL: documents generated from the schema. Errors are the client's, with a code of the error table."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import requests
from graphql import BooleanValueNode, FloatValueNode, IntValueNode, StringValueNode
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

import schemas
from services.chassis.common.errors import DOMAIN_ERRORS
from tests.fuzz.callers import Callers
from tests.fuzz.checks import BUSY
from tests.fuzz.pool import Pool
from tests.fuzz.tally import Failure, Tally
from tests.support.shop import Shop

SDL: Final = (Path(schemas.__file__).parent / "graphql/schema.graphql").read_text()
ROUTE: Final = "graphql"
ALLOWED: Final = frozenset(DOMAIN_ERRORS) - {"INTERNAL_ERROR"}
SCALARS: Final = {
    "MinorUnits": st.integers(-1, 10**13).map(lambda number: IntValueNode(value=str(number))),
    "DateTime": st.datetimes().map(lambda moment: StringValueNode(value=moment.isoformat() + "Z")),
    "AttributeValue": st.one_of(
        st.text(max_size=10).map(lambda text: StringValueNode(value=text)),
        st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: FloatValueNode(value=f"{number:.3f}")),
        st.booleans().map(lambda value: BooleanValueNode(value=value)),
    ),
}


@cache
def documents(number: int, start: int) -> list[str]:
    """Generated documents: queries and mutations."""
    texts: list[str] = []

    @seed(start)
    @given(text=from_schema(SDL, custom_scalars=SCALARS))
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def collect(text: Any) -> None:
        texts.append(str(text))

    collect()
    return texts


def run(shop: Shop, role: str, pool: Pool, tally: Tally, start: int, number: int) -> None:
    """Send generated documents as a role, ids in them replaced by real ones."""
    callers = Callers(shop)
    headers = callers.credentials(role, callers.client(role, ""))
    for text in documents(number, start):
        sent = {"query": with_ids(text, pool)}
        response = requests.post(f"{shop.url}/graphql", json=sent, headers=headers, timeout=60)
        tally.add(role, ROUTE, response.status_code)
        wrong = fault_of(response)
        if wrong:
            request = f"POST /graphql {sent['query']}"
            tally.failures.append(Failure(role, ROUTE, "GraphQL reply", wrong, request, response.text[:300]))


def with_ids(text: str, pool: Pool) -> str:
    """The document; empty ids and SKUs, which generated documents have most, become those of things that exist."""
    product, order = pool.pick("products", "id", changes=False), pool.pick("orders", "id", changes=False)
    sku = pool.pick("skus", "sku", changes=False)
    for name, value in (("product(id", product), ("rder(id", order), ("sku", sku), ("idempotencyKey", key_of(text))):
        text = text.replace(f'{name}: ""', f'{name}: "{value}"')
    return text


def key_of(text: str) -> str:
    """A key for a mutation: the same for the same document."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def fault_of(response: requests.Response) -> str | None:
    """The fault of a reply, if there is one."""
    if response.status_code >= 500 and response.status_code not in BUSY:
        return f"status {response.status_code}"
    try:
        body = response.json()
    except ValueError:
        return "is not JSON"
    codes = [error.get("extensions", {}).get("code") for error in body.get("errors", [])]
    if unknown := sorted({str(code) for code in codes if code not in ALLOWED}):
        return f"code {', '.join(unknown)}"
    if "data" not in body and not codes:
        return "has neither data nor errors"
    return None
