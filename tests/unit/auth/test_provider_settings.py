"""Settings of identity providers, and GitHub's verified address."""

import pytest
from pydantic import ValidationError

from services.auth.github import _primary
from services.auth.provider_settings import ProviderSettings

CLIENT = {"client_id": "shop", "client_secret": "secret"}


def test_presets_need_name_and_client_only() -> None:
    google, github = (ProviderSettings.model_validate({"name": name} | CLIENT) for name in ("google", "github"))

    assert (google.kind, google.issuer) == ("openid", "https://accounts.google.com")
    assert (github.kind, github.issuer) == ("github", "https://github.com")


def test_other_providers_need_discovery() -> None:
    with pytest.raises(ValidationError):
        ProviderSettings.model_validate({"name": "acme", "title": "Acme"} | CLIENT)


def test_secret_is_not_printed() -> None:
    assert "'secret'" not in repr(ProviderSettings.model_validate({"name": "google"} | CLIENT))


def test_github_address_is_primary_and_verified() -> None:
    other = {"email": "b@example.com", "primary": False, "verified": True}

    assert _primary([other, {"email": "a@example.com", "primary": True, "verified": True}]) == "a@example.com"
    assert _primary([other, {"email": "a@example.com", "primary": True, "verified": False}]) is None
