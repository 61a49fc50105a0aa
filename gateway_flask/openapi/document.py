"""The OpenAPI 3.1 document: flask-openapi3's collection of the routes, with every schema as pydantic writes it.

flask-openapi3 keeps only the keywords of JSON Schema that it knows (no `examples`), and one schema for what is taken
and what is replied, so bodies, replies and headers are filled in here.
"""

from typing import Any, Final

from flask_openapi3 import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway_flask.http import fieldsets
from gateway_flask.openapi import formats, headers
from gateway_flask.openapi.endpoints import ENDPOINTS, Endpoint
from gateway_flask.openapi.error_replies import REFUSALS, refusals_of
from gateway_flask.openapi.examples import BODIES
from gateway_flask.openapi.samples import sample
from schemas.api.envelope import Failure, Listing, PageWithDetails, Success
from schemas.api.system import Health, Live
from schemas.permissions.access import Kind
from services.chassis.common.errors import DOMAIN_ERRORS

REFERENCE: Final = "#/components/schemas/{model}"
FILE_TYPES: Final = ("image/webp", "image/jpeg", "application/pdf")
SYSTEM: Final[dict[str, tuple[str, type[BaseModel]]]] = {
    "/health": ("Get the health of the gateway and of what it depends on.", Health),
    "/health/live": ("Get whether the process is alive.", Live),
    "/health/ready": ("Get whether requests can be served.", Health),
}
SECURITY: Final[dict[Kind, list[dict[str, list[str]]]]] = {
    Kind.PUBLIC: [],
    Kind.GUEST: [{}, {"bearer": []}, {"apiKey": []}],
    Kind.PERMISSION: [{"bearer": []}, {"apiKey": []}],
}
"""The credentials that a route takes, by the kind of its access."""


def document(app: OpenAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    replies = {name: enveloped(endpoint) for name, endpoint in ENDPOINTS.items()}
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for endpoint in ENDPOINTS.values():
        if "body" in endpoint.models:
            models[endpoint.models["body"], "validation"] = None
        if endpoint.form is not None:
            models[endpoint.form, "validation"] = None
    replied: list[type[BaseModel]] = [*replies.values(), Failure, Health, Live]
    for model in replied:
        models[model, "serialization"] = None
    references, definitions = models_json_schema(list(models), ref_template=REFERENCE)
    spec = app.api_doc
    for path in spec["paths"].values():
        for operation in path.values():
            endpoint = ENDPOINTS[operation["operationId"]]
            _fill(operation, endpoint, references, replies[endpoint.name])
    for path, (summary, model) in SYSTEM.items():
        content = {"application/json": {"schema": references[model, "serialization"]}}
        of_reply = headers.references(["X-Request-Id"])
        responses = {"200": {"description": "The state of the system", "headers": of_reply, "content": content}}
        responses["404"] = {"$ref": "#/components/responses/NotFound"}  # through nginx, for others than operators
        if model is Health:
            responses["503"] = {
                "description": "A part of the system is unavailable",
                "headers": headers.references(["X-Request-Id", "Retry-After"]),
                "content": content,
            }
        name = path.strip("/").replace("/", "_")
        operation = {
            "summary": summary,
            "operationId": name,
            "tags": ["System"],
            "security": [],
            "responses": responses,
        }
        spec["paths"][path] = {"get": operation}
    spec["tags"].append({"name": "System", "description": "Health of the system."})
    formats.describe(definitions["$defs"], sorted({*DOMAIN_ERRORS, "RANGE_NOT_SATISFIABLE"}))
    spec["components"]["schemas"] = definitions["$defs"]
    _add_reply_examples(spec["paths"], definitions["$defs"])
    spec["components"]["headers"] = headers.REPLY
    spec["components"]["responses"] = {name: refusal.response() for name, refusal in REFUSALS.items()}
    spec["servers"] = [{"url": "/"}]
    return spec


def _add_reply_examples(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    for path in paths.values():
        for operation in path.values():
            for status, reply in operation["responses"].items():
                media = reply.get("content", {}).get("application/json")
                if media and status.startswith("2"):
                    message = {"message": reply["description"].partition(";")[0]}
                    example = sample(media["schema"], schemas)
                    example |= message if isinstance(example, dict) and "message" in example else {}
                    reply["content"] = reply["content"] | {"application/json": media | {"example": example}}


def enveloped(endpoint: Endpoint) -> type[BaseModel]:
    """The model of the route's reply with its envelope."""
    if {"page", "limit"} <= set(getattr(endpoint.models.get("query"), "model_fields", ())):
        return Listing[endpoint.reply] if endpoint.many else PageWithDetails[endpoint.reply]  # type: ignore[name-defined]
    if endpoint.many:
        return Success[list[endpoint.reply]]  # type: ignore[name-defined]
    return Success[endpoint.reply]  # type: ignore[name-defined]


def _fill(
    operation: dict[str, Any], endpoint: Endpoint, references: dict[Any, dict[str, Any]], reply: type[BaseModel]
) -> None:
    if body := endpoint.models.get("body"):
        required = any(field.is_required() for field in body.model_fields.values())
        media: dict[str, Any] = {"schema": references[body, "validation"]}
        if endpoint.name in BODIES:
            media["example"] = BODIES[endpoint.name]
        operation["requestBody"] = {"required": required, "content": {"application/json": media}}
    elif endpoint.form is not None:
        parts = {"multipart/form-data": {"schema": references[endpoint.form, "validation"]}}
        operation["requestBody"] = {"required": True, "content": parts}
    elif endpoint.takes_bytes:
        anything = {"schema": {"type": "object"}}
        operation["requestBody"] = {"required": True, "content": {"application/json": anything}}
    operation["summary"] = operation["summary"].replace("`", "")  # the page shows a summary as it is
    parameters = operation.setdefault("parameters", [])
    parameters[:] = [descriptions for descriptions in parameters if descriptions["name"] != "attributes"]
    if endpoint.is_partial:
        parameters.append(fieldsets.SCHEMA)
    if endpoint.key != "no":
        parameters.append(_header("Idempotency-Key", endpoint.key == "must", endpoint))
    parameters.extend(_header(name, False, endpoint) for name in endpoint.headers)
    content = {"application/json": {"schema": references[reply, "serialization"]}}
    if endpoint.gives_bytes:
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in FILE_TYPES}
    for kind in (*(["text/event-stream"] if endpoint.streams else []), *endpoint.downloads):
        content = content | {kind: {"schema": {"type": "object" if kind == "application/json" else "string"}}}
    names = {200: "Success", 201: "Created", 202: "Accepted; the outcome is not known yet", 302: "Redirect"}
    operation["responses"] = {
        str(status): {"description": names[status], "headers": headers.of_success(endpoint)}
        | ({} if status == 302 else {"content": content})
        for status in endpoint.statuses
    }
    if "If-None-Match" in endpoint.headers:
        operation["responses"]["304"] = {
            "description": "Not modified: the client has this version",
            "headers": headers.of_success(endpoint),
        }
    if "Range" in endpoint.headers:
        operation["responses"]["206"] = {
            "description": "The requested part",
            "headers": headers.of_success(endpoint),
            "content": content,
        }
        failure = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
        operation["responses"]["416"] = {"description": "`RANGE_NOT_SATISFIABLE`", "content": failure}
    operation["responses"] |= refusals_of(endpoint)
    if endpoint.deprecated is not None:
        endpoint.deprecated.describe(operation)
    operation["security"] = SECURITY[endpoint.access.kind]
    operation["x-permission"] = str(endpoint.access)


def _header(name: str, required: bool, endpoint: Endpoint) -> dict[str, Any]:
    ignored = name == "X-Cart-Id" and endpoint.name == headers.DOES_WITHOUT_CART
    described = headers.ANY_CART if ignored else headers.REQUEST[name]
    return {"name": name, "in": "header", "required": required, **described}
