"""Operations without a server, compared with the table of docs/reliability.md; orders without the payment provider."""

import pytest

from tests.faults.conftest import availability_check
from ultramarket.chaos import faults, outages, toxics
from ultramarket.chaos.comparison import compare
from ultramarket.chaos.run import Run
from ultramarket.chaos.runner import wait_until_quiet
from ultramarket.chaos.scenarios import network


@pytest.mark.timeout(600)
@pytest.mark.parametrize("server", ["postgres", "redis", "mongodb", "mail"])
def test_operations_without_a_server(run: Run, server: str) -> None:
    check = availability_check(run)

    with faults.stopped(run, server):
        check.compare(server)

    assert run.wrong == []


@pytest.mark.long  # toxiproxy is built for it
@pytest.mark.timeout(600)
def test_orders_wait_for_the_payment_provider(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    if not run.instance.has_fault_proxy:
        pytest.skip("toxiproxy-server is not in PATH and could not be built: Go, and a network once, are needed")
    monkeypatch.setattr(network, "OF_PROVIDER", {"refused": toxics.refused})
    monkeypatch.setattr(network, "FAULT_SECONDS", 3.0)
    monkeypatch.setattr(outages, "REPLY_SECONDS", 60.0)
    monkeypatch.setattr(outages, "RECOVERY_SECONDS", outages.SETTLE_SECONDS)
    run.servers = ("provider",)

    network.carry_out(run)
    wait_until_quiet(run)
    compare(run)

    assert run.wrong == []
    assert run.availability["provider"]["place an order"] == "accepted"
    assert [result.outage for result in run.outages] == ["provider refused"]
