"""`nameko shell` on the running instance: every service answers what is typed there."""

import os
import subprocess
import sys
from pathlib import Path

import orjson

from services.chassis.runtime.registry import SERVICES

CALLS = {
    "auth": "n.rpc.auth.jwks()",
    "users": "n.rpc.users.list_addresses(caller=admin)",
    "products": "n.rpc.products.category_tree()",
    "inventory": "n.rpc.inventory.list_warehouses(caller=admin)",
    "cart": "n.rpc.cart.get_cart()",
    "shipping": "n.rpc.shipping.methods()",
    "payments": "n.rpc.payments.status_of('nobodys')",
    "analytics": "n.rpc.analytics.cohorts(months=3)",
    "audit": "n.rpc.audit.entries()",
    "search": "n.rpc.search.suggest(q='pho')",
    "notifications": "n.rpc.notifications.push_key()",
    "config": "n.rpc.config.settings()",
    "orders": "n.rpc.orders.list_orders(query={}, caller=admin)",
    "reviews": "n.rpc.reviews.list_all({}, {'user_id': '0197a000-0000-7000-8000-00000000000f'})",
    "files": "n.rpc.files.list_files({}, {'user_id': '0197a000-0000-7000-8000-00000000000f'})",
}
ASK = """
import json
try:
    print("ANSWER", json.dumps(["{service}", "ok", {call}]), flush=True)
except Exception as error:
    print("ANSWER", json.dumps(["{service}", type(error).__name__, str(error)]), flush=True)

"""


def test_every_service_answers_in_the_shell() -> None:
    assert set(CALLS) == set(SERVICES)
    typed = "".join(ASK.format(service=service, call=call) for service, call in CALLS.items())
    command = [str(Path(sys.executable).with_name("ultramarket")), "--instance", os.environ["ULTRAMARKET_INSTANCE"]]

    shell = subprocess.run([*command, "shell"], input=typed, capture_output=True, text=True, timeout=90)

    lines = [line.partition("ANSWER ")[2] for line in shell.stdout.splitlines() if "ANSWER " in line]
    answers = {service: (outcome, answer) for service, outcome, answer in map(orjson.loads, lines)}
    assert set(answers) == set(CALLS), shell.stdout + shell.stderr
    assert answers["payments"] == ("RemoteError", "NotFound There is no such payment")
    assert {service: outcome for service, (outcome, _) in answers.items() if service != "payments"} == {
        service: "ok" for service in CALLS if service != "payments"
    }
    assert "keys" in answers["auth"][1]
