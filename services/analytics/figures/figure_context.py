"""The context of a figure: the dataset, the default currency and the current time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from schemas.api.analytics import PeriodQuery
from services.analytics.domain import periods
from services.analytics.domain.periods import Period
from services.analytics.store.counters import CounterQueries
from services.analytics.store.datasets import Dataset

Document = dict[str, Any]
MAX_LISTED: Final = 20
T = TypeVar("T")


class FigureContext:
    """The dataset, currency, time and caller that every figure needs besides its query."""

    def __init__(self, dataset: Dataset, currency: str, now: datetime) -> None:
        self.dataset, self.currency, self.now = dataset, currency, now
        self.counters = CounterQueries(dataset)

    def period(self, query: PeriodQuery) -> Period:
        """The period of the query. Raises `ValidationFailed`."""
        return periods.period_of(self.dataset.calendar, query.from_, query.to, self.now)


def top(groups: Mapping[str, T], value_of: Callable[[T], int], limit: int) -> Sequence[tuple[str, T]]:
    """The `limit` entries with the highest value; ties are sorted by key, so that the result is stable."""
    return sorted(groups.items(), key=lambda item: (-value_of(item[1]), item[0]))[:limit]
