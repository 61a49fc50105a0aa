"""Values of unchanged runtime settings: those of the service's own settings."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from services.chassis.runtime.settings import Settings


def environment_value(key: str, environment: Mapping[str, str]) -> Any:
    """The value of `SERVICE.NAME` in a process with this environment: of the variable, or the field's default.

    The field is called `NAME`, with or without a unit of seconds.
    """
    service, _, name = key.partition(".")
    for settings_class in settings_classes(f"services.{service}.settings"):
        for field in (name, name.removesuffix("_seconds")):
            if field in settings_class.model_fields:
                default = settings_class.model_fields[field].default
                return environment.get(f"ULTRAMARKET_{field.upper()}", default)
    raise LookupError(f"no setting of the service {service} belongs to {key}")


def settings_classes(module: str) -> list[type[Settings]]:
    """Subclasses of `Settings` that a module defines or imports."""
    members = vars(importlib.import_module(module)).values()
    return [
        value for value in members if inspect.isclass(value) and issubclass(value, Settings) and value is not Settings
    ]
