"""The committed documents pass the linters of their kind: redocly for OpenAPI, the official parser for AsyncAPI."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from schemas.tools.export import FOLDER
from tests.support import npm
from ultramarket.openapi_file import FILE

TOOLS = Path(__file__).parents[1] / "api_tools"


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    npm.install(TOOLS)


def _run(*command: str) -> Any:
    environment = os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    output = subprocess.run(command, cwd=TOOLS, env=environment, capture_output=True, text=True, check=False)
    assert output.stdout, output.stderr
    return json.loads(output.stdout)


def test_redocly_finds_no_problem_in_the_openapi_document() -> None:
    result = _run("node_modules/.bin/redocly", "lint", "--config", "redocly.yaml", "--format", "json", str(FILE))

    assert [f"{each['location'][0]['pointer']}: {each['message']}" for each in result["problems"]] == []
    assert result["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


def test_redocly_finds_problems_in_a_broken_document(tmp_path: Path) -> None:
    document = {"openapi": "3.1.0", "info": {"title": "Broken", "version": "1"}, "paths": {"/a": {"get": {"tags": 1}}}}
    (tmp_path / "openapi.json").write_text(json.dumps(document), encoding="utf-8")

    result = _run("node_modules/.bin/redocly", "lint", "--format", "json", str(tmp_path / "openapi.json"))

    assert result["totals"]["errors"] > 0


def test_asyncapi_parser_accepts_the_asyncapi_document() -> None:
    result = _run("node", "asyncapi.js", str(FOLDER / "asyncapi.json"))

    document = json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    assert result["errors"] == []
    assert result["channels"] == len(document["channels"])
    assert result["messages"] == len(document["components"]["messages"])
