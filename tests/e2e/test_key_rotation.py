"""Rotation of the keys of a running shop: every login and every token works, before, during and after it."""

import os
import subprocess
import sys
import time
import uuid

import jwt

from tests.support.shop import Shop

SECONDS = 60
"""Time limit; the new key signs ten seconds after it was published."""


def test_rotation_refuses_no_login_and_no_token(shop: Shop) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    customer = shop.customer(email)
    account = {"email": email, "password": "correct horse battery"}
    command = [sys.executable, "-m", "ultramarket.cli", "--instance", os.environ["ULTRAMARKET_INSTANCE"]]

    rotation = subprocess.run([*command, "keys", "rotate"], capture_output=True, text=True, check=False)
    key_ids, statuses, end = set(), set(), time.monotonic() + SECONDS
    while len(key_ids) < 2 and time.monotonic() < end:
        guest = shop.guest()
        login = guest("POST", "/auth/login", account)
        guest.token = login.data["access_token"]
        key_ids.add(jwt.get_unverified_header(guest.token)["kid"])
        statuses |= {login.status, guest("GET", "/auth/me").status, customer("GET", "/auth/me").status}

    assert (rotation.returncode, rotation.stderr) == (0, "")
    assert len(key_ids) == 2
    assert statuses == {200}
