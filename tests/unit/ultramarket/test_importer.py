"""What the import reports, whatever the API answers to each row."""

from typing import Any

from ultramarket.catalogue import Line
from ultramarket.importer import BATCH, import_lines


class Shop:
    """Answers like the import route: rows named `bad` are refused, the second time `unchanged`."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.batches: list[int] = []

    def post(self, path: str, body: dict[str, Any], *, once: bool = False) -> dict[str, Any]:
        assert path == "/products/import"
        assert once
        self.batches.append(len(body["products"]))
        return {"rows": [self._row(index, row["title"]) for index, row in enumerate(body["products"])]}

    def _row(self, index: int, title: str) -> dict[str, Any]:
        if title == "bad":
            return {"index": index, "status": "refused", "field": "variants.0.price", "reason": "must not be negative"}
        status = "unchanged" if title in self.known else "created"
        self.known.add(title)
        return {"index": index, "status": status}


def test_refused_rows_are_named_with_their_line_and_the_others_go_in() -> None:
    lines = [
        Line(2, {"title": "a"}),
        Line(3, None, "title is missing"),
        Line(4, {"title": "bad"}),
        Line(5, {"title": "b"}),
    ]

    outcome = import_lines(Shop(), lines)  # type: ignore[arg-type]

    assert outcome.as_json() == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "refused": 2,
        "refusals": [
            {"line": 3, "reason": "title is missing"},
            {"line": 4, "reason": "variants.0.price: must not be negative"},
        ],
    }


def test_rows_go_in_batches_and_the_bar_moves_with_them() -> None:
    shop, moved = Shop(), []
    lines = [Line(number, {"title": str(number)}) for number in range(BATCH + 1)]

    import_lines(shop, lines, moved.append)  # type: ignore[arg-type]

    assert shop.batches == [BATCH, 1]
    assert moved == [BATCH, 1]


def test_the_same_rows_again_change_nothing() -> None:
    shop, lines = Shop(), [Line(1, {"title": "a"})]
    import_lines(shop, lines)  # type: ignore[arg-type]

    assert import_lines(shop, lines).unchanged == 1  # type: ignore[arg-type]
