"""How a provider is called while it fails, and what the settings must say of one."""

import threading

import pytest
from pydantic import ValidationError

from gateway_flask.testing import settings as some_settings
from services.payments.providers.interface import ProviderRefuses, ProviderUnavailable
from services.payments.providers.resilience import ATTEMPTS, BREAK_AFTER_FAILURES, Caller
from services.payments.settings import PaymentSettings


class Provider:
    """Fails as often as it is told to."""

    def __init__(self, failures: int, error: type[Exception] = ProviderUnavailable) -> None:
        self.failures, self.error = failures, error
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.failures:
            raise self.error()
        return "paid"


def test_what_fails_twice_is_asked_a_third_time() -> None:
    provider = Provider(failures=2)

    assert Caller("bank")(provider) == "paid"
    assert provider.asked == 3


def test_a_definite_no_is_not_asked_again() -> None:
    provider = Provider(failures=1, error=ProviderRefuses)

    with pytest.raises(ProviderRefuses):
        Caller("bank")(provider)
    assert provider.asked == 1


def test_a_provider_that_keeps_failing_is_left_in_peace() -> None:
    provider, caller = Provider(failures=10**6), Caller("bank")

    for _ in range(BREAK_AFTER_FAILURES):
        with pytest.raises(ProviderUnavailable):
            caller(provider)

    assert provider.asked == BREAK_AFTER_FAILURES
    assert provider.asked < BREAK_AFTER_FAILURES * ATTEMPTS


def test_refusals_do_not_open_the_breaker() -> None:
    caller = Caller("bank")

    for _ in range(BREAK_AFTER_FAILURES + 1):
        with pytest.raises(ProviderRefuses):
            caller(Provider(failures=1, error=ProviderRefuses))

    assert caller(Provider(failures=0)) == "paid"


def test_customers_of_one_provider_do_not_wait_for_each_other() -> None:
    caller, both_are_there = Caller("bank"), threading.Barrier(2, timeout=60)
    threads = [threading.Thread(target=caller, args=(both_are_there.wait,)) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not both_are_there.broken


def payment_settings(**values: str) -> PaymentSettings:
    given = some_settings().model_dump(
        include={"amqp_url", "postgres_url", "mongo_url", "redis_url", "kafka_bootstrap"}
    )
    return PaymentSettings(**{**given, "secret_key": "s" * 16, **values})


def test_a_shop_may_have_several_providers() -> None:
    both = payment_settings(
        payment_providers="sandbox, stripe", stripe_api_key="sk_test_1", stripe_webhook_secret="whsec_1"
    )
    assert both.enabled_providers == ("sandbox", "stripe")


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
