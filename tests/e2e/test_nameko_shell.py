"""`nameko shell` on the running instance: every service replies to an RPC from it."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

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
    "analytics": "n.rpc.analytics.cohorts(query={'months': 3}, caller=admin)",
    "audit": "n.rpc.audit.entries(query={}, caller=admin)",
    "search": "n.rpc.search.suggest(q='pho')",
    "notifications": "n.rpc.notifications.push_key()",
    "config": "n.rpc.config.settings(caller=admin)",
    "orders": "n.rpc.orders.list_orders(query={}, caller=admin)",
    "reviews": "n.rpc.reviews.list_all(query={}, caller=admin)",
    "webhooks": "n.rpc.webhooks.event_types(caller=admin)",
    "files": "n.rpc.files.list_files(query={}, caller=admin)",
}
SCRIPT = """
import json
try:
    print("ANSWER", json.dumps(["{service}", "ok", {call}]), flush=True)
except Exception as error:
    print("ANSWER", json.dumps(["{service}", type(error).__name__, str(error)]), flush=True)

"""


def test_every_service_replies_in_the_shell() -> None:
    assert set(CALLS) == set(SERVICES)
    script = "".join(SCRIPT.format(service=service, call=call) for service, call in CALLS.items()) + "n.config\n"
    command = [str(Path(sys.executable).with_name("ultramarket")), "--instance", os.environ["ULTRAMARKET_INSTANCE"]]

    shell = subprocess.run([*command, "shell"], input=script, capture_output=True, text=True, timeout=90)

    lines = [line.partition("ANSWER ")[2] for line in shell.stdout.splitlines() if "ANSWER " in line]
    answers = {service: (outcome, answer) for service, outcome, answer in map(orjson.loads, lines)}
    assert set(answers) == set(CALLS), shell.stdout + shell.stderr
    assert answers["payments"] == ("RemoteError", "NotFound There is no such payment")
    assert {service: outcome for service, (outcome, _) in answers.items() if service != "payments"} == {
        service: "ok" for service in CALLS if service != "payments"
    }
    assert "keys" in answers["auth"][1]
    broker_password = urlsplit(os.environ["ULTRAMARKET_AMQP_URL"]).password
    assert "amqp://ultramarket:***@" in shell.stdout
    assert str(broker_password) not in shell.stdout + shell.stderr
