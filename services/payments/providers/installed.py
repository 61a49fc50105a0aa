"""The payment providers of this shop, by setting, each with its circuit breaker."""

from typing import Any

from nameko.extensions import DependencyProvider

from services.chassis.runtime.settings import load
from services.chassis.stores.postgres import open_store
from services.payments.providers.bank import SandboxBank
from services.payments.providers.interface import Provider
from services.payments.providers.resilience import Caller
from services.payments.providers.sandbox import SandboxProvider
from services.payments.settings import PaymentSettings


class Installed:
    """Providers by name, each with the caller that retries and breaks the circuit."""

    def __init__(self, providers: dict[str, Provider]) -> None:
        self.providers = providers
        self.callers = {name: Caller(name) for name in providers}


class Providers(DependencyProvider):
    """Creates the providers once per process. The sandbox's bank has a connection pool of its own."""

    def setup(self) -> None:
        self.installed = Installed(make_providers(load(PaymentSettings, self.container.service_name)))

    def get_dependency(self, worker_ctx: Any) -> Installed:
        return self.installed


def make_providers(settings: PaymentSettings, schema: str = "payments") -> dict[str, Provider]:
    """The providers that `ULTRAMARKET_PAYMENT_PROVIDERS` names."""
    providers: dict[str, Provider] = {}
    for name in settings.enabled_providers:
        if name == "sandbox":
            url = settings.sandbox_bank_url or settings.postgres_url
            bank = open_store(SandboxBank, url, schema, settings.workers)
            providers[name] = SandboxProvider(
                bank, settings.secret_key, settings.provider_timeout, settings.sandbox_fee_basis_points
            )
        else:
            from services.payments.providers.stripe import StripeProvider  # large: only where it is wanted

            providers[name] = StripeProvider(settings)
    return providers
