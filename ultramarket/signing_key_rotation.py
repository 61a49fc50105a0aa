"""Rotation of the key that signs access tokens. Can be repeated: while a new key waits for its time, none is added."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter

from services.auth.settings import AuthSettings
from services.auth.signing_keys import LEEWAY, PUBLISHED_BEFORE, file_name, read_keys
from ultramarket.instance import Instance
from ultramarket.keys import new_signing_key, write_private

_LIFETIME: Final = "access_token_lifetime"


def rotate_signing_key(instance: Instance, now: datetime) -> datetime:
    """Add a key that will sign; the time from which it does. Keys whose tokens have all expired are removed."""
    keys = read_keys(instance.jwt_keys)
    signs_from = keys[-1].signs_from
    if signs_from <= now:
        signs_from = now.replace(microsecond=0) + PUBLISHED_BEFORE + timedelta(seconds=1)
        write_private(instance.jwt_keys / file_name(signs_from), new_signing_key())
    lifetime = token_lifetime(instance)
    for file in instance.jwt_keys.glob("*.pem"):
        [key] = read_keys(file)
        successors = [each for each in keys if each.signs_from > key.signs_from]
        if successors and now > successors[0].signs_from + lifetime + LEEWAY:
            file.unlink()
    return signs_from


def token_lifetime(instance: Instance) -> timedelta:
    """The lifetime of the instance's access tokens."""
    default = AuthSettings.model_fields[_LIFETIME].default
    value = instance.environment().get(f"ULTRAMARKET_{_LIFETIME.upper()}") or default
    return TypeAdapter(timedelta).validate_python(value)
