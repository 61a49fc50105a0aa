"""`ultramarket config validate` on the running instance: every check passes."""

import os
import subprocess
import sys
from pathlib import Path

import orjson


def test_running_instance_has_a_valid_configuration() -> None:
    command = [str(Path(sys.executable).with_name("ultramarket")), "--instance", os.environ["ULTRAMARKET_INSTANCE"]]

    completed = subprocess.run([*command, "config", "validate", "--json"], capture_output=True, text=True, timeout=60)

    findings = orjson.loads(completed.stdout)
    assert [finding for finding in findings if not finding["ok"]] == []
    assert {finding["check"] for finding in findings} == {"settings", "servers", "secrets", "clocks"}
    assert completed.returncode == 0
