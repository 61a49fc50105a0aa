"""Settings of the gateway."""

import ipaddress
import re
from typing import Annotated

from limits import parse
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from services.chassis.runtime.settings import Settings


def comma_separated(value: str) -> list[str]:
    """The parts of a setting."""
    return [part.strip() for part in value.split(",") if part.strip()]


def _rate_limit(value: str) -> str:
    if value:
        parse(value)
    return value


RateLimit = Annotated[str, AfterValidator(_rate_limit)]
"""Such as `600/minute`, as the library `limits` reads it."""


class GatewaySettings(Settings):
    """Read from the environment; the prefix is `ULTRAMARKET_`."""

    gateway_processes: int = Field(1, ge=1, le=64, description="processes that answer; each has an RPC client")
    gateway_threads: int = Field(
        32, ge=1, le=512, description="requests to one area of the API that one process works on at once, at most"
    )
    gateway_waiting: int = Field(
        1024, ge=1, le=16_384, description="requests to one area of the API that may wait in one process"
    )
    gateway_wait_seconds: float = Field(
        30.0, gt=0, le=60, description="how long a request of a burst may wait; during overload 0.1 s"
    )
    gateway_connections: int = Field(
        4096, ge=64, le=65_536, description="connections that one process keeps, idle ones included"
    )
    gateway_order_seconds: float = Field(
        4.5, gt=0, le=120, description="seconds that placing an order may take; orders answers a second earlier"
    )
    gateway_stop_seconds: int = Field(10, ge=1, le=60, description="how long a stop waits for what runs")
    gateway_proxies: str = Field(
        "127.0.0.1,::1",
        description="addresses and networks of nginx, which tells the client's address; comma-separated",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, le=67_108_864, description="largest body of a request")

    files_url: str = Field(
        "", description="where the files service answers over HTTP; empty: on its port of this machine"
    )
    file_max_bytes: int = Field(10_485_760, ge=1024, le=1_073_741_824, description="largest file that is taken")
    file_seconds: float = Field(30.0, gt=0, le=300, description="how long the files service may be silent")
    file_cache_bytes: int = Field(
        8_388_608, ge=0, le=2**32, description="memory for small public pictures; 0: none are kept"
    )
    gateway_streams: int = Field(8, ge=1, le=256, description="live streams that one process gives at once")
    gateway_downloads: int = Field(8, ge=1, le=256, description="generated downloads that one process gives at once")
    gateway_streams_per_caller: int = Field(
        4, ge=1, le=256, description="of those streams, and of those downloads, that one caller may have in one process"
    )
    gateway_uploads: int = Field(8, ge=1, le=256, description="uploads that one process takes at once")

    reply_cache_bytes: int = Field(
        33_554_432,
        ge=0,
        le=2**36,
        description="memory of one process for replies that are the same for everybody; 0: off",
    )
    reply_cache_seconds: float = Field(
        3.0, ge=0.1, le=10, description="lifetime of such a reply; events of changes drop it earlier"
    )
    reply_cache_shared: bool = Field(True, description="whether gateway processes share them in Redis")

    idempotency_hours: int = Field(24, ge=1, le=720, description="how long a finished reply can be replayed")
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")
    idempotency_secret: SecretStr = Field(
        SecretStr(""), description="keys fingerprints and kept replies; the instance's secret when empty"
    )

    cors_origins: str = Field(
        "", description="origins whose scripts may use the API in browsers, comma-separated, or `*`; empty: none"
    )
    cors_credentials: bool = Field(False, description="whether those scripts may send cookies; not with `*`")
    cors_max_age: int = Field(
        7200, ge=0, le=86_400, description="seconds that browsers keep the answer to a preflight request"
    )

    graphql_depth: int = Field(12, ge=1, le=100, description="levels of fields in one GraphQL document")
    graphql_cost: int = Field(
        1000, ge=1, le=1_000_000, description="cost of one GraphQL operation, in which lists count `first` times"
    )
    graphql_aliases: int = Field(20, ge=0, le=1000, description="aliases in one GraphQL document")
    graphql_document_bytes: int = Field(16_384, ge=64, le=1_048_576, description="longest GraphQL document")
    graphql_introspection: bool = Field(True, description="whether GraphQL tells its schema, and GraphiQL is served")
    graphql_persisted: int = Field(
        1000, ge=0, le=100_000, description="documents that are kept for clients that then send their SHA-256 only"
    )
    graphql_only_persisted: bool = Field(
        False, description="whether only the documents of `graphql_documents_file` are carried out"
    )
    graphql_documents_file: str = Field(
        "", description="JSON file of GraphQL documents by their SHA-256; empty: there are none"
    )

    graphql_sockets: int = Field(2000, ge=1, le=100_000, description="sockets of subscriptions that one process keeps")
    graphql_sockets_per_address: int = Field(
        200, ge=1, le=100_000, description="of those, from one address (IPv6: /64) in one process"
    )
    graphql_sockets_per_user: int = Field(20, ge=1, le=10_000, description="of those, of one user in one process")

    rate_limit_sign_in: RateLimit = Field(
        "600/minute", description="sign-ins and registrations of one address (IPv6: /64); empty: no limit"
    )
    rate_limit_writes: RateLimit = Field(
        "60000/minute", description="other changes by one user, without one of one address; empty: no limit"
    )
    rate_limit_reads: RateLimit = Field(
        "600000/minute", description="reads by one user, without one of one address; empty: no limit"
    )
    rate_limit_key_writes: RateLimit = Field("60000/minute", description="changes by one API key; empty: no limit")
    rate_limit_key_reads: RateLimit = Field("600000/minute", description="reads by one API key; empty: no limit")
    rate_limit_storage: str = Field(
        "",
        pattern=r"^(memory://|rediss?://.*)?$",
        description="where requests are counted: another Redis, or `memory://` for each process alone; "
        "empty: the instance's Redis",
    )

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        origins = comma_separated(value)
        for origin in origins:
            if origin != "*" and not re.fullmatch(r"https?://[^/\s*]+", origin):
                raise ValueError(f"{origin!r} is not an origin such as https://shop.example, and not *")
        if "*" in origins and len(origins) > 1:
            raise ValueError("* allows all origins: name no others")
        return value

    @field_validator("cors_credentials")
    @classmethod
    def _no_credentials_for_all(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "*" in comma_separated(info.data.get("cors_origins", "")):
            raise ValueError("every web page could act for a signed-in person: name the origins instead of *")
        return value

    @field_validator("gateway_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in comma_separated(value):
            ipaddress.ip_network(part, strict=False)
        return value

    @property
    def link_key(self) -> bytes:
        """The key of challenges, which auth checks."""
        return self.secret_key.get_secret_value().encode()

    @property
    def secret(self) -> bytes:
        """The key for fingerprints and stored replies, which may be derived from passwords and hold tokens."""
        return (self.idempotency_secret.get_secret_value() or self.secret_key.get_secret_value()).encode()
