"""Kafka clients' options from a URL."""

from services.chassis.common.kafka_options import options_of


def test_url_with_account_and_tls() -> None:
    url = "kafkas://shop:p%40ss@one:9093,two:9093/?sasl.mechanism=SCRAM-SHA-512&ssl.ca.location=/etc/ca.pem"

    assert options_of(url) == {
        "bootstrap.servers": "one:9093,two:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "shop",
        "sasl.password": "p@ss",
        "ssl.ca.location": "/etc/ca.pem",
    }


def test_url_with_an_account_only() -> None:
    options = options_of("kafka://shop:pw@one:9092")

    assert options["security.protocol"] == "SASL_PLAINTEXT"
    assert options["sasl.mechanism"] == "PLAIN"


def test_url_without_account() -> None:
    assert options_of("kafkas://one:9093") == {"bootstrap.servers": "one:9093", "security.protocol": "SSL"}
