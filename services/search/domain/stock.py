"""Availability changes: the index stores only whether a SKU is available, so most stock events can be skipped.

A `stock_changed` contains the new level and the delta, hence also the previous level. Skipped events do not change the
availability, so in any order of arrival the indexed event with the highest sequence is right.
"""

from schemas.events.inventory import StockChanged


def changes_availability(event: StockChanged) -> bool:
    """Whether the event changes the SKU's availability. Initial levels always count."""
    before = event.available - event.delta
    return event.reason == "initial" or (event.available > 0) != (before > 0)
