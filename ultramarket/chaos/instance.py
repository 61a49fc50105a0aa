"""The instance that scenarios run on: created for them, and removed afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ultramarket import install
from ultramarket import instance as instances
from ultramarket.accounts import ensure_administrator
from ultramarket.commands.context import console
from ultramarket.commands.up import ProgressDisplay
from ultramarket.down import down, wipe
from ultramarket.instance import Instance, locked
from ultramarket.up import Progress, up
from ultramarket.up_settings import FAULT_PROXY_SETTING, LAYOUT_SETTING

NAME: Final = "chaos"
SETTINGS: Final = {
    "ULTRAMARKET_GATEWAY_ORDER_SECONDS": "12.0",
    "ULTRAMARKET_RATE_LIMIT_WRITES": "",
    "ULTRAMARKET_BCRYPT_ROUNDS": "4",
    FAULT_PROXY_SETTING: "",
}
"""Settings of the scenarios' instance: all buyers come from one address, and share the machine with the services."""


@contextmanager
def instance_of(
    layout: str, keep: bool, quiet: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Instance]:
    """The instance `chaos` in this layout, running; removed at the end unless it is to be kept.

    `settings` come on top of `SETTINGS`; an empty value is the product's default.
    """
    instance = instances.load_or_make(NAME, {LAYOUT_SETTING: layout, **SETTINGS, **(settings or {})})
    install.install(instance, lambda text: None if quiet else console.print(f"[dim]·[/] {text}"))
    with locked(NAME):
        if quiet:
            up(instance, Progress())
        else:
            with ProgressDisplay() as display:
                up(instance, display.progress)
    if not instance.admin_created:
        ensure_administrator(instance)
    try:
        yield instance
    finally:
        if not keep:
            with locked(NAME):
                down(instance)
                wipe(instance)
