"""Clients generated from the served OpenAPI document: their types fit the examples of `docs/clients`, which run."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.npm import node_modules, run
from tests.support.shop import Shop

CLIENTS = Path("docs/clients")
BIN = Path(sys.executable).parent.absolute()


@pytest.fixture(scope="module")
def document(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document as the running gateway serves it."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(shop.guest()("GET", "/openapi.json").raw)
    return path


@pytest.fixture(scope="module")
def typescript(document: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the TypeScript example, compiled against the generated types."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    folder = tmp_path_factory.mktemp("clients") / "typescript"
    shutil.copytree(CLIENTS / "typescript", folder, ignore=shutil.ignore_patterns("node_modules", "built"))
    (folder / "node_modules").symlink_to(node_modules(CLIENTS / "typescript"))
    options = ["--default-non-nullable=false", "-o", "ultramarket.d.ts"]
    run(["node_modules/.bin/openapi-typescript", str(document), *options], folder)
    run(["node_modules/.bin/tsc", "-p", "."], folder)
    return ["node", str(folder / "built" / "place-order.js")]


@pytest.fixture(scope="module")
def python(document: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the Python example, its types checked against the generated package."""
    folder = tmp_path_factory.mktemp("clients") / "python"
    shutil.copytree(CLIENTS / "python", folder)
    options = ["--config", "generator.yml", "--meta", "none", "--output-path", "ultramarket_client"]
    run(
        [str(BIN / "openapi-python-client"), "generate", "--path", str(document), "--fail-on-warning", *options], folder
    )
    run([str(BIN / "mypy"), "--strict", "--follow-imports=silent", "place_order.py"], folder)
    return [sys.executable, str(folder / "place_order.py")]


@pytest.mark.parametrize("language", ["typescript", "python"])
@pytest.mark.parametrize("role", ["guest", "customer"])
def test_generated_client_places_an_order(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path, language: str, role: str
) -> None:
    command = request.getfixturevalue(language)

    printed = json.loads(run([*command, shop.url, role], tmp_path))

    buyer = shop.guest()
    buyer.token = printed.get("access_token")
    key = {} if role == "customer" else {"X-Order-Key": printed["access_key"]}
    order = buyer("GET", f"/orders/{printed['id']}", headers=key).data
    assert (order["status"], [line["quantity"] for line in order["items"]]) == (printed["status"], [1])
    assert printed["status"] == "confirmed"
