"""Secrets of an instance, and the key that signs access tokens: `python -m ultramarket.keys FILE` creates it, once.

`python -m ultramarket.keys --ring FILE` creates the key ring of stored secrets.
"""

import os
import secrets
import shutil
import sys
from pathlib import Path


def new_signing_key() -> str:
    """An Ed25519 private key, PEM (PKCS #8)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def make_signing_keys(folder: Path, earlier: Path) -> None:
    """Make the folder with its first key; an instance of an `earlier` version has one in a file."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if any(folder.glob("*.pem")):
        return
    if earlier.exists():
        earlier.rename(folder / "first.pem")
    else:
        write_private(folder / "first.pem", new_signing_key())


def new_key_ring() -> str:
    """A key ring with one key, for the encryption of stored secrets."""
    from services.chassis.common.key_ring import Key, KeyRing

    return KeyRing((Key.new(),)).dumps()


def new_secrets() -> dict[str, str]:
    """The first password and keys of a new instance; `credentials` adds those of accounts on its servers."""
    return {
        "admin_password": secrets.token_urlsafe(12),
        "erlang_cookie": secrets.token_hex(20),
        "secret_key": secrets.token_urlsafe(32),
    }


def write_private(path: Path, text: str, owner: str | None = None) -> None:
    """Replace a file atomically; it is never readable by others than its owner: this user, or the one that is named."""
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    if owner:
        shutil.chown(new, owner)
    new.replace(path)


if __name__ == "__main__":
    make, path = (new_key_ring, sys.argv[2]) if sys.argv[1] == "--ring" else (new_signing_key, sys.argv[1])
    if not Path(path).exists():
        write_private(Path(path), make())
