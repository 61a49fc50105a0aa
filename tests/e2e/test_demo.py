"""`ultramarket demo`, as a newcomer sees it: every step goes well, and prices are as they were."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.shop import Shop

COMMAND = Path(sys.executable).with_name("ultramarket")


def test_the_demo_goes_from_a_misspelt_word_to_kafka(shop: Shop) -> None:
    before = shop.guest()("GET", "/products/iphone-x").data

    done = subprocess.run(
        [COMMAND, "-i", os.environ["ULTRAMARKET_INSTANCE"], "demo"],
        text=True, timeout=280, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    told = (
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
    places = [found.start() if (found := re.search(words, done.stdout)) else words for words in told]
    assert all(isinstance(place, int) for place in places), (places, done.stdout)
    assert places == sorted(places), done.stdout
    after = shop.guest()("GET", "/products/iphone-x").data
    assert (after["price"], [one["price"] for one in after["variants"]]) == (
        before["price"],
        [one["price"] for one in before["variants"]],
    )
