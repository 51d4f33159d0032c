"""The OpenAPI document as clients need it: unique names, who may, and one shape for every refusal."""

import asyncio
import re
from asyncio import Future
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response

from shopfloor.kernel import route_access
from shopfloor.kernel.text import STORABLE, UnusableText

SESSION: Final = "session"
_REFUSAL: Final = {
    "title": "Refusal",
    "description": "Said on purpose: clients branch on `code`, and may show `message` and `facts`.",
    "type": "object",
    "required": ["code", "message", "facts"],
    "properties": {
        "code": {"type": "string", "title": "Code", "examples": ["stock.sold_out"]},
        "message": {"type": "string", "title": "Message"},
        "facts": {"type": "object", "title": "Facts", "additionalProperties": True},
    },
}
_CONTENT: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
# What any request may be told, whatever it asks for.  That a server is away belongs to no operation: none names a 5xx.
_ALWAYS: Final = {"429": "Too many requests; `Retry-After` says when to ask again."}
_UNDERSCORES: Final = re.compile("_+")
_MODULE_PATH: Final = re.compile(r"^shopfloor__(\w+?)__(?:\w+__)*(\w+)$")


def describe(app: FastAPI, *, path: str, public: Callable[[], set[tuple[str, str]]], cookie: str) -> None:
    """Let `app` answer with this document at `path`.

    It is made once, when it is first asked for, which takes a second: beside the loop that serves everybody.
    `public` says which operations (method, path) need no session; `cookie` is where it stands.
    """
    written: Future[bytes] | None = None

    def make() -> bytes:
        return msgspec.json.encode(completed(app.openapi(), public=public(), cookie=cookie))

    @route_access.public
    async def answer(_: Request) -> Response:
        nonlocal written
        if written is None or (written.done() and written.exception() is not None):
            written = asyncio.get_running_loop().run_in_executor(None, make)
        return Response(await asyncio.shield(written), media_type="application/json")

    app.add_route(path, answer, include_in_schema=False)


def completed(document: dict[str, Any], *, public: set[tuple[str, str]], cookie: str) -> dict[str, Any]:
    """`document` with security, refusals and names."""
    document = _renamed(document)
    _bound(document)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Refusal"] = _REFUSAL
    components["securitySchemes"] = {
        SESSION: {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "Set by the answer to `POST /v1/session`.",
        }
    }
    document["security"] = [{SESSION: []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, path, method, is_public=(method.upper(), path) in public)
    return document


def _complete(operation: dict[str, Any], path: str, method: str, *, is_public: bool) -> None:
    operation["operationId"] = _UNDERSCORES.sub("_", operation["operationId"])
    responses: dict[str, Any] = operation["responses"]
    said = dict(_ALWAYS)
    if is_public:
        operation["security"] = []
    else:
        said |= {"401": "Nobody is signed in.", "403": "This role may not."}
    if "{" in path:
        said["404"] = "There is no such thing, or not for you."
    if operation.get("requestBody"):
        said["400"] = "The body is not what its content type says."
        said["413"] = "The body is too large."
    if method != "get":
        said["409"] = "Not in this state, no longer, or not twice."
    said["422"] = "The request is invalid: `facts` say where."
    for status, description in said.items():
        responses.setdefault(status, {"description": description})
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        # Every text that is written down comes through one reader (kernel.text).
        plain = responses["422"]["description"].removesuffix(".")
        responses["422"]["description"] = f"{plain}, {UnusableText.code}"
    responses["422"]["description"] = responses["422"]["description"].replace("Validation Error", said["422"])
    for status, response in responses.items():
        if status.startswith(("4", "5")):
            response["content"] = _CONTENT
    operation["responses"] = {
        status: response for status, response in sorted(responses.items()) if not status.startswith("5")
    }


def _bound(document: dict[str, Any]) -> None:
    """Say of every parameter and body what the border refuses: numbers beyond 64 bits, characters that are not text,
    fields that it does not name.
    """
    schemas = document.get("components", {}).get("schemas", {})
    seen: set[str] = set()

    def bound(schema: Any) -> None:
        if isinstance(schema, list):
            for inner in schema:
                bound(inner)
        if not isinstance(schema, dict):
            return
        name = schema.get("$ref", "").rsplit("/", 1)[-1]
        if name and name not in seen:
            seen.add(name)
            bound(schemas[name])
        match schema.get("type"):
            case "integer":
                least = schema.pop("exclusiveMinimum", None)
                schema["minimum"] = max(
                    -(2**63), int(schema.get("minimum", -(2**63))) if least is None else int(least) + 1
                )
                schema["maximum"] = min(2**63 - 1, int(schema.get("maximum", 2**63 - 1)))
            case "string" if not {"format", "enum", "const", "pattern"} & schema.keys():
                schema["pattern"] = STORABLE
            case "object" if schema.get("additionalProperties"):
                schema.setdefault("propertyNames", {"pattern": STORABLE})
            case "object" if "properties" in schema:
                schema["additionalProperties"] = False
            case _:
                pass
        for key in ("properties", "items", "additionalProperties", "anyOf", "oneOf", "allOf"):
            inner = schema.get(key)
            bound(list(inner.values()) if key == "properties" and inner else inner)

    for operations in document["paths"].values():
        for operation in operations.values():
            bound([parameter["schema"] for parameter in operation.get("parameters", [])])
            bound(
                [
                    content["schema"]
                    for content in operation.get("requestBody", {}).get("content", {}).values()
                ]
            )


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """Two modules may each have a `Status`: in the document they are called after their module."""
    names = {}
    for name in document.get("components", {}).get("schemas", {}):
        parts = _MODULE_PATH.match(name)
        names[name] = name if parts is None else f"{parts[1].title().replace('_', '')}{parts[2]}"
    assert max(Counter(names.values()).values(), default=1) == 1, names

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: f"#/components/schemas/{names[inner.rsplit('/', 1)[1]]}"
                if key == "$ref" and isinstance(inner, str) and inner.startswith("#/components/schemas/")
                else walk(inner)
                for key, inner in value.items()
            }
        return [walk(inner) for inner in value] if isinstance(value, list) else value

    renamed = walk(document)
    schemas = renamed.get("components", {}).get("schemas", {})
    if schemas:
        renamed["components"]["schemas"] = {
            # Generators name their types by the title.
            names[name]: schema if names[name] == name else schema | {"title": names[name]}
            for name, schema in schemas.items()
        }
    return renamed
