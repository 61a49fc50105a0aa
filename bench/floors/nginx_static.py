"""A file of one kilobyte from an nginx of its own with the least configuration, by the same client as cached replies.

Not from the instance's nginx: its configuration belongs to what is measured, and a floor may not change with it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import fast_http
from bench.floors.base import CpuMeter, FloorReading, reading
from bench.wire import Connection

PORT_OFFSET = 41
BODY = b"x" * 1024
CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 256; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  open_file_cache max=10;
  server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""


class NginxStatic:
    name = "nginx static"
    needs_clients = True

    def __init__(self, port_base: int) -> None:
        self._port = port_base + PORT_OFFSET
        self._pid = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory(prefix="bench-nginx-") as name:
            folder = Path(name)
            (folder / "files").mkdir()
            (folder / "files" / "one.txt").write_bytes(BODY)
            (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=self._port))
            program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
            process = subprocess.Popen([program, "-p", name, "-e", "stderr", "-c", str(folder / "nginx.conf")])
            self._pid = process.pid
            try:
                _wait_until_ready(self._port)
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(15)

    def measure(self, clients: int, seconds: float) -> FloorReading:
        meter = CpuMeter(self._pid)
        result = fast_http.run(f"http://127.0.0.1:{self._port}", ["/one.txt"], clients, seconds)
        return reading(result, meter.seconds())


def _wait_until_ready(port: int) -> None:
    client, until = Connection("127.0.0.1", port, prefix=""), time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if client.request("GET", "/one.txt")[0] == 200:
                client.close()
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the nginx of the floor did not start")
