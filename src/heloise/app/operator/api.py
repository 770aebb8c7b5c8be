"""The REST API of the admin listener: the same desk that `heloise queue` and `heloise trace` speak to, over HTTP.

An operation is a row of `OPERATIONS`; from the rows come the routes and the OpenAPI document, so that neither is
without the other.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from heloise.app.operator.control import Desk
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.queue_json import Json
from heloise.web.exchange import Answer, HttpProblem, Request, as_json
from heloise.web.routes import Handle, Route

BASE = "/api/v1"
MOST = 1000  # messages in one answer
NARROWING: Mapping[str, str] = {
    "sender": "string",
    "recipient": "string",
    "domain": "string",
    "route": "string",
    "state": "string",
    "reason": "string",
    "accepted_from": "number",
    "accepted_before": "number",
    "smallest": "integer",
    "size_below": "integer",
}
_NUMBERS: Mapping[str, Callable[[str], float]] = {"number": float, "integer": int}
Answering: TypeAlias = Callable[[Desk, Request, Mapping[str, str]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOperation:
    """One operation. `query` and `body` are names and JSON types; `answer` names a schema of `openapi.py`."""

    method: str
    path: str
    name: str
    summary: str
    handle: Answering
    query: Mapping[str, str] | None = None
    body: str | None = None
    answer: str = "Change"
    content_type: str = "application/json"


async def _queue(desk: Desk, request: Request, found: Mapping[str, str]) -> Answer:
    limit = _number(request.query.get("limit", "100"), "limit", int)
    if not 1 <= limit <= MOST:
        raise HttpProblem(400, f"limit is from 1 to {MOST}")
    wanted = {"do": "list", "selection": narrowed(request.query), "limit": limit, "after": request.query.get("after")}
    messages = (await _ask(desk, wanted))["messages"]
    following = messages[-1]["id"] if len(messages) == limit else None
    return as_json({"messages": messages, "counts": await _ask(desk, {"do": "counts"}), "after": following})


async def _destinations(desk: Desk, request: Request, found: Mapping[str, str]) -> Answer:
    return as_json(await _ask(desk, {"do": "destinations"}))


async def _message(desk: Desk, request: Request, found: Mapping[str, str]) -> Answer:
    """What is in the queue, and the passport; a message that has left has only the latter."""
    selection = {"message_id": found["id"]}
    listed = (await _ask(desk, {"do": "list", "selection": selection, "limit": 1}))["messages"]
    try:
        timeline = (await desk.ask({"do": "trace", "id": found["id"]}))["timeline"]
    except ControlError:  # no passports are kept
        timeline = None
    if not listed and timeline is None:
        raise HttpProblem(404, f"nothing is known of {found['id']}")
    return as_json({"id": found["id"], "queued": listed[0] if listed else None, "timeline": timeline})


async def _content(desk: Desk, request: Request, found: Mapping[str, str]) -> Answer:
    """Octet for octet, for programs; a browser saves it and shows nothing of it."""
    selection = {"message_id": found["id"]}
    if not (await _ask(desk, {"do": "list", "selection": selection, "limit": 1}))["messages"]:
        raise HttpProblem(404, f"no message {found['id']} is in the queue")
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return Answer(content_type="message/rfc822", headers=headers, body=desk.pieces(found["id"]))


async def _change_one(desk: Desk, request: Request, found: Mapping[str, str], *, what: str) -> Answer:
    more = _body(request)
    selection = {"message_id": found["id"]}
    if not (await _ask(desk, {"do": "list", "selection": selection, "limit": 1}))["messages"]:
        raise HttpProblem(404, f"no message {found['id']} is in the queue")
    if "recipient" in more and what != "redirect":
        selection["recipient"] = more.pop("recipient")
    return as_json(await _ask(desk, {"do": what, "selection": selection, **_target(more, what)}))


async def _change_many(desk: Desk, request: Request, found: Mapping[str, str], *, what: str) -> Answer:
    more = _body(request)
    selection = more.pop("selection", {})
    if not isinstance(selection, dict) or set(selection) - set(NARROWING):
        raise HttpProblem(400, f"selection has some of {', '.join(NARROWING)}")
    if not selection and more.pop("all", False) is not True:
        raise HttpProblem(400, 'the selection is empty; write "all": true if all messages are meant')
    more.pop("all", None)
    return as_json(await _ask(desk, {"do": what, "selection": selection, **_target(more, what)}))


async def _faults(desk: Desk, request: Request, found: Mapping[str, str], *, do: str) -> Answer:
    return as_json(await _ask(desk, {**(_body(request) if request.method == "POST" else {}), "do": do}))


async def _health(desk: Desk, request: Request, found: Mapping[str, str]) -> Answer:
    return as_json(await _ask(desk, {"do": "health"}))


async def _reload(desk: Desk, request: Request, found: Mapping[str, str]) -> Answer:
    _body(request)
    return as_json(await _ask(desk, {"do": "reload"}))


def _operations() -> list[ApiOperation]:
    made = [
        ApiOperation(
            method="GET",
            path="/queue",
            name="listQueue",
            summary="Messages that wait, the oldest first, and how many there are. `after` of an answer asks for more.",
            handle=_queue,
            query={**NARROWING, "limit": "integer", "after": "string"},
            answer="Queue",
        ),
        ApiOperation(
            method="GET",
            path="/destinations",
            name="listDestinations",
            summary="Where mail goes at the moment, and why it waits.",
            handle=_destinations,
            answer="Destinations",
        ),
        ApiOperation(
            method="GET",
            path="/messages/{id}",
            name="showMessage",
            summary="A message: as it is in the queue, and its passport, which is kept after it has left.",
            handle=_message,
            answer="Message",
        ),
        ApiOperation(
            method="GET",
            path="/messages/{id}/content",
            name="readMessage",
            summary="The content of a message in the queue, octet for octet.",
            handle=_content,
            answer="",
            content_type="message/rfc822",
        ),
        ApiOperation(
            method="GET",
            path="/health",
            name="health",
            summary="Is it ready for mail?",
            handle=_health,
            answer="Health",
        ),
        ApiOperation(
            method="POST",
            path="/reload",
            name="reload",
            summary="Work by the configuration as it is in the file now; 409 when something in it is wrong.",
            handle=_reload,
            body="Nothing",
            answer="Reloaded",
        ),
    ]
    made += [
        ApiOperation(
            method=method,
            path="/faults",
            name=name,
            summary=summary,
            handle=partial(_faults, do=do),
            body="NewFaults" if method == "POST" else None,
            answer=answer,
        )
        for method, name, do, summary, answer in (
            (
                "GET",
                "listFaults",
                "faults",
                "What this server fails by on purpose.",
                "Faults",
            ),
            ("POST", "addFaults", "add-faults", "Fail by these besides, until the server is stopped.", "Faults"),
            ("DELETE", "forgetFaults", "forget-faults", "Fail no more by what was added.", "Removed"),
        )
    ]
    for what, meaning in _CHANGES.items():
        one, many = partial(_change_one, what=what), partial(_change_many, what=what)
        body = "Redirection" if what == "redirect" else "Recipient"
        made += [
            ApiOperation(
                method="POST",
                path=f"/messages/{{id}}/{what}",
                name=f"{what}Message",
                summary=f"{meaning}; all recipients of a message, or one.",
                handle=one,
                body=body,
            ),
            ApiOperation(
                method="POST",
                path=f"/queue/{what}",
                name=f"{what}Queue",
                summary=f"{meaning}; whatever is selected.",
                handle=many,
                body="RedirectionOfMany" if what == "redirect" else "Selected",
            ),
        ]
    return made


_CHANGES = {
    "hold": "Keep from being tried",
    "release": "Let what is held be tried again",
    "retry": "Try now",
    "redirect": "Send elsewhere, and try now",
    "remove": "Remove without a report",
}
OPERATIONS: Sequence[ApiOperation] = _operations()


def api_routes(desk: Desk) -> list[Route]:
    """Who answers for each operation."""

    def bound(operation: ApiOperation) -> Handle:
        async def handle(request: Request, found: Mapping[str, str]) -> Answer:
            return await operation.handle(desk, request, found)

        return handle

    return [Route(each.method, BASE + each.path, bound(each)) for each in OPERATIONS]


async def _ask(desk: Desk, request: Json) -> Json:
    """What can not be done is a conflict with how things are; what is wrong in the request was found before."""
    try:
        return await desk.ask(request)
    except ControlError as error:
        raise HttpProblem(409, str(error)) from error


def narrowed(query: Mapping[str, str]) -> Json:
    """The selection that a query means. Raises HttpProblem: there is no such thing to narrow by."""
    unknown = set(query) - {*NARROWING, "limit", "after"}
    if unknown:
        raise HttpProblem(400, f"there is no {min(unknown)!r} to narrow by; there are {', '.join(NARROWING)}")
    return {
        name: _number(query[name], name, _NUMBERS[kind]) if kind in _NUMBERS else query[name]
        for name, kind in NARROWING.items()
        if name in query
    }


def _number(text: str, name: str, read: Callable[[str], float]) -> float:
    try:
        return read(text)
    except ValueError:
        raise HttpProblem(400, f"{name} is a number") from None


def _target(more: Json, what: str) -> Json:
    """Where to, of a redirection; anything else is a mistake, and not passed over."""
    known = {"to", "recipient"} if what == "redirect" else set[str]()
    if set(more) - known:
        raise HttpProblem(400, f"there is no {min(set(more) - known)!r} here")
    return more


def _body(request: Request) -> Json:
    try:
        value = json.loads(request.body or b"{}")
    except ValueError as error:
        raise HttpProblem(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise HttpProblem(400, "the body is a JSON object")
    return value
