"""One line of text stays one line, for whatever splits it: mail, logs, CSV, headers."""

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.base import Line
from schemas.names import PersonName, RecipientName

LINE_ENDS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


@pytest.mark.parametrize("kind", [Line, PersonName, RecipientName], ids=["line", "person", "recipient"])
@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_line_end_is_refused(kind: type[str], end: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(f"Ada{end}Bcc: all@example.com")


def test_every_line_end_of_python_is_tried() -> None:
    ends = {chr(code) for code in range(0x110000) if len(f"a{chr(code)}b".splitlines()) > 1}

    assert ends == {end for end in LINE_ENDS if len(end) == 1}
