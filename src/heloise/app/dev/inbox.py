"""What the API of a development server does with caught mail besides showing it: marks, releases, files."""

import json
from collections.abc import Mapping
from typing import Any

from heloise.app.dev.html_check_json import html_check_json
from heloise.app.dev.inbox_asking import caught
from heloise.app.dev.inbox_files import add, as_mbox, as_zip, found_in
from heloise.app.dev.mailpit_json import text_of
from heloise.app.dev.operation import Operation
from heloise.app.dev.releasing import NotReleased, Release
from heloise.app.dev.server import Catching
from heloise.inbox.digest import clean_tags
from heloise.inbox.html_check import check_html
from heloise.inbox.links import links
from heloise.inbox.search import parse_query
from heloise.web.exchange import Answer, HttpProblem, Request, as_json
from heloise.world import World

Where = Mapping[str, str]


class DevInbox:
    """Answers for one that is running."""

    def __init__(self, running: Catching, world: World) -> None:
        self._running = running
        self._world = world

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        return (
            Operation(
                "POST",
                "/messages/{id}/marks",
                self._mark,
                "Note that a message was read, or under which tags it is.",
                body='{"read": true, "tags": ["order"]}',
            ),
            Operation(
                "POST",
                "/messages/{id}/release",
                self._release,
                "Give a message to the queue, to be relayed to these recipients, or without any to those of its "
                "envelope; only where --relay and --relay-to permit it.",
                body='{"to": ["alice@example.org"]}',
            ),
            Operation(
                "GET",
                "/messages/{id}/html-check",
                self._check_html,
                "Which features of its HTML are not shown by all mail clients, and by which not; nothing is loaded.",
            ),
            Operation("GET", "/messages/{id}/links", self._links, "The links in it; nobody is asked."),
            Operation(
                "POST",
                "/messages/{id}/links",
                self._ask_links,
                "Ask the web servers that its links lead to, by HEAD; only where --check-links permits it.",
                (("follow", "1 to follow redirects"),),
                body="{}",
            ),
            Operation("GET", "/releases", self._releases, "What was released, and how far it has come."),
            Operation("POST", "/releases/retry", self._retry, "Try all that was released and waits, now.", body="{}"),
            Operation("DELETE", "/releases/{id}", self._remove, "Try a release no more."),
            Operation(
                "GET",
                "/export",
                self._export,
                "Messages as a file to be saved, the oldest first.",
                (
                    ("format", "mbox, or zip: a file for each message, and their envelopes in index.jsonl"),
                    ("query", "only those that fit"),
                    ("mailbox", "only those in this mailbox"),
                ),
            ),
            Operation(
                "POST",
                "/import",
                self._import,
                "Keep messages from a file, which is the body: one message, an mbox, or a ZIP of messages; "
                "its octets tell which.",
                files=("message/rfc822", "application/mbox", "application/zip", "application/octet-stream"),
            ),
        )

    async def _mark(self, request: Request, where: Where) -> Answer:
        message, told = caught(self._running.inbox, where), _object(request)
        is_read, tags = told.get("read"), told.get("tags")
        if not isinstance(is_read, bool | None) or not _is_texts(tags):
            raise HttpProblem(400, 'the body is JSON such as {"read": true, "tags": ["order"]}')
        self._running.inbox.mark([message], is_read=is_read, tags=None if tags is None else clean_tags(tags))
        return as_json({"read": message.marks.is_read, "tags": list(message.marks.tags)})

    async def _check_html(self, request: Request, where: Where) -> Answer:
        html = text_of(caught(self._running.inbox, where), "text/html")
        return as_json(html_check_json(await self._world.blocking.run(check_html, html)))

    async def _links(self, request: Request, where: Where) -> Answer:
        return as_json({"links": list(links(caught(self._running.inbox, where)))})

    async def _ask_links(self, request: Request, where: Where) -> Answer:
        message, checker = caught(self._running.inbox, where), self._running.links
        if checker is None:
            raise HttpProblem(409, "nobody is asked: heloise dev was not given --check-links")
        asked = await checker.check(links(message), follow=request.query.get("follow") in ("1", "true"))
        shapes = [{"url": each.url, "status": each.status or None, "text": each.text} for each in asked]
        return as_json({"links": shapes})

    def _relay(self) -> Release:
        if self._running.release is None:
            raise HttpProblem(409, "nothing is released from here: heloise dev was not given a --relay")
        return self._running.release

    async def _release(self, request: Request, where: Where) -> Answer:
        message, relay, told = caught(self._running.inbox, where), self._relay(), _object(request)
        recipients = told.get("to")
        if not _is_texts(recipients):
            raise HttpProblem(400, 'the body is JSON such as {"to": ["alice@example.org"]}')
        try:
            release_id = await relay.release(message, message.recipients if recipients is None else recipients)
        except NotReleased as error:
            raise HttpProblem(403, str(error)) from None
        return as_json({"id": release_id})

    async def _releases(self, request: Request, _: Where) -> Answer:
        relay = self._running.release
        if relay is None:
            return as_json({"relay": None, "allowed": [], "releases": []})
        shapes = [released.shape for released in relay.releases]
        return as_json({"relay": relay.shown, "allowed": list(relay.allowed), "releases": shapes})

    async def _retry(self, request: Request, _: Where) -> Answer:
        try:
            return as_json({"recipients": await self._relay().retry()})
        except NotReleased as error:
            raise HttpProblem(503, str(error)) from None

    async def _remove(self, request: Request, where: Where) -> Answer:
        try:
            return as_json({"removed": await self._relay().remove(where["id"])})
        except NotReleased as error:
            raise HttpProblem(503, str(error)) from None

    async def _export(self, request: Request, _: Where) -> Answer:
        kind, inbox = request.query.get("format", "mbox"), self._running.inbox
        if kind not in ("mbox", "zip"):
            raise HttpProblem(400, "format is mbox or zip")
        try:
            messages = await inbox.find(parse_query(request.query.get("query", "")))
        except ValueError as error:
            raise HttpProblem(400, f"query: {error}") from None
        if mailbox := request.query.get("mailbox", "").lower():
            messages = tuple(each for each in messages if mailbox in inbox.grouping.names(each))
        headers = {"Content-Disposition": f'attachment; filename="inbox.{kind}"'}
        if kind == "mbox":
            return Answer(content_type="application/mbox", headers=headers, body=as_mbox(messages))
        return Answer(content_type="application/zip", headers=headers, body=as_zip(messages, self._world))

    async def _import(self, request: Request, _: Where) -> Answer:
        try:
            added = add(self._running.inbox, self._world, found_in(request.body))
        except ValueError as error:
            raise HttpProblem(400, str(error)) from None
        return as_json({"added": [message.message_id for message in added]})


def _object(request: Request) -> Mapping[str, Any]:
    try:
        found = json.loads(request.body) if request.body.strip() else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise HttpProblem(400, "the body is an object in JSON")
    return found


def _is_texts(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, str) for each in value))
