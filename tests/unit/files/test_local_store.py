"""The local object store: others on the machine can't read private files."""

import stat
from pathlib import Path

from services.files.providers.local import LocalStore


def test_objects_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(b"%PDF-1.7")
    store = LocalStore(tmp_path / "objects")

    store.put("ab/abcd/original", source, "application/pdf")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "objects").rglob("*")}
    assert modes == {"ab": 0o700, "abcd": 0o700, "original": 0o600}
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700
