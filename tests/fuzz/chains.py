"""Chains of requests as schemathesis infers them from the document: a reply's values go into the next request.

Every link between two operations is followed sooner or later, also those that a walk by `run.py` does not take.
"""

from functools import cache
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase
from schemathesis.core.failures import FailureGroup

from tests.fuzz.callers import ENDS_SESSIONS, Callers, may_use
from tests.fuzz.calls import SCHEMA
from tests.fuzz.checks import check
from tests.fuzz.run import violates_headers
from tests.fuzz.tally import Tally
from tests.support.shop import Shop, new_key

EXCLUDED: Final = ENDS_SESSIONS | {
    *("put_role", "reset_role", "set_user_roles", "update_user", "erase_user"),
    *("put_setting", "roll_setting_back", "put_flag", "delete_warehouse", "delete_category", "delete_product"),
    *("analytics_live",),
}
"""Changes of things of the shop that the other requests of a run need, whichever a link names; an endless stream."""
STEPS: Final = 8
CREDENTIALS: Final = ("Authorization", "X-API-Key")


@cache
def _schema(role: str) -> Any:
    operations = [
        name
        for name in (each.ok().definition.raw["operationId"] for each in SCHEMA.get_all_operations())
        if may_use(role, name) and name not in EXCLUDED
    ]
    return SCHEMA.include(operation_id=operations)


def run(shop: Shop, role: str, tally: Tally, start: int, scenarios: int) -> None:
    """Follow chains as a role."""
    callers = Callers(shop)

    class Machine(_schema(role).as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            headers = callers.credentials(role, callers.client(role, ""))
            if not violates_headers(case):
                for name in CREDENTIALS:  # generated from the document's security schemes
                    case.headers.pop(name, None)
                headers["Idempotency-Key"] = new_key()
            return {"base_url": shop.url, "headers": headers, "timeout": 60}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            check(case, response, role, tally)

    settings = hypothesis.settings(
        max_examples=scenarios,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    try:
        hypothesis.seed(start)(Machine).run(settings=settings)
    except FailureGroup as failures:
        raise AssertionError(failures.exceptions) from failures
