"""`ultramarket config validate` on the running instance: all is right, and each thing was looked at."""

import os
import subprocess
import sys
from pathlib import Path

import orjson


def test_the_running_instance_is_configured_well() -> None:
    command = [str(Path(sys.executable).with_name("ultramarket")), "--instance", os.environ["ULTRAMARKET_INSTANCE"]]

    done = subprocess.run([*command, "config", "validate", "--json"], capture_output=True, text=True, timeout=60)

    findings = orjson.loads(done.stdout)
    assert [finding for finding in findings if not finding["ok"]] == []
    assert {finding["check"] for finding in findings} == {"settings", "servers", "secrets", "clocks"}
    assert done.returncode == 0
