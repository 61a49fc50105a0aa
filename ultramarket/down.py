"""Shutdown of an instance: services first, then servers, then supervisord; afterwards none of its processes runs."""

import shutil

from ultramarket import processes
from ultramarket.instance import Instance
from ultramarket.programs import SERVER_PROGRAMS
from ultramarket.servers import SERVERS
from ultramarket.sockets import sockets
from ultramarket.supervision import Supervisor


def down(instance: Instance) -> int:
    """End exactly what this instance started; the number of supervised processes that were ended."""
    supervisor = Supervisor(instance)
    ended = 0
    if supervisor.is_running():
        states = supervisor.states()
        ended = sum(1 for info in states.values() if info["pid"])
        services = [name for name in states if name not in SERVER_PROGRAMS]  # of any layout and earlier version
        supervisor.stop(services)
        supervisor.stop([name for name in states if name in SERVER_PROGRAMS and name != "epmd"])
        supervisor.stop([name for name in states if name == "epmd"])  # RabbitMQ needs it to the end
        supervisor.shutdown()
    leftovers = processes.end_leftovers(instance, supervisor_runs=False)
    for file in (supervisor.pid_file, *sockets(instance)):
        file.unlink(missing_ok=True)
    return ended + len(leftovers)


def wipe(instance: Instance) -> None:
    """Remove all data of the instance, after `down`. Nothing is left to do where a concurrent `wipe` has ended."""
    if not instance.folder.exists():
        return
    for server in SERVERS:
        server.remove(instance)
    shutil.rmtree(instance.folder)
