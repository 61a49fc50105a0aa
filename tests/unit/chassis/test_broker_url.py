"""TLS options of the broker's URL."""

import ssl

from services.chassis.messaging.broker_url import split_tls


def test_url_without_tls_is_unchanged() -> None:
    assert split_tls("amqp://shop:pw@broker/shop?heartbeat=5") == ("amqp://shop:pw@broker/shop?heartbeat=5", None)


def test_server_and_name_are_verified() -> None:
    url, options = split_tls("amqps://shop:pw@broker:5671/shop?cacertfile=/ca.pem&certfile=/c.pem&keyfile=/k.pem")

    assert url == "amqps://shop:pw@broker:5671/shop"
    assert options == {
        "ca_certs": "/ca.pem",
        "certfile": "/c.pem",
        "keyfile": "/k.pem",
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": "broker",
    }
