"""Packages of npm that tests run: installed as they are locked, once for each checkout."""

import subprocess
from fcntl import LOCK_EX, flock
from pathlib import Path


def install(folder: Path) -> None:
    """Install what `package-lock.json` of the folder names, unless it is installed."""
    installed = folder / "node_modules" / ".installed"
    lock = folder / "package-lock.json"
    with lock.open(encoding="utf-8") as file:
        flock(file, LOCK_EX)
        content = lock.read_text(encoding="utf-8")
        if not installed.exists() or installed.read_text(encoding="utf-8") != content:
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
            installed.write_text(content, encoding="utf-8")
