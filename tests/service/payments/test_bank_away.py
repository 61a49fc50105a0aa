"""The sandbox's bank behind a proxy that goes silent or refuses connections: first no outcome, then one charge."""

import os
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, make_url

from services.chassis.common.ids import new_id
from services.payments.providers.bank import SandboxBank
from services.payments.providers.interface import ProviderUnavailable
from tests.service.payments.conftest import Shop
from tests.support.proxy import Proxy, proxy_to

OUTAGES: dict[str, Callable[[Proxy], None]] = {"silent": Proxy.silence, "refused": Proxy.cut}


@pytest.fixture
def bank_proxy(shop: Shop) -> Iterator[Proxy]:
    with proxy_to(os.environ["ULTRAMARKET_POSTGRES_URL"]) as proxy:
        engine = create_engine(shop.store.engine.url.set(port=make_url(proxy.url).port))
        shop.sandbox.bank = SandboxBank(engine)
        yield proxy
        shop.sandbox.bank.close()
        engine.dispose()


@pytest.mark.parametrize("outage", OUTAGES)
def test_payment_goes_on_once_the_bank_answers(shop: Shop, bank_proxy: Proxy, outage: str) -> None:
    command, before = shop.command(), shop.charges()
    OUTAGES[outage](bank_proxy)

    with pytest.raises(ProviderUnavailable):
        shop.processor.authorise(command)

    bank_proxy.restore()
    assert shop.processor.authorise(command).status == "authorized"
    assert shop.charges() == before + 1


@pytest.mark.parametrize("outage", OUTAGES)
def test_refund_is_made_once_the_bank_answers(shop: Shop, bank_proxy: Proxy, outage: str) -> None:
    payment, refund_id = shop.paid(1000), new_id()
    OUTAGES[outage](bank_proxy)

    with pytest.raises(ProviderUnavailable):
        shop.refund(payment, 400, refund_id)

    bank_proxy.restore()
    shop.refund(payment, 400, refund_id)
    assert shop.at_bank(payment) == ("captured", 1000, 400)
    assert shop.now(payment) == ("partially_refunded", 1000, 400)
