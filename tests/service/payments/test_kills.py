"""Processes that are killed in the middle of an operation: the next one finishes it, once."""

import subprocess
import sys

import pytest

from tests.service.payments.conftest import Shop, balances

KILLED_PROCESS = """
import os, signal, sys
from services.chassis.runtime.settings import Settings
from services.chassis.stores.postgres import open_store
from services.payments.store import PaymentStore
from tests.service.payments.conftest import CrashingStore, Shop

schema, operation, moment, payment_id = sys.argv[1:]
shop = Shop(open_store(CrashingStore, Settings().postgres_url, schema))
shop.calls.lease = 2.0
provider_method = {"capture": "capture", "refund": "refund", "reverse": "void"}[operation]
request = getattr(shop.sandbox, provider_method)

def killed(*arguments):
    if moment == "after":
        request(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(shop.sandbox, provider_method, killed)
payment = shop.store.read(payment_id)
{
    "capture": lambda: shop.processor.capture(payment_id, None),
    "refund": lambda: shop.refund(payment, 300),
    "reverse": lambda: shop.reverse(payment),
}[operation]()
"""


def kill_during(shop: Shop, operation: str, moment: str, payment_id: str) -> None:
    """Run an operation in a process of its own that is killed before or after the provider carries it out."""
    schema = shop.store.engine.url.query["options"].split("search_path=")[1].split(" ")[0]
    command = [sys.executable, "-W", "ignore", "-c", KILLED_PROCESS, schema, operation, moment, payment_id]
    ended = subprocess.run(command, capture_output=True, timeout=60)
    assert ended.returncode == -9, ended.stderr.decode()[-2000:]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_capture_is_finished_and_reversed(shop: Shop, moment: str) -> None:
    payment = shop.pay()
    kill_during(shop, "capture", moment, payment.id)

    reversed_ = shop.reverse(payment)

    assert (reversed_.status, reversed_.captured, reversed_.refunded) == ("refunded", 1000, 1000)
    assert shop.at_bank(payment)[1:] == (1000, 1000)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_refund_is_finished_once(shop: Shop, moment: str) -> None:
    payment = shop.paid()
    kill_during(shop, "refund", moment, payment.id)

    shop.refund(payment, 100)

    assert shop.now(payment) == ("partially_refunded", 1000, 400)
    assert shop.at_bank(payment)[2] == 400
    assert balances(shop.store, payment)["provider_clearing"] == 600


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_void_is_finished(shop: Shop, moment: str) -> None:
    payment = shop.pay()
    kill_during(shop, "reverse", moment, payment.id)

    assert shop.reverse(payment).status == "voided"

    assert shop.at_bank(payment) == ("voided", 0, 0)
    assert shop.event_types(payment) == ["payment_authorized", "payment_voided"]
