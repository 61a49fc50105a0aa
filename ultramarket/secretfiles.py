"""Make the secrets that docker-compose.yml mounts as files: `python ultramarket/secretfiles.py FOLDER`.

What is there is kept, so that a second run changes no password. Needs nothing but Python itself.
"""

import secrets
import sys
from pathlib import Path


def make(folder: Path) -> list[str]:
    """Write what is missing, readable by its owner and, through Docker's mounts, by the containers; its names."""
    folder.mkdir(mode=0o700, exist_ok=True)
    random = {name: _kept(folder / name) for name in ("secret_key", "admin_password", "postgres_password")}
    rabbitmq = _kept(folder / "rabbitmq_password")
    derived = {
        "postgres_url": f"postgresql://ultramarket:{random['postgres_password']}@postgres:5432/ultramarket",
        "amqp_url": f"amqp://ultramarket:{rabbitmq}@rabbitmq:5672/ultramarket",
        "rabbitmq.conf": f"default_user = ultramarket\ndefault_pass = {rabbitmq}\ndefault_vhost = ultramarket\n",
    }
    for name, value in derived.items():
        _write(folder / name, value)
    return sorted([*random, "rabbitmq_password", *derived])


def _kept(path: Path) -> str:
    if not path.exists():
        _write(path, secrets.token_hex(24))
    return path.read_text()


def _write(path: Path, value: str) -> None:
    if not path.exists() or path.read_text() != value:
        path.write_text(value)
    path.chmod(0o644)  # the folder keeps others out; the containers' users are not the owner


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.stderr.write("usage: secretfiles.py FOLDER\n")
        raise SystemExit(64)
    sys.stdout.write("\n".join(make(Path(sys.argv[1]))) + "\n")
