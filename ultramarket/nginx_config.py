"""nginx's configuration, of an instance, and by `python -m ultramarket.nginx_config FOLDER` of containers.

Run as a program it writes `nginx.conf` into the folder from the settings of the environment, and a certificate.
"""

import hashlib
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway_flask.middleware.security_headers import JSON_HEADERS
from schemas.signed.file_grants import FORM_BYTES
from services.chassis.common import errors
from services.chassis.runtime.registry import GATEWAY, GATEWAY_WS, port_of
from services.chassis.runtime.settings import load
from ultramarket.certificates import Authority, LeafFiles
from ultramarket.nginx_settings import NginxSettings, split
from ultramarket.ports import SERVER_OFFSETS

TEMPLATES: Final = Path(__file__).with_name("templates")
MAX_OPEN_FILES: Final = 24_576
"""A third of them are connections: each proxied request has two, and may have a file."""
RATE_LIMIT_HEADERS: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
HTTP2_DIRECTIVE: Final = (1, 25, 1)
"""The version from which HTTP/2 is a directive of its own, not a parameter of `listen`."""


@dataclass(frozen=True)
class ErrorReply:
    """A reply of nginx itself, for these codes of nginx, in the gateway's form."""

    codes: tuple[int, ...]
    error: type[errors.DomainError]
    retry_after: int | None = None
    message: str = ""

    @property
    def status(self) -> int:
        return self.error.status

    @property
    def body(self) -> str:
        """The envelope, quoted for nginx."""
        error = {"code": self.error.code, "message": self.message or self.error.default_message, "details": []}
        return orjson.dumps({"success": False, "error": error}).decode().replace("'", "\\'")


ERRORS: Final = (
    ErrorReply((400, 408, 414, 494, 495, 496, 497, 501, 505), errors.BadRequest),
    ErrorReply((403, 404), errors.NotFound),
    ErrorReply((405,), errors.MethodNotAllowed),
    ErrorReply((413,), errors.PayloadTooLarge),
    ErrorReply((429,), errors.RateLimited, 1, "Too many requests of one address are in progress"),
    ErrorReply((500,), errors.DomainError),
    ErrorReply((502, 503), errors.ServiceUnavailable, 2, "The shop is not available at the moment"),
    ErrorReply((504,), errors.DeadlineExceeded, 2),
)


def render(
    settings: NginxSettings,
    folder: Path,
    certificate: LeafFiles | None,
    ports: tuple[int, int],
    version: tuple[int, ...] = HTTP2_DIRECTIVE,
    user: str | None = None,
) -> str:
    """The text of `nginx.conf`; `folder` is where nginx may write, `ports` are for HTTP and TLS."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True)
    values: dict[str, Any] = {
        "settings": settings,
        "folder": folder,
        "user": user,
        "open_files": _open_files(),
        "host": settings.bind_host,
        "port": ports[0],
        "tls_port": ports[1],
        "certificate": certificate,
        "fingerprint": certificate and hashlib.sha256(certificate.cert.read_bytes()).hexdigest(),
        "has_http2_directive": version >= HTTP2_DIRECTIVE,
        "trusted": split(settings.trusted_proxies),
        "operators": split(settings.operator_addresses),
        "gateway": settings.gateway_address or f"127.0.0.1:{port_of(GATEWAY, settings.port_base)}",
        "gateway_ws": settings.gateway_ws_address or f"127.0.0.1:{port_of(GATEWAY_WS, settings.port_base)}",
        "headers": JSON_HEADERS | {"Cache-Control": "no-store"},
        "errors": ERRORS,
        "form_bytes": FORM_BYTES,
        "rate_limit_headers": RATE_LIMIT_HEADERS,
    }
    return environment.get_template("nginx.conf.j2").render(values)


def certificate_of(settings: NginxSettings, authority: Callable[[], Authority]) -> LeafFiles | None:
    """The certificate that the settings name, or one of the authority, or none."""
    if settings.tls_certificate_file:
        return LeafFiles(Path(settings.tls_certificate_file), Path(settings.tls_key_file))
    hosts = split(settings.tls_hosts)
    return authority().leaf("nginx", hosts) if hosts else None


def _open_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)


def main(folder: Path) -> None:
    """Write the configuration of the process's own settings into the folder."""
    settings = load(NginxSettings)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    certificate = certificate_of(settings, lambda: Authority(folder / "tls", settings.instance))
    ports = (settings.port_base + SERVER_OFFSETS["nginx"], settings.port_base + SERVER_OFFSETS["nginx_tls"])
    (folder / "nginx.conf").write_text(render(settings, folder, certificate, ports))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
