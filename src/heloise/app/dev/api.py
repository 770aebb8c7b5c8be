"""The API of a development server, on loopback: messages, waiting, sessions, faults. Described by OpenAPI at
`/api/heloise/v1/openapi.json`.

Whoever can reach the port may read all, but for pages of strangers in a browser on this machine (`web/guarding.py`).
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from heloise.app.dev.faults import DevFaults
from heloise.app.dev.in_json import header_json, message_json, session_json, summary_json, violation_json
from heloise.app.dev.inbox import DevInbox
from heloise.app.dev.inbox_asking import caught
from heloise.app.dev.lab import DevLab
from heloise.app.dev.mailhog import MailHog
from heloise.app.dev.mailpit import Mailpit
from heloise.app.dev.operation import Operation, number
from heloise.app.dev.pages import dev_pages
from heloise.app.dev.passport import DevPassport
from heloise.app.dev.server import Catching
from heloise.app.dev.views import DevViews
from heloise.app.explain_pages import EXPLAINING
from heloise.inbox.expecting import ExpectationFailed, wait_for
from heloise.inbox.mailboxes import Grouping
from heloise.inbox.message import CaughtMessage
from heloise.inbox.wanted import Wanted
from heloise.web.exchange import Answer, HttpProblem, Request, as_json
from heloise.web.guarding import LOOPBACK, OUR_FIELD, check_caller
from heloise.web.routes import Route, Routes
from heloise.web.serving import WebServer
from heloise.world import Endpoint, World

LONGEST_WAIT = 300.0  # seconds
MOST = 1000  # messages in one answer
MOST_BODY = 64 << 20  # octets of a request: a message may be sent by one
_PATH = "/api/heloise/v1"


class DevApi:
    """Answers requests about a development server that is running."""

    def __init__(self, running: Catching, version: str, world: World, *, host: str = "127.0.0.1") -> None:
        self._running = running
        self._version = version
        self._hosts = LOOPBACK | {host}
        explaining = [Operation("GET", path, handle, summary) for path, _, handle, summary in EXPLAINING]
        self._lab = DevLab(running, world)
        pages, inbox = DevViews(running, world, _PATH).operations(), DevInbox(running, world).operations()
        faults = (*DevFaults(running).operations(), *DevPassport(running).operations())
        self.operations = (*self._operations(), *faults, *pages, *inbox, *self._lab.operations(), *explaining)
        operations = [Route(each.method, _PATH + each.path, each.handle) for each in self.operations]
        others = [*Mailpit(running, world, version).routes(), *MailHog(running).routes()]
        self._routes = Routes([*operations, *dev_pages(_PATH, version).routes(), *others])

    async def answer(self, request: Request) -> Answer:
        """See `heloise.web.serving.WebServer`. Raises HttpProblem."""
        check_caller(request, self._hosts)
        try:
            return await self._routes(request)
        finally:
            if request.method not in ("GET", "HEAD"):
                self._running.sessions.news.tell()

    async def close(self) -> None:
        """End what is open for the pages."""
        await self._lab.close()

    def _operations(self) -> tuple[Operation, ...]:
        query = ("query", "words and conditions, such as: invoice to:alice has:attachment")
        wanted = [(name, f"pattern for {name}") for name in ("to", "sender", "subject", "body")]
        return (
            Operation(
                "GET",
                "/messages",
                self._list,
                "Messages that were caught, the newest first.",
                (
                    query,
                    ("mailbox", "only those in this mailbox"),
                    ("limit", f"at most so many, up to {MOST}"),
                    ("start", "leave out so many of the newest"),
                ),
            ),
            Operation("DELETE", "/messages", self._delete_all, "Forget messages: all, or those that fit.", (query,)),
            Operation("GET", "/messages/{id}", self._show, "One message: envelope, header, text, parts."),
            Operation(
                "GET",
                "/messages/{id}/source",
                self._source,
                "One message, octet for octet.",
                (("first", "at most so many octets"),),
            ),
            Operation("DELETE", "/messages/{id}", self._delete, "Forget one message."),
            Operation(
                "GET",
                "/mailboxes",
                self._mailboxes,
                "The mailboxes, and how many messages are in each.",
                (("by", "address, user, domain, tag or header:Name"),),
            ),
            Operation(
                "GET",
                "/wait",
                self._wait,
                "Wait for messages that fit, and answer at the moment they are there; 404 with transcripts and the "
                "nearest misses when they do not come.",
                (
                    *wanted,
                    ("count", "so many, 1 by default"),
                    ("within", f"seconds, 5 by default, up to {LONGEST_WAIT:g}"),
                ),
            ),
            Operation("GET", "/sessions", self._sessions, "Sessions, also those without mail, the newest first."),
            Operation("GET", "/sessions/{id}", self._session, "One session with its transcript and violations."),
            Operation("DELETE", "/sessions", self._forget_sessions, "Forget all sessions and violations."),
            Operation("GET", "/violations", self._violations, "What clients did against the rules."),
            Operation("GET", "/openapi.json", self._describe, "This description."),
        )

    # Messages

    async def _list(self, request: Request, _: Mapping[str, str]) -> Answer:
        found = self._found(request)
        if mailbox := request.query.get("mailbox", ""):
            names = self._running.inbox.grouping.names
            found = tuple(message for message in found if mailbox.lower() in names(message))
        start, limit = number(request, "start", 0), min(number(request, "limit", 100), MOST)
        newest = found[::-1][start : start + limit]
        return as_json({"total": len(found), "messages": [summary_json(message) for message in newest]})

    def _found(self, request: Request) -> tuple[CaughtMessage, ...]:
        try:
            return self._running.inbox.search(request.query.get("query", ""))
        except ValueError as error:
            raise HttpProblem(400, f"query: {error}") from None

    async def _show(self, request: Request, where: Mapping[str, str]) -> Answer:
        return as_json(message_json(caught(self._running.inbox, where)))

    async def _source(self, request: Request, where: Mapping[str, str]) -> Answer:
        # Never shown as a page, whatever is in it.
        message, first = caught(self._running.inbox, where), number(request, "first", 0)
        disposition = f'attachment; filename="{message.message_id}.eml"'
        headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": disposition}
        octets = message.octets
        return Answer(content_type="message/rfc822", headers=headers, body=octets[:first] if first else octets)

    async def _delete(self, request: Request, where: Mapping[str, str]) -> Answer:
        return as_json({"removed": self._running.inbox.remove([caught(self._running.inbox, where).message_id])})

    async def _delete_all(self, request: Request, _: Mapping[str, str]) -> Answer:
        return as_json(
            {"removed": self._running.inbox.remove([message.message_id for message in self._found(request)])}
        )

    async def _mailboxes(self, request: Request, _: Mapping[str, str]) -> Answer:
        by = request.query.get("by")
        try:
            grouping = None if by is None else Grouping.parse(by)
        except ValueError as error:
            raise HttpProblem(400, str(error)) from None
        mailboxes = self._running.inbox.mailboxes(grouping)
        return as_json({"mailboxes": {name: len(messages) for name, messages in mailboxes.items()}})

    async def _wait(self, request: Request, _: Mapping[str, str]) -> Answer:
        query, running = request.query, self._running
        wanted = Wanted(
            to=query.get("to"), sender=query.get("sender"), subject=query.get("subject"), body=query.get("body")
        )
        count, within = max(1, number(request, "count", 1)), _seconds(request)
        try:
            found = await wait_for(running.inbox, running.sessions, wanted, count=count, within=within)
        except ExpectationFailed as failed:
            nearest = [{**summary_json(message), "misses": list(missed)} for message, missed in failed.nearest]
            return as_json({"status": 404, "detail": str(failed), "nearest": nearest}, 404)
        return as_json({"messages": [summary_json(message) for message in found]})

    # Sessions

    async def _sessions(self, request: Request, _: Mapping[str, str]) -> Answer:
        return as_json({"sessions": [header_json(session) for session in self._running.sessions.sessions[::-1]]})

    async def _session(self, request: Request, where: Mapping[str, str]) -> Answer:
        session = self._running.sessions.get(where["id"])
        if session is None:
            raise HttpProblem(404, f"there is no session {where['id']} (any more)")
        return as_json(session_json(session))

    async def _forget_sessions(self, request: Request, _: Mapping[str, str]) -> Answer:
        sessions = self._running.sessions.sessions
        for session in sessions:
            self._running.passports.forget(session.session_id)
        self._running.sessions.clear()
        self._running.violations.clear()
        return as_json({"removed": len(sessions)})

    async def _violations(self, request: Request, _: Mapping[str, str]) -> Answer:
        return as_json({"violations": [violation_json(each) for each in self._running.violations]})

    async def _describe(self, request: Request, _: Mapping[str, str]) -> Answer:
        return as_json(describe(self.operations, self._version))


@asynccontextmanager
async def serving_api(world: World, running: Catching, endpoint: Endpoint, version: str) -> AsyncIterator[Endpoint]:
    """Serve the API while the context is open; where. Raises LinkError: the address can not be listened on."""
    api = DevApi(running, version, world, host=endpoint.host)
    server = WebServer(api.answer, most_body=MOST_BODY)
    listening = await world.network.listen(endpoint, server.serve)
    try:
        local = listening.local
        assert isinstance(local, Endpoint)
        yield local
    finally:
        await listening.close()
        await server.close()
        await api.close()


def describe(operations: tuple[Operation, ...], version: str) -> dict[str, Any]:
    """The description of the operations. OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        parameters: list[dict[str, Any]] = [
            {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
            for name, text in each.parameters
        ]
        parameters += [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", each.path)
        ]
        described: dict[str, Any] = {
            "summary": each.summary,
            "operationId": f"{each.method.lower()}{each.path.replace('/', '_').replace('{', '').replace('}', '')}",
            "parameters": parameters,
            "responses": {"200": {"description": "Done."}, "default": {"description": "A problem, RFC 9457."}},
        }
        if each.body:
            content = {"schema": {"type": "object"}, "example": json.loads(each.body)}
            described["requestBody"] = {"required": True, "content": {"application/json": content}}
        if each.files:
            octets = {"schema": {"type": "string", "format": "binary"}}
            described["requestBody"] = {"required": True, "content": dict.fromkeys(each.files, octets)}
            words = "anything; only a page in a browser has to send it, where a program need not"
            parameters.append(
                {"name": OUR_FIELD, "in": "header", "description": words, "schema": {"type": "string"}},
            )
        paths.setdefault(_PATH + each.path, {})[each.method.lower()] = described
    return {"openapi": "3.1.0", "info": {"title": "heloise dev", "version": version}, "paths": paths}


def _seconds(request: Request) -> float:
    text = request.query.get("within", "5").removesuffix("s")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_WAIT:
        raise HttpProblem(400, f"within is a number of seconds up to {LONGEST_WAIT:g}")
    return seconds
