"""Availability changes: which stock events are indexed."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.inventory import StockChanged
from services.search.domain.stock import changes_availability

LEVELS = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def _told(levels: list[int]) -> list[tuple[int, StockChanged]]:
    """The news of a level that becomes each of these, with their sequences."""
    before, news = 0, []
    for sequence, available in enumerate(levels, start=1):
        reason = "initial" if sequence == 1 else "adjusted"
        said = {"on_hand": available, "reserved": 0, "available": available, "delta": available - before}
        news.append((sequence, StockChanged.model_validate({"sku": "MUG", "reason": reason, **said})))
        before = available
    return news


@given(LEVELS, st.data())
def test_skipped_stock_events_change_nothing(levels: list[int], data: st.DataObject) -> None:
    heard = [(sequence, event.available) for sequence, event in _told(levels) if changes_availability(event)]
    parse = data.draw(st.integers(0, len(levels)), label="what a snapshot of the catalogue knew")
    heard += [(parse, levels[parse - 1])] if parse else []

    shuffled = data.draw(st.permutations(heard + heard[:2]))

    known = (0, 0)
    for sequence, available in shuffled:
        known = max(known, (sequence, available), key=lambda each: each[0])
    assert (known[1] > 0) == (levels[-1] > 0)


def test_initial_level_is_never_skipped() -> None:
    heard = [sequence for sequence, event in _told([0, 5, 4, 4, 1, 0, 0, 2, 1]) if changes_availability(event)]

    assert heard == [1, 2, 6, 8]
