"""Load the demo catalogue, with stock, through the public import."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ultramarket import catalogue
from ultramarket.api import as_administrator
from ultramarket.importer import Outcome, import_lines
from ultramarket.instance import Instance

PRODUCTS: Final = Path(__file__).with_name("data") / "products.json"


def seed(instance: Instance, advance: Callable[[int], None] = lambda _n: None) -> Outcome:
    """Idempotent; stock that was sold meanwhile is not put back. Raises `Refused`."""
    outcome = import_lines(as_administrator(instance), catalogue.read(PRODUCTS), advance)
    if not outcome.refused:
        instance.seeded = True
        instance.save()
    return outcome
