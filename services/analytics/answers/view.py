"""What a figure is asked of: one set, in one currency unless the question names another, at one moment."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from schemas.api.analytics import PeriodQuery
from services.analytics.book.figures import Figures
from services.analytics.book.sets import Book
from services.analytics.domain import periods
from services.analytics.domain.periods import Period

Document = dict[str, Any]
LISTED: Final = 20
T = TypeVar("T")


class View:
    """The set that answers."""

    def __init__(self, book: Book, currency: str, now: datetime) -> None:
        self.book, self.currency, self.now = book, currency, now
        self.figures = Figures(book)

    def period(self, query: PeriodQuery) -> Period:
        return periods.period_of(self.book.calendar, query.from_, query.to, self.now)


def best(groups: Mapping[str, T], worth: Callable[[T], int], limit: int) -> Sequence[tuple[str, T]]:
    """The first ones; those that are worth the same by name, so that a list reads the same each time."""
    return sorted(groups.items(), key=lambda item: (-worth(item[1]), item[0]))[:limit]
