"""Availability changes: which stock events are indexed."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.inventory import StockChanged
from services.search.domain.stock import changes_availability

LEVELS = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def _stock_events(levels: list[int]) -> list[tuple[int, StockChanged]]:
    """The stock events of a level that takes these values in turn, with their sequence numbers."""
    before, events = 0, []
    for sequence, available in enumerate(levels, start=1):
        reason = "initial" if sequence == 1 else "adjusted"
        values = {"on_hand": available, "reserved": 0, "available": available, "delta": available - before}
        events.append((sequence, StockChanged.model_validate({"sku": "MUG", "reason": reason, **values})))
        before = available
    return events


@given(LEVELS, st.data())
def test_skipped_stock_events_change_nothing(levels: list[int], data: st.DataObject) -> None:
    indexed = [(sequence, event.available) for sequence, event in _stock_events(levels) if changes_availability(event)]
    snapshot_sequence = data.draw(st.integers(0, len(levels)), label="sequence of a snapshot of the catalogue")
    indexed += [(snapshot_sequence, levels[snapshot_sequence - 1])] if snapshot_sequence else []

    shuffled = data.draw(st.permutations(indexed + indexed[:2]))

    latest = (0, 0)
    for sequence, available in shuffled:
        latest = max(latest, (sequence, available), key=lambda pair: pair[0])
    assert (latest[1] > 0) == (levels[-1] > 0)


def test_initial_level_is_never_skipped() -> None:
    indexed = [
        sequence for sequence, event in _stock_events([0, 5, 4, 4, 1, 0, 0, 2, 1]) if changes_availability(event)
    ]

    assert indexed == [1, 2, 6, 8]
