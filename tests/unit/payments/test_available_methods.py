"""The ways to pay: installed providers that no flag switches off."""

import pytest

from schemas.caller import Caller
from services.payments import available_methods as module
from services.payments.available_methods import available_methods
from services.payments.settings import PROVIDERS


def test_flags_switch_providers_off(monkeypatch: pytest.MonkeyPatch) -> None:
    off = {"payments.sandbox"}
    monkeypatch.setattr(module.config, "enabled", lambda flag, subject: flag not in off)

    assert [method["provider"] for method in available_methods(["sandbox", "stripe"], Caller())] == ["stripe"]
    off.clear()
    [sandbox] = available_methods(["sandbox"], Caller())
    assert (sandbox["provider"], sandbox["title"]) == ("sandbox", "Test payment (nothing is charged)")
    assert {"USD", "EUR", "JPY"} <= set(sandbox["currencies"])


def test_every_provider_has_title_and_currencies() -> None:
    assert set(module.TITLES) == set(module.PROVIDER_CURRENCIES) == set(PROVIDERS)
