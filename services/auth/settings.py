"""Settings of the auth service."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from services.auth.provider_settings import ProviderSettings
from services.chassis.runtime.settings import Settings


class AuthSettings(Settings):
    jwt_private_key_file: Path = Field(
        description="Ed25519 key (PEM) that access tokens are signed with, or a folder of such keys"
    )
    access_token_lifetime: timedelta = Field(
        timedelta(minutes=15), le=timedelta(hours=1), description="how long an access token is good for"
    )
    refresh_token_lifetime: timedelta = Field(timedelta(days=7), description="how long a session lives unused")
    session_lifetime: timedelta = Field(timedelta(days=30), description="how long a session lives, used or not")
    login_failures_by_address: int = Field(
        100, ge=1, le=1_000_000, description="failed logins from one address in an hour before each has to wait longer"
    )
    secret_key: SecretStr = Field(min_length=16, description="the instance's secret")
    bcrypt_rounds: int = Field(12, ge=4, le=16, description="work factor of password hashes; tests may lower it")
    password_workers: int = Field(0, ge=0, le=64, description="processes that hash passwords; 0: one for each core")

    oauth_base_url: str = Field(
        "", description="base URL of the API that providers send browsers back to; empty: the instance's port here"
    )
    oauth_providers: tuple[ProviderSettings, ...] = Field(
        (), description="identity providers that one can sign in with, as a JSON list (docs/operations.md)"
    )
    oauth_return_addresses: str = Field(
        "", description="addresses that a login by a provider may return to, whole and comma-separated"
    )

    @field_validator("oauth_providers")
    @classmethod
    def _names_differ(cls, providers: tuple[ProviderSettings, ...]) -> tuple[ProviderSettings, ...]:
        names = [provider.name for provider in providers]
        if len(set(names)) < len(names):
            raise ValueError("two providers have the same name")
        return providers

    @property
    def callback_base(self) -> str:
        """The URL that providers send browsers back to."""
        return self.oauth_base_url or f"http://127.0.0.1:{self.port_base}"

    @property
    def return_addresses(self) -> frozenset[str]:
        """The addresses of `oauth_return_addresses`."""
        return frozenset(address.strip() for address in self.oauth_return_addresses.split(",") if address.strip())

    @property
    def link_key(self) -> bytes:
        """The key of the tokens in mailed links."""
        return self.secret_key.get_secret_value().encode()
