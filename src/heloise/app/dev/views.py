"""What the pages of a development server ask besides what programs do: rows, news, parts safe to be shown, a sample."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from heloise.app.dev.in_json import session_json, summary_json, transaction_json
from heloise.app.dev.inbox_asking import caught
from heloise.app.dev.operation import Operation, number
from heloise.app.dev.releasing import Release
from heloise.app.dev.rows import ONLY, Wish, attempts, mail_of, rows
from heloise.app.dev.sample import send_sample
from heloise.app.dev.server import Catching
from heloise.inbox.differences import compare
from heloise.inbox.header import decoded
from heloise.inbox.links import outward
from heloise.inbox.message import CaughtMessage
from heloise.inbox.parts import Part
from heloise.inbox.safe_html import disarmed, policy
from heloise.web.events import server_sent
from heloise.web.exchange import Answer, HttpProblem, Request, as_json
from heloise.world import World

MOST_ROWS = 200
MOST_TEXT = 262_144  # characters of a text, octets of a source, that a page shows
_PAUSE = 0.2  # seconds between two words of what has changed
# What a browser draws, and does nothing else with, when a page asks for a picture.
_PICTURES = frozenset(f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "avif", "bmp", "svg+xml", "x-icon"))


class DevViews:
    """Answers for pages. `path` is where the API is."""

    def __init__(self, running: Catching, world: World, path: str) -> None:
        self._running = running
        self._world = world
        self._path = path

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        return (
            Operation(
                "GET",
                "/rows",
                self._rows,
                "Sessions with their mail, the newest first, as a list to be shown.",
                (
                    ("view", "sessions, or messages for a row each"),
                    ("mailbox", "only those with mail in this mailbox, or that named it"),
                    ("query", "only those with such mail, or in which this was said"),
                    ("only", f"only some: {', '.join(ONLY)}"),
                    ("start", "leave out so many of the newest"),
                    ("limit", f"at most so many, up to {MOST_ROWS}"),
                ),
            ),
            Operation("GET", "/state", self._state, "Counts, and a number that grows with each change."),
            Operation("GET", "/events", self._events, "The state again at each change, as server-sent events."),
            Operation(
                "GET", "/sessions/{id}/view", self._session, "A session with its mail, and what became of its retries."
            ),
            Operation(
                "GET", "/messages/{id}/view", self._view, "A message as a page shows it: texts, parts, envelope."
            ),
            Operation("GET", "/messages/{id}/html", self._html, "Its HTML, for a frame that can do nothing."),
            Operation("GET", "/messages/{id}/parts/{number}", self._part, "One part, decoded, to be saved."),
            Operation(
                "POST", "/sample", self._sample, "Send a sample to itself: refused once, then accepted.", body="{}"
            ),
        )

    # The list

    async def _rows(self, request: Request, _: Mapping[str, str]) -> Answer:
        query = request.query
        wish = Wish(
            messages=query.get("view") == "messages",
            mailbox=query.get("mailbox", "").lower(),
            query=query.get("query", "").strip(),
            only=query.get("only", ""),
        )
        if wish.only and wish.only not in ONLY:
            raise HttpProblem(400, f"only is one of {', '.join(ONLY)}")
        start, limit = number(request, "start", 0), min(number(request, "limit", 50), MOST_ROWS)
        try:
            total, found = await rows(self._running, wish, start, limit)
        except ValueError as error:
            raise HttpProblem(400, f"query: {error}") from None
        return as_json({**self._now(), "total": total, "start": start, "rows": found})

    def _now(self) -> dict[str, Any]:
        running = self._running
        news = running.sessions.news
        return {
            "revision": news.revision,
            "begun": news.begun,
            "caught": news.caught,
            "sessions": len(running.sessions.sessions),
            "messages": len(running.inbox),
            "octets": running.inbox.octets,
            "faults": len(running.faults.rules),
            "relay": None if running.release is None else running.release.shown,
            "queued": 0 if running.release is None else _waiting(running.release),
        }

    async def _state(self, request: Request, _: Mapping[str, str]) -> Answer:
        return as_json({**self._now(), "smtp": {"host": self._host(), "port": self._running.endpoint.port}})

    def _host(self) -> str:
        host = self._running.endpoint.host
        return "127.0.0.1" if host in ("0.0.0.0", "::") else host

    async def _events(self, request: Request, _: Mapping[str, str]) -> Answer:
        told = server_sent(self._running.sessions.news.beyond, self._now, seen=-1, again=1000, pause=_PAUSE)
        return Answer(content_type="text/event-stream", body=told)

    async def _session(self, request: Request, where: Mapping[str, str]) -> Answer:
        session = self._running.sessions.get(where["id"])
        if session is None:
            raise HttpProblem(404, f"there is no session {where['id']} (any more)")
        running = self._running
        more = {"mail": mail_of(running, session), "attempts": attempts(running, session)}
        return as_json({**session_json(session), **more})

    # A message

    async def _view(self, request: Request, where: Mapping[str, str]) -> Answer:
        message = caught(self._running.inbox, where)
        texts = {kind: _text(message, f"text/{kind}") for kind in ("plain", "html")}
        body = message.envelope.parameters.get("BODY")
        return as_json(
            {
                **summary_json(message),
                **transaction_json(message),
                "attachments": message.digest.attachments,
                "header": [[name, value, decoded(value)] for name, value in message.parts.fields],
                "plain": None if texts["plain"] is None else texts["plain"][:MOST_TEXT],
                "plain_length": len(texts["plain"] or ""),
                "has_html": texts["html"] is not None,
                "parts": [_part_json(message, part) for part in _leaves(message)],
                "compared": [
                    {
                        "what": each.what,
                        "envelope": each.envelope,
                        "header": each.header,
                        "where": each.where,
                        "note": each.note,
                        "is_same": each.is_same,
                    }
                    for each in compare(message)
                ],
                "outward": [
                    {"kind": each.kind, "address": each.address}
                    for each in outward(texts["html"] or "", (texts["plain"] or "")[:MOST_TEXT])
                ],
                "body_type": "7BIT" if body is None else body.value,
            }
        )

    async def _html(self, request: Request, where: Mapping[str, str]) -> Answer:
        message = caught(self._running.inbox, where)
        html = _text(message, "text/html")
        if html is None:
            raise HttpProblem(404, f"{where['id']} has no HTML")
        below = f"{self._path}/messages/{quote(message.message_id)}/parts/"
        pictures = {part.content_id: below + part.number for part in _leaves(message) if part.content_id}
        headers = {"Content-Security-Policy": policy(request.headers.get("host", ""), below)}
        octets = disarmed(html, pictures).encode("utf-8", "replace")
        return Answer(content_type="text/html; charset=utf-8", headers=headers, body=octets)

    async def _part(self, request: Request, where: Mapping[str, str]) -> Answer:
        """Never shown as a page: it is saved, or drawn as a picture in the frame of its message."""
        message = caught(self._running.inbox, where)
        part = next((part for part in _leaves(message) if part.number == where["number"]), None)
        if part is None:
            raise HttpProblem(404, f"{where['id']} has no part {where['number']}")
        kind, name = part.content_type, part.filename or f"part-{part.number}"
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return Answer(
            content_type=kind if kind in _PICTURES else "application/octet-stream",
            headers=headers,
            body=part.body(message.octets),
        )

    async def _sample(self, request: Request, _: Mapping[str, str]) -> Answer:
        return as_json(await send_sample(self._world, self._running))


def _waiting(release: Release) -> int:
    """Recipients of released mail that it is still to be brought to."""
    return sum(state in ("waiting", "delayed") for each in release.releases for state in each.states.values())


def _leaves(message: CaughtMessage) -> list[Part]:
    """The parts that have no parts themselves, in order."""
    return [part for part in message.parts.walk() if not part.is_multipart]


def _part_json(message: CaughtMessage, part: Part) -> dict[str, Any]:
    return {
        "number": part.number,
        "content_type": part.content_type,
        "filename": part.filename or None,
        "size": len(part.body(message.octets)),
        "content_id": part.content_id or None,
        "disposition": part.disposition or None,
        "is_body": part.is_body,
    }


def _text(message: CaughtMessage, kind: str) -> str | None:
    """The first text of this kind that is read as the message itself."""
    found = next((part for part in _leaves(message) if part.is_body and part.content_type == kind), None)
    return None if found is None else found.text(message.octets)
