"""nginx's configuration, read by nginx itself."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway_flask.testing import settings as gateway_settings
from ultramarket.certificates import Authority
from ultramarket.nginx_config import ERRORS, certificate_of, main, render
from ultramarket.nginx_settings import NginxSettings
from ultramarket.up_settings import InvalidSetting

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed yet: `ultramarket up` does it")
DEBIAN = (1, 22, 1)


def settings(**values: Any) -> NginxSettings:
    return NginxSettings(**(gateway_settings().model_dump(include={*NginxSettings.model_fields}) | values))


def environment() -> dict[str, str]:
    """The settings that every process needs."""
    needed = gateway_settings().model_dump(include={"amqp_url", "postgres_url", "mongo_url", "redis_url"})
    urls = {f"ULTRAMARKET_{name.upper()}": str(url) for name, url in needed.items()}
    return urls | {"ULTRAMARKET_KAFKA_BOOTSTRAP": "127.0.0.1:1"}


def config(folder: Path, version: tuple[int, ...] = DEBIAN, **values: Any) -> str:
    chosen = settings(**values)
    certificate = certificate_of(chosen, lambda: Authority(folder / "tls", "one"))
    return render(chosen, folder, certificate, (3900, 3949), version)


@needs_nginx
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"tls_hosts": "", "hsts_seconds": 0, "compression_level": 0},
        {"trusted_proxies": "10.0.0.0/8, 2001:db8::1", "operator_addresses": ""},
        {"file_max_bytes": 1_073_741_824, "nginx_processes": 4},
        {"nginx_cache_bytes": 0},
    ],
)
def test_nginx_accepts_the_configuration(tmp_path: Path, values: dict[str, Any]) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "nginx.conf").write_text(config(tmp_path, **values))

    command = [str(NGINX), "-t", "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_containers_get_the_configuration_of_their_version(tmp_path: Path) -> None:
    text = config(tmp_path, (1, 29, 0), gateway_address="gateway:3048", name_server="127.0.0.11", bind_host="0.0.0.0")

    assert "listen 0.0.0.0:3949 ssl reuseport" in text
    assert "http2 on;" in text
    assert "resolver 127.0.0.11 valid=5s;" in text
    assert text.count("server gateway:3048 max_fails=0 resolve;") == 2


def test_program_writes_configuration_and_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)

    main(tmp_path)

    assert f"ssl_certificate {tmp_path}/tls/nginx.crt;" in (tmp_path / "nginx.conf").read_text()
    assert (tmp_path / "tls" / "nginx.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", "proxy.example"),
        ("trusted_proxies", "10.0.0.0/8; include /etc/passwd"),
        ("operator_addresses", "all"),
        ("gateway_address", "gateway:3048; }"),
        ("tls_hosts", "a b"),
        ("requests_per_address", "0"),
    ],
)
def test_malformed_setting_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        settings(**{name: value})


def test_settings_of_an_instance_are_not_those_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ULTRAMARKET_REQUESTS_PER_ADDRESS", "7")
    chosen = NginxSettings.of(environment() | {"ULTRAMARKET_MAX_BODY_BYTES": "2048"})

    assert (chosen.max_body_bytes, chosen.requests_per_address) == (2048, 2000)


def test_each_code_of_nginx_has_one_reply() -> None:
    codes = [code for error in ERRORS for code in error.codes]

    assert len(codes) == len(set(codes))
    assert {error.status for error in ERRORS} <= {400, 404, 405, 413, 429, 500, 503, 504}


def test_up_names_the_malformed_setting() -> None:
    with pytest.raises(InvalidSetting, match="ULTRAMARKET_CLIENT_SECONDS: Input should be a valid integer"):
        NginxSettings.of(environment() | {"ULTRAMARKET_CLIENT_SECONDS": "long"})
