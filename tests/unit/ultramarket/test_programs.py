"""supervisord's configuration, and the order of the start."""

import configparser

from services.chassis.runtime.registry import SERVICES
from ultramarket.programs import SERVICE_NAMES, Program, needs


def test_a_section_survives_quotes_blanks_and_percent_signs() -> None:
    program = Program("x", "server", ["/a b/run", "--rate=5%"], {"A": "50%", "B": 'say "hi"'})

    parsed = configparser.RawConfigParser()
    parsed.read_string(program.section())
    section = parsed["program:x"]

    assert section["command"] == "'/a b/run' --rate=5%%"
    assert section["environment"] == 'A="50%%",B=\'say "hi"\''
    assert section["autostart"] == "false"


def test_every_service_of_the_journey_is_started_with_the_bridge_and_the_gateway() -> None:
    assert set(SERVICE_NAMES) == {*SERVICES, "analytics-consumer", "bridge", "gateway"}


def test_a_service_waits_for_its_own_stores_only() -> None:
    assert needs("cart") == {"rabbitmq", "redis"}
    assert needs("orders") == {"rabbitmq", "postgres", "mongodb", "migrated"}
    assert needs("bridge") == {"rabbitmq", "kafka"}
    assert needs("analytics-consumer") == {"kafka", "mongodb", "migrated"}
