"""Load the demo catalogue, with stock and pictures, through the public interface."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ultramarket import catalogue
from ultramarket.api import as_administrator
from ultramarket.illustrating import Illustrator
from ultramarket.importer import Outcome, import_lines
from ultramarket.instance import Instance

PRODUCTS: Final = Path(__file__).with_name("data") / "products.json"


def seed(instance: Instance, advance: Callable[[int], None] = lambda _n: None) -> Outcome:
    """Idempotent; stock that was sold meanwhile is not put back. Raises `Refused`.

    Without the files service the products come without pictures; loading again gives them theirs.
    """
    api = as_administrator(instance)
    illustrator = Illustrator(api)
    outcome = import_lines(api, illustrator.illustrated(catalogue.read(PRODUCTS)), advance)
    if not outcome.refused and not illustrator.missing:
        instance.seeded = True
        instance.save()
    return outcome
