"""Kafka clients' options from the settings: brokers, account and TLS as one URL, so that each service has its own.

`kafka://USER:PASSWORD@HOST:9092,HOST:9092/?sasl.mechanism=SCRAM-SHA-256`; `kafkas://` for TLS, with `ssl.ca.location`
and, for a client certificate, `ssl.certificate.location` and `ssl.key.location`. Further parameters are librdkafka's:
https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md.
"""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from services.chassis.runtime.settings import Settings

DEFAULT_MECHANISM = "PLAIN"


def kafka_options(settings: Settings) -> dict[str, Any]:
    """The options by which any client of librdkafka connects; without a URL, to the brokers without an account."""
    if not settings.kafka_url:
        return {"bootstrap.servers": settings.kafka_bootstrap}
    return options_of(settings.kafka_url)


def options_of(url: str) -> dict[str, Any]:
    """The options that a URL stands for."""
    parts = urlsplit(url)
    account, _, brokers = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    encrypted = "SSL" if parts.scheme == "kafkas" else "PLAINTEXT"
    options: dict[str, Any] = {"bootstrap.servers": brokers, "security.protocol": encrypted}
    if user:
        options["security.protocol"] = f"SASL_{encrypted}"
        options |= {"sasl.mechanism": DEFAULT_MECHANISM, "sasl.username": unquote(user)}
        options["sasl.password"] = unquote(password)
    return options | dict(parse_qsl(parts.query))
