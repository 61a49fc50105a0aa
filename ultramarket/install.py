"""Installation of missing servers: apt packages, and downloads where there is no package."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable

from ultramarket.instance import Instance
from ultramarket.servers import Server, local
from ultramarket.servers.base import Missing


class CannotInstall(Exception):
    """An installation that failed, and what the user can do."""


def missing(servers: Iterable[Server]) -> list[Missing]:
    return [item for server in servers for item in server.missing()]


def install(instance: Instance, show: Callable[[str], None]) -> None:
    """Install what is missing; does nothing when all is installed. Raises `CannotInstall`."""
    servers = local(instance)
    packages = sorted({package for item in missing(servers) for package in item.apt})
    if packages:
        show("installing " + ", ".join(packages) + " (apt)")
        install_packages(packages)
    for server in servers:
        if server.missing():
            show("downloading " + ", ".join(item.what for item in server.missing()))
            server.download()
    remaining = missing(servers)
    if remaining:
        raise CannotInstall("still missing after the installation: " + ", ".join(item.what for item in remaining))


def install_packages(packages: list[str]) -> None:
    """Install packages with apt. Raises `CannotInstall`."""
    apt = shutil.which("apt-get")
    become = [] if os.getuid() == 0 else [shutil.which("sudo") or ""]
    if not apt or become == [""]:
        raise CannotInstall(f"please install {', '.join(packages)}: apt-get is not available, or needs sudo")
    # RUNLEVEL=1 keeps the packages' own servers from being started; those of an instance are private ones.
    command = [*become, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", apt]
    for step in (["update", "--quiet=2"], ["install", "--quiet=2", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run([*command, *step], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode and step[0] == "install":
            raise CannotInstall(f"apt-get could not install {', '.join(packages)}:\n{done.stderr[-2000:]}")
