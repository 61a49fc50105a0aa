"""Calls between services form no cycle, and `docs/calls.md` shows exactly the calls in the code."""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from services.chassis.runtime.registry import GATEWAY, SERVICES

ROOT = Path(__file__).resolve().parents[2]
CALL = re.compile(r"\bRemote\(\s*([A-Z][a-z]+)Rpc\b")
GATEWAY_CALL = re.compile(r'\bcall\(\s*"([a-z]+)"|\b([A-Z][a-z]+)Rpc\.|service="([a-z]+)"')
ARROW = re.compile(r"^\s*([a-z]+) --> ([a-z &]+)$", re.MULTILINE)


def calls_in_code() -> dict[str, set[str]]:
    """The services that each service calls, by its declarations."""
    return {
        service: {
            called.lower()
            for module in (ROOT / "services" / service).rglob("*.py")
            for called in CALL.findall(module.read_text())
        }
        for service in SERVICES
    }


def calls_of_gateway() -> set[str]:
    modules = (ROOT / "gateway_flask").rglob("*.py")
    return {"".join(called).lower() for module in modules for called in GATEWAY_CALL.findall(module.read_text())}


def calls_in_doc() -> dict[str, set[str]]:
    diagram = (ROOT / "docs" / "calls.md").read_text().partition("```mermaid")[2].partition("```")[0]
    arrows: dict[str, set[str]] = {}
    for caller, called in ARROW.findall(diagram):
        arrows.setdefault(caller, set()).update(name.strip() for name in called.split("&"))
    return arrows


def test_service_calls_form_no_cycle() -> None:
    order = list(TopologicalSorter(calls_in_code()).static_order())

    assert order.index("products") < order.index("cart") < order.index("orders")


def test_cycle_is_detected() -> None:
    with pytest.raises(CycleError):
        list(TopologicalSorter(calls_in_code() | {"products": {"orders"}}).static_order())


def test_called_services_exist() -> None:
    called = set().union(*calls_in_code().values(), calls_of_gateway())

    assert called <= set(SERVICES)


def test_diagram_shows_the_calls_in_the_code() -> None:
    code = {service: called for service, called in calls_in_code().items() if called}

    assert calls_in_doc() == code | {GATEWAY: calls_of_gateway()}
