"""Which news of a SKU the index needs: nearly none, for it knows only whether something is there.

Each `stock_changed` says how much there is and by how much that changed, so what was before is known from it alone.
Between one that turns the answer and the next there is nothing to write, and after all of them, in whatever order they
came, the one with the highest sequence says what is so: those that were left out would have said the same.
"""

from schemas.events.inventory import StockChanged


def comes_or_goes(event: StockChanged) -> bool:
    """Whether something is there now and was not before, or the other way round. The first word counts always."""
    before = event.available - event.delta
    return event.reason == "initial" or (event.available > 0) != (before > 0)
