"""supervisord sections, layouts, and the servers that each service needs."""

import configparser
import os
from pathlib import Path

import pytest

from services.chassis.runtime.registry import COMPACT_PROCESSES, SERVICES
from ultramarket.credentials import with_missing_passwords
from ultramarket.instance import Instance
from ultramarket.ports import SERVER_OFFSETS, Block
from ultramarket.programs import (
    SERVICE_NAMES,
    Program,
    needs,
    process_names,
    processes_of,
    service_processes,
    service_programs,
)


def instance(layout: str | None = None, core_processes: str = "1") -> Instance:
    block = Block(4000, {name: 4000 + offset for name, offset in SERVER_OFFSETS.items()})
    secrets = dict.fromkeys(with_missing_passwords({}), "x") | {"admin_password": "x", "secret_key": "x"}
    settings = {"ULTRAMARKET_CORE_PROCESSES": core_processes} | ({"ULTRAMARKET_LAYOUT": layout} if layout else {})
    return Instance("one", Path("/tmp/one"), block, secrets, settings=settings)


def test_section_escapes_quotes_blanks_and_percent_signs() -> None:
    program = Program("x", "server", ["/a b/run", "--rate=5%"], {"A": "50%", "B": 'say "hi"'})

    parsed = configparser.RawConfigParser()
    parsed.read_string(program.section("20"))
    section = parsed["program:x"]

    assert section["command"] == "'/a b/run' --rate=5%%"
    assert section["environment"] == 'A="50%%",B=\'say "hi"\''
    assert section["autostart"] == "false"


def test_all_services_are_supervised() -> None:
    assert set(SERVICE_NAMES) == {*SERVICES, "analytics-consumer", "bridge", "gateway", "gateway-ws"}


@pytest.mark.parametrize("layout", ["compact", "separate"])
def test_every_service_runs_in_one_process(layout: str) -> None:
    services = [name for group in service_processes(instance(layout)).values() for name in group]

    assert sorted(services) == sorted(SERVICE_NAMES)


def test_compact_is_the_default_layout() -> None:
    processes = service_processes(instance())

    assert set(processes) == {"core", "platform", "analytics-consumer", "bridge", "gateway", "gateway-ws"}
    assert processes["core"] == COMPACT_PROCESSES["core"]


def test_shared_process_runs_its_services_on_their_ports() -> None:
    [core] = [program for program in service_programs(instance()) if program.name == "core"]

    assert core.command[1:] == ["-m", "services.chassis.runtime", *COMPACT_PROCESSES["core"]]
    assert core.ports[core.services.index("cart")] == 4006
    assert core.environment["ULTRAMARKET_CONTROL_SOCKET"] == "/tmp/one/sockets/core.sock"
    assert "ULTRAMARKET_LAYOUT" not in core.environment


class TestSecondCore:
    def test_core_services_have_further_ports(self) -> None:
        programs = {program.name: program for program in service_programs(instance(core_processes="2"))}
        first, second = programs["core"], programs["core-2"]

        assert second.services == first.services
        assert second.ports == tuple(port + 20 for port in first.ports)
        assert second.environment["ULTRAMARKET_PORT_BASE"] == "4020"
        assert second.environment["ULTRAMARKET_CONTROL_SOCKET"] == "/tmp/one/sockets/core-2.sock"

    def test_no_port_is_used_twice(self) -> None:
        one = instance(core_processes="2")
        ports = [port for program in service_programs(one) for port in program.ports]

        assert len(set(ports)) == len(ports)
        assert not set(ports) & set(one.block.servers.values())

    @pytest.mark.parametrize(("cores", "processes"), [(2, 1), (3, 1), (4, 2), (16, 2)])
    def test_cpu_cores_are_the_default(self, cores: int, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "cpu_count", lambda: cores)

        assert instance(core_processes="").core_processes == processes

    def test_separate_layout_has_no_second_core(self) -> None:
        assert "core-2" not in service_processes(instance("separate", "2"))


def test_service_names_lead_to_their_process() -> None:
    assert processes_of(instance(), "cart") == ("core",)
    assert processes_of(instance(core_processes="2"), "cart") == ("core", "core-2")
    assert processes_of(instance("separate"), "cart") == ("cart",)
    assert processes_of(instance(), "kafka") == ("kafka",)
    assert {"core", "platform", "cart", "kafka"} <= set(process_names(instance()))
    assert "core" not in process_names(instance("separate"))


def test_service_needs_its_own_stores_only() -> None:
    assert needs("cart") == {"rabbitmq", "redis"}
    assert needs("orders") == {"rabbitmq", "postgres", "mongodb", "migrated"}
    assert needs("bridge") == {"rabbitmq", "kafka"}
    assert needs("search") == {"rabbitmq"}
    assert needs("analytics-consumer") == {"kafka", "mongodb", "migrated"}
