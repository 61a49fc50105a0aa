"""All floors of an instance."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench import costs
from bench.floors.amqp_round_trip import AmqpRoundTrip
from bench.floors.base import Floor, FloorReading
from bench.floors.nginx_static import NginxStatic
from bench.floors.pgbench import Pgbench
from bench.floors.python_loop import PythonLoop
from bench.floors.redis_set import RedisSet

PGBENCH, AMQP, REDIS, NGINX, PYTHON = Pgbench.name, AmqpRoundTrip.name, RedisSet.name, NginxStatic.name, PythonLoop.name


class Floors:
    """Floors that are ready to be measured."""

    def __init__(self, floors: list[Floor]) -> None:
        self._floors = floors

    def measure(self, clients: int, seconds: float) -> dict[str, FloorReading]:
        """A reading of each, one after the other."""
        return {floor.name: floor.measure(clients, seconds) for floor in self._floors}


@contextmanager
def floors_of(instance: str, chosen: tuple[str, ...] = (AMQP, PGBENCH, REDIS, NGINX, PYTHON)) -> Iterator[Floors]:
    """The chosen floors, prepared; the environment is the instance's (`bench.stage.Stage`)."""
    pids = {costs.process_of(row): row["pid"] for row in costs.processes(instance) if row["pid"]}
    makers = {
        AMQP: lambda: AmqpRoundTrip(os.environ["ULTRAMARKET_AMQP_URL"], pids["rabbitmq"]),
        PGBENCH: lambda: Pgbench(os.environ["ULTRAMARKET_POSTGRES_URL"], pids["postgres"]),
        REDIS: lambda: RedisSet(os.environ["ULTRAMARKET_REDIS_URL"], pids["redis"]),
        NGINX: lambda: NginxStatic(int(os.environ["ULTRAMARKET_PORT_BASE"])),
        PYTHON: PythonLoop,
    }
    floors: list[Floor] = [makers[name]() for name in chosen]  # type: ignore[misc]
    with ExitStack() as stack:
        for floor in floors:
            stack.enter_context(floor.open())
        yield Floors(floors)
