"""The API as an OpenAPI document (3.1), made of the rows that answer."""

import re
from collections.abc import Mapping
from typing import Any

from heloise.app.operator.api import BASE, NARROWING, OPERATIONS, ApiOperation
from heloise.app.operator.queue_json import Json
from heloise.web.exchange import Answer, Request, as_json
from heloise.web.routes import Route

_TEXT, _NUMBER, _COUNT, _TRUTH = ({"type": kind} for kind in ("string", "number", "integer", "boolean"))
_MAYBE_NUMBER = {"type": ["number", "null"]}
_MAYBE_TEXT = {"type": ["string", "null"]}
_LINES = {"type": "array", "items": _TEXT}


def _of(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(properties: Json, *, required: bool = True, **more: Any) -> Json:
    made: Json = {"type": "object", "properties": properties, **more}
    return {**made, "required": list(properties)} if required else made


_STATES = ["waiting", "leased", "held", "delivered", "failed"]
_WORD = _object({"at": _NUMBER, "reply": _TEXT, "cause": _TEXT, "remote_mta": _MAYBE_TEXT})
_SELECTION = _object({name: {"type": kind} for name, kind in NARROWING.items()}, required=False)
_REDIRECTION = {"to": {**_TEXT, "description": "a route"}, "recipient": {**_TEXT, "description": "an address"}}

SCHEMAS: Json = {
    "Counts": _object(dict.fromkeys(("messages", "waiting", "leased", "held"), _COUNT)),
    "QueuedRecipient": _object(
        {
            "recipient": _TEXT,
            "parameters": _TEXT,
            "route": _TEXT,
            "state": {**_TEXT, "enum": _STATES},
            "due": _NUMBER,
            "attempts": _COUNT,
            "last": {"oneOf": [_WORD, {"type": "null"}]},
        }
    ),
    "QueuedMessage": _object(
        {
            "id": _TEXT,
            "sender": _TEXT,
            "parameters": _TEXT,
            "size": _COUNT,
            "accepted_at": {**_NUMBER, "description": "seconds since the epoch, as all times"},
            "from": _TEXT,
            "hello": _TEXT,
            "protocol": _TEXT,
            "session": _TEXT,
            "not_before": _MAYBE_NUMBER,
            "warn_at": _MAYBE_NUMBER,
            "priority": {**_COUNT, "description": "-9 to 9, RFC 6710"},
            "expires_at": _MAYBE_NUMBER,
            "recipients": {"type": "array", "items": _of("QueuedRecipient")},
        }
    ),
    "Queue": _object(
        {
            "messages": {"type": "array", "items": _of("QueuedMessage")},
            "counts": _of("Counts"),
            "after": _MAYBE_TEXT,
        }
    ),
    "Destinations": _object({"destinations": {"type": ["array", "null"], "items": {"type": "object"}}}),
    "Timeline": _object(
        {
            "id": _TEXT,
            "is_session": _TRUTH,
            "session": _TEXT,
            "sender": _TEXT,
            "size": {"type": ["integer", "null"]},
            "begun": _NUMBER,
            "recipients": {"type": "object", "additionalProperties": _TEXT},
            "events": {"type": "array", "items": {"type": "object"}},
        }
    ),
    "Message": _object(
        {
            "id": _TEXT,
            "queued": {"oneOf": [_of("QueuedMessage"), {"type": "null"}]},
            "timeline": {"oneOf": [_of("Timeline"), {"type": "null"}]},
        }
    ),
    "Change": _object(
        {
            "recipients": {**_COUNT, "description": "to how many it happened"},
            "under_way": {**_COUNT, "description": "how many were left alone, since they are being tried"},
        }
    ),
    "Health": _object({"live": _TRUTH, "ready": _TRUTH, "why": _MAYBE_TEXT}),
    "Reloaded": _object({"changed": _LINES, "kept": _LINES}),
    "Faults": _object({"seed": _COUNT, "faults": {"type": "array", "items": {"type": "object"}}}),
    "NewFaults": _object(
        {"faults": {"type": "array", "description": "phrases, or objects with the keys of [[fault]]", "items": {}}}
    ),
    "Removed": _object({"removed": _COUNT}),
    "Nothing": _object({}, required=False),
    "Recipient": _object({"recipient": _TEXT}, required=False),
    "Redirection": _object(_REDIRECTION, required=False),
    "Selected": _object({"selection": _SELECTION, "all": _TRUTH}, required=False),
    "RedirectionOfMany": _object({"selection": _SELECTION, "all": _TRUTH, **_REDIRECTION}, required=False),
    "Problem": _object({"status": _COUNT, "detail": _TEXT}),
}


def document(version: str) -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    for each in OPERATIONS:
        paths.setdefault(BASE + each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "heloise",
            "version": version,
            "description": "What `heloise queue` and `trace` do, by HTTP.",
        },
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}, {}],
    }


def _operation(each: ApiOperation) -> Json:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in re.findall(r"{(\w+)}", each.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": {"type": kind}} for name, kind in (each.query or {}).items()]
    schema = _of(each.answer) if each.answer else {"type": "string", "format": "binary"}
    problem = {"description": "why not", "content": {"application/problem+json": {"schema": _of("Problem")}}}
    made: Json = {
        "operationId": each.name,
        "summary": each.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "done", "content": {each.content_type: {"schema": schema}}},
            "default": problem,
        },
    }
    if each.body is not None:
        made["requestBody"] = {"content": {"application/json": {"schema": _of(each.body)}}}
    return made


def document_route(version: str) -> Route:
    """Where it is found."""
    whole = document(version)

    async def handle(request: Request, found: Mapping[str, str]) -> Answer:
        return as_json(whole)

    return Route("GET", f"{BASE}/openapi.json", handle)
