"""Settings of an identity provider."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from schemas.api.oauth import ProviderName

WELL_KNOWN: Final = "/.well-known/openid-configuration"
PRESETS: Final[dict[str, dict[str, Any]]] = {
    "google": {"title": "Google", "discovery_url": f"https://accounts.google.com{WELL_KNOWN}"},
    "github": {"title": "GitHub", "kind": "github"},
}
"""Providers that need only a name, the client's id and its secret."""


class ProviderSettings(BaseModel):
    """An OpenID Connect provider by its discovery URL, or GitHub, which has OAuth 2 only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ProviderName
    title: str = Field(min_length=1, max_length=60)
    kind: Literal["openid", "github"] = "openid"
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    discovery_url: str = ""
    scope: str = "openid email profile"
    site_url: str = "https://github.com"
    """GitHub's pages; those of a GitHub Enterprise Server otherwise."""
    api_url: str = "https://api.github.com"

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        return PRESETS.get(str(given.get("name")), {}) | given if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _has_discovery_url(self) -> "ProviderSettings":
        if self.kind == "openid" and not self.discovery_url.endswith(WELL_KNOWN):
            raise ValueError(f"discovery_url must end with {WELL_KNOWN}")
        return self

    @property
    def issuer(self) -> str:
        """The issuer that the discovery URL belongs to (OpenID Connect Discovery 1.0, section 4)."""
        return self.site_url if self.kind == "github" else self.discovery_url.removesuffix(WELL_KNOWN)
