"""Result of an import, from the API's reply to each row."""

from typing import Any

from ultramarket.catalogue import Line
from ultramarket.importer import BATCH, import_lines


class FakeApi:
    """The import route: rows titled `bad` are refused, repeated ones `unchanged`."""

    def __init__(self) -> None:
        self.titles: set[str] = set()
        self.batches: list[int] = []

    def post(self, path: str, body: dict[str, Any], *, idempotent: bool = False) -> dict[str, Any]:
        assert path == "/products/import"
        assert idempotent
        self.batches.append(len(body["products"]))
        return {"rows": [self._row(index, row["title"]) for index, row in enumerate(body["products"])]}

    def _row(self, index: int, title: str) -> dict[str, Any]:
        if title == "bad":
            return {"index": index, "status": "refused", "field": "variants.0.price", "reason": "must not be negative"}
        status = "unchanged" if title in self.titles else "created"
        self.titles.add(title)
        return {"index": index, "status": status}


def test_refused_rows_are_reported_by_line() -> None:
    lines = [
        Line(2, {"title": "a"}),
        Line(3, None, "title is missing"),
        Line(4, {"title": "bad"}),
        Line(5, {"title": "b"}),
    ]

    result = import_lines(FakeApi(), lines)  # type: ignore[arg-type]

    assert result.as_json() == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "refused": 2,
        "refusals": [
            {"line": 3, "reason": "title is missing"},
            {"line": 4, "reason": "variants.0.price: must not be negative"},
        ],
    }


def test_rows_are_sent_in_batches_with_progress() -> None:
    api, progress = FakeApi(), []
    lines = [Line(number, {"title": str(number)}) for number in range(BATCH + 1)]

    import_lines(api, lines, progress.append)  # type: ignore[arg-type]

    assert api.batches == [BATCH, 1]
    assert progress == [BATCH, 1]


def test_repeated_rows_are_unchanged() -> None:
    api, lines = FakeApi(), [Line(1, {"title": "a"})]
    import_lines(api, lines)  # type: ignore[arg-type]

    assert import_lines(api, lines).unchanged == 1  # type: ignore[arg-type]
