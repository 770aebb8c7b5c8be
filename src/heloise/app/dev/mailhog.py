"""The routes of MailHog's API, versions 1 and 2, so that its client libraries and tests move over unchanged.

`GET /api/v1/messages` means another thing to Mailpit, whose answer is given. Not there: the websocket and the stream of
events of MailHog's own page, and slow links of its Jim.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from heloise.app.dev.chaos import jim_of, set_jim
from heloise.app.dev.inbox_asking import caught, json_of, page_of, plainly
from heloise.app.dev.mailpit_json import moment
from heloise.app.dev.releasing import NotReleased
from heloise.app.dev.server import Catching
from heloise.app.dev.shown import PART_HEADERS
from heloise.inbox.header import Fields
from heloise.inbox.message import CaughtMessage
from heloise.inbox.parts import Part
from heloise.inbox.search import Fits, parse_query
from heloise.web.exchange import Answer, HttpProblem, Request, as_json
from heloise.web.routes import Handle, Route

_PAGE, _MOST = 50, 250
_KINDS = {"from": "from:", "to": "to:", "containing": ""}
Json = dict[str, Any]
Where = Mapping[str, str]


class MailHog:
    """Answers as MailHog does, of a development server that is running."""

    def __init__(self, running: Catching) -> None:
        self._running = running
        self._inbox = running.inbox

    def routes(self) -> list[Route]:
        """All of them; those of Mailpit stand before."""
        told: list[tuple[str, str, Handle]] = [
            ("GET", "/api/v1/messages/{id}", self._show),
            ("DELETE", "/api/v1/messages/{id}", self._delete),
            ("GET", "/api/v1/messages/{id}/download", self._download),
            ("GET", "/api/v1/messages/{id}/mime/part/{part}/download", self._download_part),
            ("POST", "/api/v1/messages/{id}/release", self._release),
            ("GET", "/api/v2/messages", self._list),
            ("GET", "/api/v2/search", self._search),
            ("GET", "/api/v2/jim", self._jim),
            ("POST", "/api/v2/jim", self._begin_jim),
            ("PUT", "/api/v2/jim", self._change_jim),
            ("DELETE", "/api/v2/jim", self._end_jim),
            ("GET", "/api/v2/outgoing-smtp", self._outgoing),
        ]
        return [Route(method, path, plainly(handle)) for method, path, handle in told]

    # Messages

    async def _list(self, request: Request, _: Where) -> Answer:
        start, limit = page_of(request, usual=_PAGE, most=_MOST, zero=_PAGE)
        return as_json(_list_shape(self._inbox.newest(limit, start=start), start, len(self._inbox)))

    async def _search(self, request: Request, _: Where) -> Answer:
        kind, query = request.query.get("kind", ""), request.query.get("query", "").replace('"', " ").strip()
        if kind not in _KINDS or not query:
            raise HttpProblem(400, "kind is from, to or containing, and there is a query")
        start, limit = page_of(request, usual=_PAGE, most=_MOST, zero=_PAGE)
        found = await self._inbox.find(_fits(kind, query))
        return as_json(_list_shape(found[::-1][start : start + limit], start, len(found)))

    async def _show(self, request: Request, where: Where) -> Answer:
        return as_json(message_shape(caught(self._inbox, where)))

    async def _delete(self, request: Request, where: Where) -> Answer:
        self._inbox.remove([caught(self._inbox, where).message_id])
        return _nothing()

    async def _download(self, request: Request, where: Where) -> Answer:
        message = caught(self._inbox, where)
        headers = {"Content-Disposition": f'attachment; filename="{message.message_id}.eml"'}
        return Answer(content_type="message/rfc822", headers=headers, body=message.octets)

    async def _download_part(self, request: Request, where: Where) -> Answer:
        message, number = caught(self._inbox, where), where["part"]
        children = message.parts.children
        if not (number.isascii() and number.isdigit() and len(number) < 5 and int(number) < len(children)):
            raise HttpProblem(404, f"there is no part {number}")
        part = children[int(number)]
        name = f"{message.message_id}-part-{number}"
        headers = {**PART_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        kind = part.content_type if part.content_type.isascii() else "application/octet-stream"
        return Answer(content_type=kind, headers=headers, body=part.body(message.octets))

    async def _release(self, request: Request, where: Where) -> Answer:
        """MailHog goes to whatever server it is told; here mail leaves only by the relay that was given."""
        message, release = caught(self._inbox, where), self._running.release
        wanted = _object(request)
        if release is None:
            raise HttpProblem(400, "nothing is released from here: heloise dev was not given a --relay")
        host = str(wanted.get("Host") or wanted.get("host") or "")
        port = str(wanted.get("Port") or wanted.get("port") or "")
        if host and f"{host}:{port or 25}" not in release.shown:
            raise HttpProblem(403, f"mail is released by {release.shown} only, not by {host}")
        try:
            await release.release(message, [str(wanted.get("Email") or wanted.get("email") or "")])
        except NotReleased as error:
            raise HttpProblem(400, str(error)) from None
        return _nothing()

    async def _outgoing(self, request: Request, where: Where) -> Answer:
        release = self._running.release
        if release is None:
            return as_json({})
        host, _, port = release.shown.rpartition(":")
        return as_json({"relay": {"Name": "relay", "Save": False, "Email": "", "Host": host, "Port": port}})

    # Jim

    async def _jim(self, request: Request, _: Where) -> Answer:
        chances = jim_of(self._running.faults)
        if chances is None:
            raise HttpProblem(404, "Jim is not here")
        return as_json(chances)

    async def _begin_jim(self, request: Request, _: Where) -> Answer:
        if jim_of(self._running.faults) is not None:
            raise HttpProblem(400, "Jim is here already")
        self._set_jim(request)
        return _nothing(201)

    async def _change_jim(self, request: Request, _: Where) -> Answer:
        if jim_of(self._running.faults) is None:
            raise HttpProblem(404, "Jim is not here")
        self._set_jim(request)
        return _nothing()

    def _set_jim(self, request: Request) -> None:
        try:
            set_jim(self._running.faults, _object(request) if request.body.strip() else {})
        except ValueError as error:
            raise HttpProblem(400, str(error)) from None

    async def _end_jim(self, request: Request, _: Where) -> Answer:
        if jim_of(self._running.faults) is None:
            raise HttpProblem(404, "Jim is not here")
        set_jim(self._running.faults, None)
        return _nothing()


def message_shape(message: CaughtMessage) -> Json:
    """A message as MailHog tells of it: fields and bodies as they stand, not decoded."""
    root, octets = message.parts, message.octets
    content = _content(root, octets)
    content["Headers"].setdefault("Message-ID", [f"{message.message_id}@heloise"])
    content["Headers"].setdefault("Return-Path", [f"<{message.sender}>"])
    return {
        "ID": message.message_id,
        "From": _path(message.sender),
        "To": [_path(each) for each in message.recipients],
        "Content": content,
        "Created": moment(message.origin.received_at),
        "MIME": _mime(root, octets),
        "Raw": {
            "From": message.sender,
            "To": list(message.recipients),
            "Data": octets.decode("utf-8", "replace"),
            "Helo": message.origin.hello_name,
        },
    }


def _list_shape(messages: Sequence[CaughtMessage], start: int, total: int) -> Json:
    items = [message_shape(message) for message in messages]
    return {"total": total, "count": len(items), "start": start, "items": items}


def _content(part: Part, octets: bytes) -> Json:
    return {
        "Headers": _headers(part.fields),
        "Body": octets[part.start : part.end].decode("utf-8", "replace"),
        "Size": part.end - part.begin,
        "MIME": _mime(part, octets) if part.number != "0" else None,
    }


def _mime(part: Part, octets: bytes) -> Json | None:
    return {"Parts": [_content(child, octets) for child in part.children]} if part.is_multipart else None


def _headers(fields: Fields) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return found


def _path(address: str) -> Json:
    local_part, at, domain = address.rpartition("@")
    return {"Relays": None, "Mailbox": local_part if at else address, "Domain": domain if at else "", "Params": ""}


def _fits(kind: str, query: str) -> Fits:
    return parse_query(f'{_KINDS[kind]}"{query}"') if kind != "containing" else parse_query(f'" {query}"')


def _object(request: Request) -> Mapping[str, Any]:
    found = json_of(request)
    if not isinstance(found, dict):
        raise HttpProblem(400, "the body is an object in JSON")
    return found


def _nothing(status: int = 200) -> Answer:
    return Answer(status=status, content_type="text/json")
