"""`ultramarket demo` runs every step successfully and restores the prices."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.shop import Shop

COMMAND = Path(sys.executable).with_name("ultramarket")


def test_demo_runs_from_misspelt_query_to_kafka(shop: Shop) -> None:
    before = shop.guest()("GET", "/products/iphone-x").data

    completed = subprocess.run(
        [COMMAND, "-i", os.environ["ULTRAMARKET_INSTANCE"], "demo"],
        text=True, timeout=280, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip

    assert completed.returncode == 0, completed.stdout
    expected = (
        r"results in spite of the misspelt query",
        r"category: .*Smartphones \(\d+\)",
        r"GET /products/iphone-",
        r"3 of 3 events accepted",
        r"order UM-\d{4}-\d{6}, .*, is confirmed",
        r"a verified purchase, approved by the moderation rules",
        r"UltraMarket: order UM-\d{4}-\d{6} is confirmed",
        r"GET /analytics/sales.*\n  counted at most",
        r"admin@ultramarket\.example, ADMIN, from 127\.0\.0\.1",
        r"price of SMA-APP-\S+: \d+\.\d\d USD → \d+\.\d\d USD",
        r"the chain of \d+ entries is intact",
        r"and restores it",
        r"search_performed  analytics-events",
        r"payment_captured  payment-events",
        r"order_confirmed  order-events",
        r"✓ order UM-",
    )
    positions = [match.start() if (match := re.search(pattern, completed.stdout)) else pattern for pattern in expected]
    assert all(isinstance(position, int) for position in positions), (positions, completed.stdout)
    assert positions == sorted(positions), completed.stdout
    after = shop.guest()("GET", "/products/iphone-x").data
    assert (after["price"], [variant["price"] for variant in after["variants"]]) == (
        before["price"],
        [variant["price"] for variant in before["variants"]],
    )
