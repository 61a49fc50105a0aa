"""Secret files that docker-compose.yml mounts: `python ultramarket/secret_files.py FOLDER` creates the missing ones.

Existing files are kept, so a second run changes no password. Uses the standard library only.
"""

import secrets
import sys
from pathlib import Path


def create(folder: Path) -> list[str]:
    """Create the missing files, readable by the owner and (through Docker's mounts) by the containers. All names."""
    folder.mkdir(mode=0o700, exist_ok=True)
    random = {name: _read_or_create(folder / name) for name in ("secret_key", "admin_password", "postgres_password")}
    rabbitmq = _read_or_create(folder / "rabbitmq_password")
    derived = {
        "postgres_url": f"postgresql://ultramarket:{random['postgres_password']}@postgres:5432/ultramarket",
        "amqp_url": f"amqp://ultramarket:{rabbitmq}@rabbitmq:5672/ultramarket",
        "rabbitmq.conf": f"default_user = ultramarket\ndefault_pass = {rabbitmq}\ndefault_vhost = ultramarket\n",
    }
    for name, value in derived.items():
        _write(folder / name, value)
    return sorted([*random, "rabbitmq_password", *derived])


def _read_or_create(path: Path) -> str:
    if not path.exists():
        _write(path, secrets.token_hex(24))
    return path.read_text()


def _write(path: Path, value: str) -> None:
    if not path.exists() or path.read_text() != value:
        path.write_text(value)
    path.chmod(0o644)  # the folder keeps others out; the containers' users are not the owner


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.stderr.write("usage: secret_files.py FOLDER\n")
        raise SystemExit(64)
    sys.stdout.write("\n".join(create(Path(sys.argv[1]))) + "\n")
