"""Settings of the gateway."""

from pydantic import Field, SecretStr

from services.chassis.runtime.settings import Settings


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
    gateway_streams: int = Field(8, ge=1, le=256, description="replies that go on which one process gives at once")
    gateway_uploads: int = Field(8, ge=1, le=256, description="uploads that one process takes at once")

    suggest_seconds: float = Field(
        10.0, ge=0, le=300, description="how long proposals are kept by the gateway and by browsers; 0: not at all"
    )
    suggest_kept: int = Field(
        2000, ge=1, le=100_000, description="beginnings of words that a process keeps the proposals for"
    )

    idempotency_hours: int = Field(24, ge=1, le=720, description="how long a finished reply can be replayed")
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")
    idempotency_secret: SecretStr = Field(
        SecretStr(""), description="keys fingerprints and kept replies; the instance's secret when empty"
    )

    rate_limit_sign_in: str = Field("600/minute", description="sign-ins and registrations of one address; empty: none")
    rate_limit_writes: str = Field("60000/minute", description="anonymous writes of one address; empty: none")
    rate_limit_storage: str = Field("memory://", description="where hits are counted: of one process, or a Redis URL")

    @property
    def secret(self) -> bytes:
        """The key for fingerprints and stored replies, which may be derived from passwords and hold tokens."""
        return (self.idempotency_secret.get_secret_value() or self.secret_key.get_secret_value()).encode()
