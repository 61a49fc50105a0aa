"""Toxiproxy, a TCP proxy that disturbs connections on demand, in front of the servers of an instance for fault tests.

https://github.com/Shopify/toxiproxy: `toxiproxy-server` from PATH, or built once where Go is installed.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar, Final

from ultramarket.cache import CACHE, atomic_directory
from ultramarket.fault_proxy import proxied_port, proxied_servers, upstream_port
from ultramarket.instance import Instance
from ultramarket.keys import write_private
from ultramarket.programs import Program
from ultramarket.servers.base import Missing, Server, process_environment

VERSION: Final = "2.5.0"
MODULE: Final = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
HOME: Final = CACHE / f"toxiproxy-{VERSION}"
BUILT: Final = HOME / "server"


def executable() -> str | None:
    """The path of the server; None when it is neither installed nor built."""
    return shutil.which("toxiproxy-server") or (str(BUILT) if BUILT.exists() else None)


def available() -> bool:
    """Whether the server is here, or could be built now."""
    try:
        if Toxiproxy().missing():
            Toxiproxy().download()
    except subprocess.CalledProcessError:
        return False
    return not Toxiproxy().missing()


class Toxiproxy(Server):
    name: ClassVar[str] = "toxiproxy"
    port_names: ClassVar[tuple[str, ...]] = ("toxiproxy",)

    def missing(self) -> list[Missing]:
        if executable():
            return []
        hint = "built by Go, once" if shutil.which("go") else "put it into PATH, or install Go to build it"
        return [Missing(f"toxiproxy-server {VERSION} ({hint})")]

    def download(self) -> None:
        """Build it; does nothing without Go. Raises `subprocess.CalledProcessError`."""
        go = shutil.which("go")
        if go is None:
            return
        with atomic_directory(HOME) as folder:
            environment = os.environ | {"GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
            subprocess.run([go, "install", MODULE], env=environment, check=True, stdout=subprocess.DEVNULL)

    def prepare(self, instance: Instance) -> None:
        proxies = [
            {
                "name": server,
                "listen": f"127.0.0.1:{proxied_port(instance, server)}",
                "upstream": f"127.0.0.1:{upstream_port(instance, server)}",
                "enabled": True,
            }
            for server in proxied_servers(instance)
        ]
        write_private(self._config(instance), json.dumps(proxies, indent=2))

    def programs(self, instance: Instance) -> list[Program]:
        command = [executable() or "toxiproxy-server", "-host", "127.0.0.1", "-port", str(self.port(instance))]
        command += ["-config", str(self._config(instance))]
        proxied = tuple(proxied_port(instance, server) for server in proxied_servers(instance))
        ports = (*self.ports(instance), *proxied)
        return [Program(self.name, "server", command, process_environment(instance), ports)]

    def is_ready(self, instance: Instance) -> bool:
        from ultramarket.supervision import answers

        return answers(self.port(instance))

    @staticmethod
    def _config(instance: Instance) -> Path:
        return instance.folder / "toxiproxy.json"
