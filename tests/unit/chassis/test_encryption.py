"""Envelope encryption of stored secrets, and its key ring."""

import pytest

from services.chassis.common.encryption import CannotDecrypt, Encryption, UnknownKey
from services.chassis.common.key_ring import Key, KeyRing


@pytest.fixture
def ring_file(tmp_path):
    path = tmp_path / "encryption.json"
    path.write_text(KeyRing((Key.new(),)).dumps())
    return path


def test_value_is_readable_with_its_purpose_and_record(ring_file):
    cipher = Encryption(ring_file)

    text = cipher.encrypt(b"JBSWY3DPEHPK3PXP", purpose="auth.totp", record="user-1")

    assert "JBSWY3DP" not in text
    assert cipher.decrypt(text, purpose="auth.totp", record="user-1") == b"JBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(("purpose", "record"), [("auth.totp", "user-2"), ("webhooks.secret", "user-1")])
def test_value_of_another_record_or_purpose_is_refused(ring_file, purpose, record):
    cipher = Encryption(ring_file)
    text = cipher.encrypt(b"secret", purpose="auth.totp", record="user-1")

    with pytest.raises(CannotDecrypt):
        cipher.decrypt(text, purpose=purpose, record=record)


@pytest.mark.parametrize("change", ["", "plain", "v1.a.b", "v2.x.y.z"])
def test_malformed_value_is_refused(ring_file, change):
    with pytest.raises(CannotDecrypt):
        Encryption(ring_file).decrypt(change, purpose="auth.totp", record="user-1")


@pytest.mark.parametrize("part", [2, 3])
def test_changed_value_is_refused(ring_file, part):
    cipher = Encryption(ring_file)
    parts = cipher.encrypt(b"secret", purpose="auth.totp", record="user-1").split(".")
    parts[part] = ("B" if parts[part][0] == "A" else "A") + parts[part][1:]

    with pytest.raises(CannotDecrypt):
        cipher.decrypt(".".join(parts), purpose="auth.totp", record="user-1")


def test_same_value_is_encrypted_differently_each_time(ring_file):
    cipher = Encryption(ring_file)
    texts = {cipher.encrypt(b"secret", purpose="auth.totp", record="user-1") for _ in range(3)}
    assert len(texts) == 3


def test_open_process_follows_a_rotated_ring(ring_file):
    cipher = Encryption(ring_file)
    old = cipher.encrypt(b"secret", purpose="auth.totp", record="user-1")

    replacement = ring_file.with_suffix(".new")
    replacement.write_text(KeyRing.loads(ring_file.read_text()).with_new_key().dumps())
    replacement.replace(ring_file)
    new = cipher.encrypt(b"secret", purpose="auth.totp", record="user-1")

    assert not cipher.is_current(old)
    assert cipher.is_current(new)
    assert cipher.decrypt(old, purpose="auth.totp", record="user-1") == b"secret"
    assert cipher.decrypt(new, purpose="auth.totp", record="user-1") == b"secret"


def test_value_under_a_retired_key_is_unknown(ring_file):
    cipher = Encryption(ring_file)
    old = cipher.encrypt(b"secret", purpose="auth.totp", record="user-1")
    ring = KeyRing.loads(ring_file.read_text()).with_new_key()
    ring_file.write_text(ring.without(ring.keys[0].id).dumps())

    with pytest.raises(UnknownKey):
        Encryption(ring_file).decrypt(old, purpose="auth.totp", record="user-1")


SHORT_KEY = '{"keys": [{"id": "a", "key": "AA==", "created_at": "2026-01-01T00:00:00Z"}]}'


@pytest.mark.parametrize("text", ["", "[]", '{"keys": []}', SHORT_KEY])
def test_file_that_is_no_key_ring_is_refused(text):
    with pytest.raises(ValueError, match=r"key ring|Expecting value"):
        KeyRing.loads(text)
