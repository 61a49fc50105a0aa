"""Checks of a reply: no server error, everything as the document declares it, no request accepted that violates it."""

from typing import Any, Final

from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from tests.fuzz.tally import Failure, Tally

DECLARED: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
]
BUSY: Final = (503, 504)
"""Declared replies of a busy shop: counted in the tables, no failures."""
MAX_REQUEST: Final = 1_500
"""Characters of a request that are kept for the report."""


def check(case: Any, response: Any, role: str, tally: Tally, *, may: bool = True) -> None:
    """Count the reply; record what is wrong with it. `may`: whether the role may use the route."""
    route = str(case.operation.definition.raw["operationId"])
    status = response.status_code
    tally.add(role, route, status)
    chosen = list(DECLARED) if status in BUSY else [not_a_server_error, *DECLARED]
    if "fields" not in (case.query or {}):  # a trimmed reply lacks fields that are required
        chosen.append(checks.response_schema_conformance)
    is_form = str(case.media_type).startswith("multipart/")  # all values are texts: null and "null" are the same
    if status < 400 and case.meta is not None and not is_form:
        chosen.append(checks.negative_data_rejection)
    wrong: list[tuple[str, str]] = []
    try:
        case.validate_response(response, checks=chosen)
    except FailureGroup as failures:
        wrong.extend((getattr(each, "title", "Failure"), str(each)) for each in failures.exceptions)
    if status < 400 and not may:
        wrong.append(("Accepted without permission", f"{role} got {status}"))
    for title, message in wrong:
        request = case.as_curl_command()[:MAX_REQUEST]
        tally.failures.append(Failure(role, route, title, message[:MAX_REQUEST], request, response.text[:300]))
