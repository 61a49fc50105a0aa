"""Rotation of an instance's signing key."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.auth.signing_keys import PUBLISHED_BEFORE, read_keys
from tests.unit.ultramarket.test_programs import instance as new_instance
from ultramarket.instance import Instance
from ultramarket.keys import make_signing_keys, new_signing_key
from ultramarket.signing_key_rotation import rotate_signing_key

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = new_instance()
    instance.folder = tmp_path
    make_signing_keys(instance.jwt_keys, tmp_path / "jwt.pem")
    return instance


def test_rotation_adds_a_key_that_signs_later(instance: Instance) -> None:
    signs_from = rotate_signing_key(instance, NOW)

    assert signs_from > NOW + PUBLISHED_BEFORE
    assert [key.signs_from for key in read_keys(instance.jwt_keys)][1:] == [signs_from]


def test_repeated_rotation_adds_no_further_key(instance: Instance) -> None:
    assert rotate_signing_key(instance, NOW) == rotate_signing_key(instance, NOW + timedelta(seconds=5))
    assert len(read_keys(instance.jwt_keys)) == 2


def test_retired_keys_are_removed(instance: Instance) -> None:
    rotate_signing_key(instance, NOW)
    rotate_signing_key(instance, NOW + timedelta(minutes=5))
    assert len(read_keys(instance.jwt_keys)) == 3

    rotate_signing_key(instance, NOW + timedelta(hours=1))

    assert len(read_keys(instance.jwt_keys)) == 2


def test_key_of_an_earlier_version_is_kept(tmp_path: Path) -> None:
    earlier = tmp_path / "jwt.pem"
    earlier.write_text(new_signing_key())
    pem = earlier.read_text()

    make_signing_keys(tmp_path / "jwt", earlier)

    assert (tmp_path / "jwt" / "first.pem").read_text() == pem
    assert not earlier.exists()
