"""Access to settings and flags: `setting("inventory.low_stock_threshold", …)`, `enabled("guest_checkout", subject)`.

Before `follow` is called (tests, tools), kill switches are on and settings have their defaults.
"""

import threading
from pathlib import Path
from typing import Any

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext

from schemas.config_declarations import KILL_SWITCHES
from services.chassis.dynamic_config.flag_rules import Subject
from services.chassis.dynamic_config.openfeature_provider import LiveProvider
from services.chassis.dynamic_config.state import State
from services.chassis.dynamic_config.subscriber import ConfigSubscriber

DOMAIN = "ultramarket"
_NOBODY = Subject()


class _Process:
    """The state of this process, shared by all services in it."""

    def __init__(self) -> None:
        self.state = State()
        self.listener: ConfigSubscriber | None = None
        self.client: OpenFeatureClient | None = None
        self.making = threading.Lock()


_process = _Process()


def follow(amqp_url: str, home: str | None) -> ConfigSubscriber:
    """Keep this process's settings and flags current from now on. `home`: the instance's folder, if there is one."""
    if _process.listener is None:
        _process.state = State(Path(home) / "config.json" if home else None)
        _process.state.load_snapshot()
        _process.client = None
        _process.listener = ConfigSubscriber(_process.state, amqp_url)
        _process.listener.start()
    return _process.listener


def state() -> State:
    return _process.state


def setting(key: str, otherwise: Any = None) -> Any:
    """The value of a runtime setting; `otherwise` where it has neither a value nor a default."""
    return _process.state.value(key, otherwise)


def enabled(name: str, subject: Subject = _NOBODY) -> bool:
    """A boolean flag, evaluated here. One that doesn't exist is off; a kill switch that can't be evaluated is on."""
    return bool(_client().get_boolean_value(name, name in KILL_SWITCHES, _context(subject)))


def variant(name: str, otherwise: str, subject: Subject = _NOBODY) -> str:
    """The variant of a flag for the subject; `otherwise` for a flag that doesn't exist."""
    return str(_client().get_string_value(name, otherwise, _context(subject)))


def all_flags(subject: Subject) -> dict[str, bool | str]:
    """The values of all flags for a subject."""
    flags = _process.state.flags
    return {
        name: variant(name, str(flag.default), subject) if flag.variants else enabled(name, subject)
        for name, flag in sorted(flags.items())
    }


def _client() -> OpenFeatureClient:
    with _process.making:  # a process that was just started is asked by several requests at once
        if _process.client is None:
            # Without waiting the provider is begun in a thread, and until then every answer is the caller's default.
            api.set_provider_and_wait(LiveProvider(_process.state), DOMAIN)
            _process.client = api.get_client(DOMAIN)
        return _process.client


def _context(subject: Subject) -> EvaluationContext:
    attributes = {
        "user": subject.user,
        "roles": sorted(subject.roles),
        "country": subject.country,
        "vendor": subject.vendor,
    }
    return EvaluationContext(subject.key, {name: value for name, value in attributes.items() if value})
