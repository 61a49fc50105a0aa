"""The committed OpenAPI document, `schemas/openapi.json`: what clients of the REST API may rely on."""

import json
from pathlib import Path
from typing import Any, Final

import schemas
from schemas.tools.export import BreakingChange
from schemas.tools.openapi_compatibility import breaking_changes

FILE: Final = Path(schemas.__path__[0]) / "openapi.json"


def generated() -> dict[str, Any]:
    """The document of the routes as they are in the code."""
    from gateway_flask.app import create_app
    from gateway_flask.openapi.document import document
    from gateway_flask.testing import FakeServices, settings

    made: dict[str, Any] = json.loads(json.dumps(document(create_app(settings(), FakeServices()))))
    return made


def publish(accept_breaking: bool = False, file: Path = FILE) -> list[Path]:
    """Write the document if it has changed, and return what was written. Raises `BreakingChange`."""
    proposed = generated()
    published = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    if proposed == published:
        return []
    if published is not None and not accept_breaking and (why := breaking_changes(published, proposed)):
        raise BreakingChange(
            "The API would break its clients (--accept-breaking-routes if that is wanted):\n" + "\n".join(why)
        )
    file.write_text(json.dumps(proposed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [file]
