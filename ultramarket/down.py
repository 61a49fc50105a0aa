"""Bring an instance down: services first, then servers, then supervisord; afterwards nothing of it runs."""

import shutil

from ultramarket import processes
from ultramarket.instance import Instance
from ultramarket.programs import SERVICE_NAMES
from ultramarket.servers import SERVERS
from ultramarket.supervision import Supervisor


def down(instance: Instance) -> int:
    """End exactly what this instance started; how many supervised processes that were."""
    supervisor = Supervisor(instance)
    ended = 0
    if supervisor.is_running():
        states = supervisor.states()
        ended = sum(1 for info in states.values() if info["pid"])
        # By name: a configuration of an earlier version may hold programs that today's doesn't.
        services = [name for name in states if name in SERVICE_NAMES]
        last = [name for name in states if name == "epmd"]
        supervisor.stop(services)
        supervisor.stop([name for name in states if name not in (*services, *last)])
        supervisor.stop(last)
        supervisor.shutdown()
    left = processes.end_leftovers(instance, supervisor_runs=False)
    for file in (supervisor.pid_file, supervisor.socket):
        file.unlink(missing_ok=True)
    return ended + len(left)


def wipe(instance: Instance) -> None:
    """Remove everything that the instance kept; `down` comes first."""
    for server in SERVERS:
        server.remove(instance)
    shutil.rmtree(instance.folder)
