"""Apache Kafka, one broker that is its own controller (KRaft), from Maven Central (versions in kafka-pom.xml)."""

import base64
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any, ClassVar

from ultramarket.cache import CACHE, atomic_directory
from ultramarket.fault_proxy import proxied_port
from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, missing_executable, process_environment
from ultramarket.servers.kafka_accounts import access_config, create_permissions

HOME = CACHE / "kafka-4.3.1"
POM = Path(__file__).with_name("kafka-pom.xml")
LOGGING = """\
Configuration:
  Appenders:
    Console: {name: STDOUT, target: SYSTEM_OUT, PatternLayout: {pattern: "[%d] %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}
    Logger: [{name: kafka.server.KafkaRaftServer, level: INFO}]
"""
CONFIG = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=SASL
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
log.dirs={logs}
num.partitions=6
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class Kafka(Server):
    name: ClassVar[str] = "kafka"
    port_names: ClassVar[tuple[str, ...]] = ("kafka", "kafka_controller", "kafka_sasl")

    def missing(self) -> list[Missing]:
        missing = missing_executable("java", "openjdk-17-jre-headless")
        if not (HOME / "libs").exists():
            missing += [*missing_executable("mvn", "maven"), Missing("Apache Kafka 4.3.1 (44 MB, from Maven Central)")]
        return missing

    def download(self) -> None:
        with atomic_directory(HOME) as folder:
            shutil.copy(POM, folder / "pom.xml")
            command = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--file", str(folder / "pom.xml")]
            command += ["org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies"]
            command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder / 'libs'}"]
            subprocess.run(command, check=True)
            (folder / "log4j2.yaml").write_text(LOGGING)

    def prepare(self, instance: Instance) -> None:
        folder = instance.folder / "kafka"
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(folder / "server.properties", self._config(instance))
        if not (folder / "logs" / "meta.properties").exists():
            self._format(folder)

    def _config(self, instance: Instance) -> str:
        port, controller, sasl = self.ports(instance)
        proxied = instance.has_fault_proxy  # clients connect to the address that the broker advertises
        config = CONFIG.format(
            port=port,
            controller=controller,
            sasl=sasl,
            advertised=proxied_port(instance, self.name) if proxied else sasl,
            logs=instance.folder / "kafka" / "logs",
        )
        return config + access_config(instance.secrets)

    def _format(self, folder: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = _java("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        # With "=", since a cluster id may begin with a dash.
        tool += ["kafka.tools.StorageTool", "format", "--ignore-formatted", "--standalone", f"--cluster-id={cluster}"]
        subprocess.run(
            [*tool, "--config", str(folder / "server.properties")], check=True, stdout=subprocess.DEVNULL, umask=0o077
        )

    def programs(self, instance: Instance) -> list[Program]:
        # Only the quick compiler: a third less CPU for the start, 30 MB less, fast enough for one machine.
        command = [*_java("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"), "kafka.Kafka"]
        command.append(str(instance.folder / "kafka" / "server.properties"))
        environment = process_environment(instance, self._config(instance))
        return [Program(self.name, "server", command, environment, self.ports(instance))]

    def is_ready(self, instance: Instance) -> bool:
        from ultramarket.supervision import answers

        # The library logs each failed connection, so check the port first.
        if not answers(self.port(instance)):
            return False
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        try:
            quiet = self._client_options(instance)
            return bool(AdminClient(quiet).list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def initialise(self, instance: Instance) -> None:
        """Create the permissions of the services, and of anybody to read. Raises `KafkaException`."""
        group = instance.settings.get("ULTRAMARKET_ANALYTICS_GROUP", "analytics")
        create_permissions(self._client_options(instance), group)

    @staticmethod
    def _client_options(instance: Instance) -> dict[str, Any]:
        """Options of the operator, without a log: the library reports each failed connection."""
        from services.chassis.common.kafka_options import options_of

        return options_of(instance.url("kafka_sasl")) | {"log_level": 0, "logger": _silent()}


def _silent():  # type: ignore[no-untyped-def]
    import logging

    logger = logging.getLogger("ultramarket.kafka-probe")
    logger.disabled = True
    return logger


def _java(*options: str) -> list[str]:
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java") or "java"
    return [java, *options, f"-Dlog4j2.configurationFile={HOME / 'log4j2.yaml'}", "-cp", f"{HOME}/libs/*"]
