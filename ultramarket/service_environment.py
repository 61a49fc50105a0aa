"""Environment of the instance's own processes: each has only the accounts of the services that run in it."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from services.chassis.runtime.settings import URL_FIELDS, url_setting
from ultramarket.credentials import ACCOUNTS
from ultramarket.fault_proxy import PROVIDER, SETTINGS, proxied_servers, proxied_url, proxy_of
from ultramarket.instance import Instance
from ultramarket.server_urls import URL_SETTINGS, local_url

ONLY_OPERATOR = ("ULTRAMARKET_ADMIN_EMAIL", "ULTRAMARKET_ADMIN_PASSWORD")
LOCAL_CALLS = "ULTRAMARKET_LOCAL_CALLS"
"""Whether calls between services of one process skip the broker: by default where there are several."""
ONLY_SERVICE = {"ULTRAMARKET_JWT_PRIVATE_KEY_FILE": "auth", "ULTRAMARKET_SANDBOX_BANK_URL": "payments"}


def service_environment(instance: Instance, services: Sequence[str]) -> dict[str, str]:
    """The environment of a process with these services.

    Common URLs have no credentials: a service without an account on a server is refused there. Those of external
    servers are as they were given, unless there are accounts for each service in the settings.
    """
    environment = {
        name: value
        for name, value in instance.environment().items()
        if name not in ONLY_OPERATOR and ONLY_SERVICE.get(name, services[0]) in services
    }
    for server, setting in URL_SETTINGS.items():
        if not instance.is_external(server):
            url = without_credentials(environment[setting]) if server in ACCOUNTS else environment[setting]
            environment[setting] = _through_proxy(instance, server, url)
    for name in _settings_of_others(environment, services):
        del environment[name]
    for service in services:
        environment |= own_urls(instance, service)
    if len(services) > 1:
        environment.setdefault(LOCAL_CALLS, "true")
    if PROVIDER in proxied_servers(instance) and "payments" in services:
        url = local_url("postgres", instance.block, instance.secrets, "payments")
        environment[SETTINGS[PROVIDER]] = proxied_url(instance, PROVIDER, url)
    return environment


def own_urls(instance: Instance, service: str) -> dict[str, str]:
    """The settings with the URLs of a service's own accounts on the local servers."""
    return {
        own_setting(server, service): _through_proxy(
            instance, server, local_url(server, instance.block, instance.secrets, service)
        )
        for server, services in ACCOUNTS.items()
        if service in services and not instance.is_external(server)
    }


def all_own_urls(instance: Instance) -> dict[str, str]:
    """The same for all services, without the fault proxy: for the migrations, which create the accounts."""
    return {
        own_setting(server, service): local_url(server, instance.block, instance.secrets, service)
        for server, services in ACCOUNTS.items()
        for service in services
        if not instance.is_external(server)
    }


def own_setting(server: str, service: str) -> str:
    """`ULTRAMARKET_POSTGRES_URL_ORDERS`."""
    return url_setting(URL_SETTINGS[server].removeprefix("ULTRAMARKET_"), service)


def without_credentials(url: str) -> str:
    """The URL's address: `amqp://127.0.0.1:5672/ultramarket`."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.netloc else url


def _through_proxy(instance: Instance, server: str, url: str) -> str:
    proxy = proxy_of(server)
    return proxied_url(instance, proxy, url) if proxy in proxied_servers(instance) and proxy else url


def _settings_of_others(environment: dict[str, str], services: Sequence[str]) -> list[str]:
    """URLs of accounts on external servers that belong to services of other processes."""
    prefixes = tuple(f"ULTRAMARKET_{field}_".upper() for field in URL_FIELDS)
    own = {url_setting(field, service) for field in URL_FIELDS for service in services}
    return [name for name in environment if name.startswith(prefixes) and name not in own]
