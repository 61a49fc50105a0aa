"""Retries and circuit breaker of payment providers, and the settings of each provider."""

import threading

import pytest
from pydantic import ValidationError

from gateway_flask.testing import settings as some_settings
from services.payments.providers.interface import ProviderRefuses, ProviderUnavailable
from services.payments.providers.resilience import ATTEMPTS, BREAK_AFTER_FAILURES, Caller
from services.payments.settings import PaymentSettings


class Provider:
    """A provider call that fails a given number of times."""

    def __init__(self, failures: int, error: type[Exception] = ProviderUnavailable) -> None:
        self.failures, self.error = failures, error
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error()
        return "paid"


def test_failed_call_is_retried_twice() -> None:
    provider = Provider(failures=2)

    assert Caller("bank")(provider) == "paid"
    assert provider.calls == 3


def test_refusal_is_not_retried() -> None:
    provider = Provider(failures=1, error=ProviderRefuses)

    with pytest.raises(ProviderRefuses):
        Caller("bank")(provider)
    assert provider.calls == 1


def test_breaker_opens_after_repeated_failures() -> None:
    provider, caller = Provider(failures=10**6), Caller("bank")

    for _ in range(BREAK_AFTER_FAILURES):
        with pytest.raises(ProviderUnavailable):
            caller(provider)

    assert provider.calls == BREAK_AFTER_FAILURES
    assert provider.calls < BREAK_AFTER_FAILURES * ATTEMPTS


def test_refusals_do_not_open_the_breaker() -> None:
    caller = Caller("bank")

    for _ in range(BREAK_AFTER_FAILURES + 1):
        with pytest.raises(ProviderRefuses):
            caller(Provider(failures=1, error=ProviderRefuses))

    assert caller(Provider(failures=0)) == "paid"


def test_calls_to_one_provider_run_concurrently() -> None:
    caller, barrier = Caller("bank"), threading.Barrier(2, timeout=60)
    threads = [threading.Thread(target=caller, args=(barrier.wait,)) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not barrier.broken


def payment_settings(**values: str) -> PaymentSettings:
    required = some_settings().model_dump(
        include={"amqp_url", "postgres_url", "mongo_url", "redis_url", "kafka_bootstrap"}
    )
    return PaymentSettings(**{**required, "secret_key": "s" * 16, **values})


def test_several_providers_can_be_enabled() -> None:
    settings = payment_settings(
        payment_providers="sandbox, stripe", stripe_api_key="sk_test_1", stripe_webhook_secret="whsec_1"
    )
    assert settings.enabled_providers == ("sandbox", "stripe")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"payment_providers": "paypal"}, "payment_providers"),
        ({"payment_providers": " , "}, "payment_providers"),
        ({"payment_providers": "stripe", "stripe_webhook_secret": "whsec_1"}, "stripe_api_key"),
        ({"payment_providers": "stripe", "stripe_api_key": "sk_test_1"}, "stripe_webhook_secret"),
    ],
)
def test_unknown_or_unconfigured_provider_names_the_setting(values: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        payment_settings(**values)
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
