"""No event's handling has failed for good."""

from ultramarket.dead_letters import dead_letters
from ultramarket.instance import Instance
from ultramarket.verify.results import CheckResult


def check_dead_letters(instance: Instance) -> CheckResult:
    """The dead-letter queues are empty."""
    result = CheckResult("dead letters")
    for letter in dead_letters(instance):
        result.examined += 1
        result.add(letter["id"], f"{letter['type'] or 'no event'} for {letter['service']}: {letter['error']}"[:200])
    return result
