"""TLS in the broker's URL: `amqps://USER:PASSWORD@HOST:5671/VHOST?cacertfile=/etc/ca.pem`.

The parameters are RabbitMQ's own (https://www.rabbitmq.com/docs/uri-query-parameters): `cacertfile`, and `certfile` and
`keyfile` of a client certificate. The server's certificate and name are always verified; without `cacertfile` by the
machine's authorities.
"""

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_OPTIONS = {"cacertfile": "ca_certs", "certfile": "certfile", "keyfile": "keyfile"}


def split_tls(url: str) -> tuple[str, dict[str, Any] | None]:
    """The URL without its parameters, and py-amqp's TLS options; None for a connection without TLS."""
    parts = urlsplit(url)
    if parts.scheme != "amqps":
        return url, None
    parameters = dict(parse_qsl(parts.query))
    options = {name: parameters[parameter] for parameter, name in _OPTIONS.items() if parameter in parameters}
    return parts._replace(query="").geturl(), options | {
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": parts.hostname,
    }
