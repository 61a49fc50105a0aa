"""Ids sort by the time they were made, also within one millisecond."""

from services.chassis.common.ids import is_id, new_id


def test_ids_are_in_the_order_of_their_making() -> None:
    made = [new_id() for _ in range(5_000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {identifier[14] for identifier in made} == {"7"}


def test_an_id_is_told_from_other_text() -> None:
    assert is_id(new_id())
    assert not any(map(is_id, ["", "1", "0197a000", "{0197a000-0000-7000-8000-00000000000e}", "x" * 36]))
