"""The commands of README.md and docs/tour.md, typed as they stand; only the instance is another one."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.instance import Instance
from tests.support.shop import Shop, eventually

ROOT = Path(__file__).resolve().parents[2]


def script(page: Path) -> str:
    """All `sh` blocks of a page, for the instance under test."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.S | re.M)
    base = int(os.environ["ULTRAMARKET_PORT_BASE"])
    ours = re.sub(r"127\.0\.0\.1:30(\d\d)", lambda port: f"127.0.0.1:{base + int(port[1])}", "\n".join(blocks))
    return "set -e\n" + ours.replace(".ultramarket/dev/", f".ultramarket/{os.environ['ULTRAMARKET_INSTANCE']}/")


def typed(page: Path, seconds: float) -> str:
    """Run the commands of a page in one bash and return the output. Raises when a command fails."""
    done = subprocess.run(
        ["bash"], input=script(page), cwd=ROOT, text=True, timeout=seconds, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_the_first_order_of_the_readme() -> None:
    output = typed(ROOT / "README.md", 200)
    assert "Thank you for your order" in output
    assert re.search(r"order_confirmed\n", output), output[-2000:]


@pytest.mark.timeout(1500)
def test_the_tour(shop: Shop) -> None:
    wrong_words = lambda: shop.guest()("GET", "/search?q=iphne").data  # noqa: E731
    assert eventually(lambda: wrong_words()["did_you_mean"]), "the search engine is not awake"

    output = typed(ROOT / "docs" / "tour.md", 500)
    expected = (
        "304 Not Modified",
        "did_you_mean: iphone",
        "iPhone 5s",
        "'slug': 'smartphones'",
        "one order: UM-",
        "NOT_FOUND",
        "VALIDATION_ERROR",
        "insufficient_funds",
        "status: confirmed",
        "payment.status: refunded",
        "PRECONDITION_FAILED",
        "partially_refunded",
        "UltraPost",
        "200 image/webp",
        "verified: True",
        "Holds tea",
        "'average': 5.0, 'count': 1",
        "Thank you for your review",
        "kinds.order_shipped.email",
        '"accepted":2,"rejected":[{"index":2',
        "'name': 'paid'",
        '"action": "product.update"',
        "The audit trail is valid",
        "chain is intact",
        "must be at most 3",
        "as it was",
        "Reviews are switched off",
        "reviews is on",
        "194 unchanged",
        ">>> 1900",
        "order_confirmed UM-",
        "place_order",
        "event_dead",
        "for notifications, 2 tries",
        "1 replayed",
        "orders rebuilt",
        "Product deleted",
    )
    missing = [words for words in expected if words not in output]
    assert missing == [], output[-4000:]
    time.sleep(1)
    Instance().wait_until_healthy()
