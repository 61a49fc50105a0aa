"""PostgreSQL in the instance's folder, never as root; durable (fsync on), with settings for one developer's machine."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar, Final

from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.private_files import PASSABLE
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, process_environment

OLDEST: Final = 15
OUTSIDE: Final = Path("/var/lib/ultramarket")
CONFIG = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 400
shared_buffers = 128MB
fsync = on
synchronous_commit = on
jit = off
log_destination = 'stderr'
logging_collector = off
log_min_messages = warning
timezone = 'UTC'
log_timezone = 'UTC'
"""
ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"


class Postgres(Server):
    name: ClassVar[str] = "postgres"
    port_names: ClassVar[tuple[str, ...]] = ("postgres",)

    def missing(self) -> list[Missing]:
        return [] if binaries() else [Missing(f"PostgreSQL ≥ {OLDEST}", ("postgresql",))]

    def prepare(self, instance: Instance) -> None:
        data = self._data(instance)
        if not (data / "PG_VERSION").exists():
            self._initdb(instance, data)
        write_private(data / "ultramarket.conf", CONFIG.format(port=self.port(instance)), _user())
        write_private(data / "pg_hba.conf", ACCESS, _user())

    def _data(self, instance: Instance) -> Path:
        """In the instance's folder, or, where PostgreSQL's user cannot reach it, outside with a link to it."""
        folder = instance.folder / "postgres"
        if _reachable(instance.folder):
            return folder
        outside = OUTSIDE / instance.short_id
        if not folder.is_symlink():
            folder.symlink_to(outside)
        return outside

    def _initdb(self, instance: Instance, data: Path) -> None:
        data.parent.mkdir(mode=PASSABLE, parents=True, exist_ok=True)
        # Created beside and renamed: an incomplete cluster must not be taken for a complete one.
        new = data.with_name(data.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(instance.secrets["postgres_password"])
            password.flush()
            user = _user()
            if user:
                for path in (new, Path(password.name)):
                    shutil.chown(path, user)
            command = [str(binaries() / "initdb"), "--pgdata", str(new), "--username", "ultramarket"]  # type: ignore[operator]
            command += [
                "--pwfile",
                password.name,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
            ]
            subprocess.run(
                command, check=True, user=user, group=user, extra_groups=[] if user else None,
                cwd="/", stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            )  # fmt: skip
        with (new / "postgresql.conf").open("a") as config:
            config.write("include 'ultramarket.conf'\n")
        new.rename(data)

    def programs(self, instance: Instance) -> list[Program]:
        data = self._data(instance)
        return [
            Program(
                name=self.name,
                kind="server",
                command=[str((binaries() or Path()) / "postgres"), "-D", str(data)],
                environment=process_environment(instance, LANG="C.UTF-8"),
                ports=self.ports(instance),
                directory="/",
                user=_user(),
                stop_signal="INT",  # "fast": ends sessions, writes a checkpoint
                stop_group=False,
            )
        ]

    def is_ready(self, instance: Instance) -> bool:
        import psycopg2

        try:
            self._connect(instance).close()
        except psycopg2.OperationalError:
            return False
        return True

    def initialise(self, instance: Instance) -> None:
        connection = self._connect(instance)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'ultramarket'")
                if cursor.fetchone() is None:
                    cursor.execute("CREATE DATABASE ultramarket")
        finally:
            connection.close()

    def _connect(self, instance: Instance):  # type: ignore[no-untyped-def]
        import psycopg2

        from services.chassis.stores.postgres_connections import CLIENT_LIMITS

        password = instance.secrets["postgres_password"]
        return psycopg2.connect(
            host="127.0.0.1", port=self.port(instance), user="ultramarket", password=password,
            dbname="postgres", **CLIENT_LIMITS,
        )  # fmt: skip

    def remove(self, instance: Instance) -> None:
        if os.getuid() == 0:
            shutil.rmtree(OUTSIDE / instance.short_id, ignore_errors=True)


def binaries() -> Path | None:
    """The newest installed version that is new enough; Debian keeps them off the PATH."""
    versions = {
        int(path.parent.name): path
        for path in Path("/usr/lib/postgresql").glob("[0-9]*/bin")
        if (path / "postgres").exists()
    }
    newest = max(versions, default=0)
    if newest >= OLDEST:
        return versions[newest]
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then it runs as the user that its package created."""
    return "postgres" if os.getuid() == 0 else None


def _reachable(folder: Path) -> bool:
    """Whether PostgreSQL's user may pass through every folder down to this one."""
    user = _user()
    if user is None:
        return True
    entry = pwd.getpwnam(user)
    for path in (folder, *folder.parents):
        status = path.stat()
        bit = (
            stat.S_IXUSR
            if status.st_uid == entry.pw_uid
            else stat.S_IXGRP
            if status.st_gid == entry.pw_gid
            else stat.S_IXOTH
        )
        if not status.st_mode & bit:
            return False
    return True
