"""Names of persons and of recipients: names, and no messages to whoever reads them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.names import PersonName, RecipientName, is_person_name

PERSON: TypeAdapter[str] = TypeAdapter(PersonName)
RECIPIENT: TypeAdapter[str] = TypeAdapter(RecipientName)


@pytest.mark.parametrize(
    "name",
    [
        "Ada", "Anne-Marie", "O'Brien", "D’Arcy", "J. R. R.", "Martin Luther King, Jr.", "Łukasz", "Nguyễn Thị Minh",
        "李", "Дмитрий", "محمد", "प्रिया", "José", "Ng", "Gal·la", "Zoe\u0301",
    ],
)  # fmt: skip
def test_name_of_any_script_is_accepted(name: str) -> None:
    assert len(PERSON.validate_python(name)) <= len(name)
    assert is_person_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "You won $1000! Get it at https://evil.example", "evil.example", "Evil.Com", "www.evil", "ada@example.com",
        "Ada\u202egnp", "Ada\u200bB", "Ada\u2066B", "Ada\nB", "Ada\u2028B", "A1", "1000", "<b>Ada</b>", "{{ x }}", "-",
        "", " ", "A" * 61, "Ada!", "Ada (admin)", "a://b", "a\u0000", "\U0001f600",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        PERSON.validate_python(name)
    assert not is_person_name(name)


def test_recipient_may_be_a_company() -> None:
    assert RECIPIENT.validate_python("Müller & Sons (Dept. 7), c/o Byron #4") == "Müller & Sons (Dept. 7), c/o Byron #4"
    for text in ("Pay at https://evil.example", "shop.evil", "x@y", "a\u202eb", "<i>", "x" * 121):
        with pytest.raises(ValidationError):
            RECIPIENT.validate_python(text)
