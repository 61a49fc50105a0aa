"""New ids sort by creation time, also within one millisecond."""

from services.chassis.common.ids import is_id, new_id


def test_ids_sort_by_creation() -> None:
    ids = [new_id() for _ in range(5_000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {identifier[14] for identifier in ids} == {"7"}


def test_id_format_is_recognised() -> None:
    assert is_id(new_id())
    assert not any(map(is_id, ["", "1", "0197a000", "{0197a000-0000-7000-8000-00000000000e}", "x" * 36]))
