"""Addresses of an instance's servers, and the settings that carry them."""

from collections.abc import Mapping
from typing import Final

from ultramarket.ports import Block

URL_SETTINGS: Final[dict[str, str]] = {
    "postgres": "ULTRAMARKET_POSTGRES_URL",
    "redis": "ULTRAMARKET_REDIS_URL",
    "rabbitmq": "ULTRAMARKET_AMQP_URL",
    "mongodb": "ULTRAMARKET_MONGO_URL",
    "kafka": "ULTRAMARKET_KAFKA_BOOTSTRAP",
    "elasticsearch": "ULTRAMARKET_ELASTICSEARCH_URL",
    "mail": "ULTRAMARKET_SMTP_URL",
}


def local_url(server: str, block: Block, secret: Mapping[str, str]) -> str:
    port = block.servers[server]
    match server:
        case "postgres":
            return f"postgresql://ultramarket:{secret['postgres_password']}@127.0.0.1:{port}/ultramarket"
        case "redis":
            return f"redis://127.0.0.1:{port}/0"
        case "rabbitmq":
            return f"amqp://ultramarket:{secret['rabbitmq_password']}@127.0.0.1:{port}/ultramarket"
        case "mongodb":
            return f"mongodb://127.0.0.1:{port}/?replicaSet=rs0&w=majority"
        case "kafka":
            return f"127.0.0.1:{port}"
        case "elasticsearch":
            return f"http://127.0.0.1:{port}"
        case "mail":
            return f"smtp://127.0.0.1:{port}"
        case "nginx":
            return f"http://127.0.0.1:{port}"
    raise KeyError(server)
