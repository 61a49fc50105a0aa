"""Clock: services whose clocks are ten minutes ahead or behind, beside others and alone."""

import secrets
import time
from typing import Final

from ultramarket.chaos import faults
from ultramarket.chaos.clocks import second_processes, services_with_clock
from ultramarket.chaos.load import Load
from ultramarket.chaos.products import level_of, new_products
from ultramarket.chaos.run import Run
from ultramarket.chaos.shop_client import new_key

OFF_SECONDS: Final = 600
LOAD_SECONDS: Final = 20.0
AT_ONCE: Final = 4
STOCK: Final = 100_000
PASSWORD: Final = "correct horse battery staple"


def carry_out(run: Run) -> None:
    """Orders and sign-ins while a second process of all services has a wrong clock, then with that process alone."""
    [sku] = new_products(run, [STOCK])
    for seconds_off in (OFF_SECONDS, -OFF_SECONDS):
        with second_processes(run, seconds_off):
            _phase(run, sku, f"{seconds_off:+d} s, beside right ones")
            names = [program.name for program in services_with_clock(run)]
            run.supervisor.stop(names)
            try:
                _phase(run, sku, f"{seconds_off:+d} s, alone")
            finally:
                for name in names:
                    run.supervisor.start(name)
                faults.wait_until_healthy(run)
    confirmed = run.counters.confirmed
    level = level_of(run, sku)
    run.expect(level == (STOCK - confirmed, 0, STOCK - confirmed), f"stock is {level}, {confirmed} were sold")
    run.expect("500" not in run.client.statuses, f"{run.client.statuses.get('500')} replies were 500")


def _phase(run: Run, sku: str, name: str) -> None:
    before = run.counters.confirmed
    load = Load(run, sku, AT_ONCE)
    load.start()
    until = time.monotonic() + LOAD_SECONDS
    signed_in = attempts = 0
    while time.monotonic() < until:
        attempts += 1
        signed_in += _signs_in(run)
    load.stop()
    confirmed = run.counters.confirmed - before
    run.findings[name] = f"{confirmed} orders, {signed_in} of {attempts} new accounts read their profile"
    run.expect(confirmed > 0, f"{name}: no order was confirmed")
    run.expect(signed_in == attempts, f"{name}: {attempts - signed_in} of {attempts} new accounts were refused")


def _signs_in(run: Run) -> bool:
    """Whether a new account can use the access token that it gets."""
    email = f"clock-{secrets.token_hex(8)}@example.com"
    account = {"email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace"}
    registered = run.client.persist("POST", "/auth/register", account, 30.0, Idempotency_Key=new_key())
    if registered.status != 201:
        return False
    token = f"Bearer {registered.data['access_token']}"
    return run.client.persist("GET", "/users/me", None, 30.0, Authorization=token).status == 200
