"""Packages of npm for tests: installed once for each lock file, in the user's cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from ultramarket.cache import CACHE, atomic_directory


def node_modules(package: Path) -> Path:
    """The folder `node_modules` for a folder with `package.json` and `package-lock.json`."""
    files = [package / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    target = CACHE / "npm" / digest
    if not target.exists():
        with atomic_directory(target) as folder:
            for file in files:
                shutil.copy(file, folder)
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return target / "node_modules"


def install(package: Path) -> None:
    """Let the scripts of a folder with `package.json` find its packages: they look for `node_modules` beside them."""
    link, target = package / "node_modules", node_modules(package)
    if link.is_symlink() and link.readlink() == target:
        return
    new = package / f"node_modules.{os.getpid()}"
    new.symlink_to(target)
    new.replace(link)


def run(command: list[str], folder: Path) -> str:
    """Run a command in a folder and return its output. Raises with its whole output when it fails."""
    completed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert completed.returncode == 0, f"{' '.join(command)}: {completed.stdout}{completed.stderr}"
    return completed.stdout
