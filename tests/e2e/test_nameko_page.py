"""docs/nameko.md as it stands: a stock Nameko service without our code calls our services and handles our events."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.messaging.transport import connect
from tests.support.shop import Shop, eventually

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "nameko.md").read_text(encoding="utf-8")
QUEUES = ("rpc-packing", "evt-orders-order_confirmed--packing.prepare")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in re.findall(r'^```python\n"""(\w+\.py)"""\n(.*?)^```', PAGE, re.S | re.M):
        (tmp_path / name).write_text(code, encoding="utf-8")
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """That of a shell whose `nameko` and `python` are those of the tests, and which can't import our code."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": programs, "ULTRAMARKET_AMQP_URL": os.environ["ULTRAMARKET_AMQP_URL"]}


@pytest.fixture
def log(folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """The output of the running service."""
    [command] = re.findall(r"^```sh\n(nameko run .*?)\n```", PAGE, re.S | re.M)
    output = folder / "output.log"
    with output.open("w") as file:
        service = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield output
    finally:
        service.terminate()
        service.wait(30)
        with connect(os.environ["ULTRAMARKET_AMQP_URL"]) as connection, connection.channel() as channel:
            for queue in QUEUES:
                channel.queue_delete(queue)


def test_foreign_nameko_service_hears_and_calls_the_shop(
    shop: Shop, folder: Path, environment: dict[str, str], log: Path
) -> None:
    assert eventually(lambda: "Connected to amqp" in log.read_text()), log.read_text()
    customer = shop.customer()
    sku = shop.product(price=1500, title="Packed mug")
    customer.add(sku, 2)

    order = customer.order().data

    assert eventually(lambda: f"prepared {order['number']} http" in log.read_text()), log.read_text()
    command = [sys.executable, "ask.py", order["id"]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout
    assert done.returncode == 0, done.stderr
    assert "slip: ['2 x Packed mug']" in lines
    assert re.search(r"products: [1-9]", lines)
    assert "refused: NotFound" in lines
