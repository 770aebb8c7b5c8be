"""The routes of Mailpit's API and of its views for tests, so that its client libraries and tests move over unchanged.

Where MailHog has a route of the same name (`/api/v1/messages`), Mailpit's is meant; see `heloise.app.dev.mailhog`.
There is no SpamAssassin behind it, and so it is said.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heloise.app.dev.chaos import Trigger, chaos_of, set_chaos
from heloise.app.dev.composing import compose
from heloise.app.dev.html_check_json import mailpit_html_check
from heloise.app.dev.inbox_asking import json_of, page_of, plainly
from heloise.app.dev.link_checking import LinkStatus
from heloise.app.dev.mailpit_events import MOST_LISTENERS, MailpitEvents
from heloise.app.dev.mailpit_json import Totals, headers_shape, list_shape, message_shape, text_of
from heloise.app.dev.releasing import NotReleased
from heloise.app.dev.server import Catching
from heloise.app.dev.shown import HTML_POLICY, PART_HEADERS, with_inline_images
from heloise.inbox.digest import clean_tags
from heloise.inbox.html_check import check_html
from heloise.inbox.links import links
from heloise.inbox.message import CaughtMessage
from heloise.inbox.search import parse_query
from heloise.mail.content import facts_of
from heloise.mail.ids import new_message_id
from heloise.mail.trace import Origin
from heloise.web.exchange import Answer, HttpProblem, Request, as_json, as_text
from heloise.web.routes import Handle, Route
from heloise.web.websocket import accept
from heloise.world import World

MOST = 10_000  # messages in one answer
_PAGE = 50
_FORM = "application/x-www-form-urlencoded"
_FORM_FIELDS = {"ids": "IDs", "IDs": "IDs", "Read": "Read", "Search": "Search", "Tags": "Tags"}
Where = Mapping[str, str]


class Mailpit:
    """Answers as Mailpit does, of a development server that is running."""

    def __init__(self, running: Catching, world: World, version: str) -> None:
        self._running = running
        self._inbox = running.inbox
        self._world = world
        self._version = version
        self._accepted = self._accepted_octets = 0
        self._inbox.on_caught(self._count)
        self._events = MailpitEvents(self._inbox, version)

    def routes(self) -> list[Route]:
        """All of them."""
        told: list[tuple[str, str, Handle]] = [
            ("GET", "/api/v1/info", self._info),
            ("GET", "/api/v1/webui", self._webui),
            ("GET", "/api/v1/messages", self._list),
            ("PUT", "/api/v1/messages", self._set_read),
            ("DELETE", "/api/v1/messages", self._delete),
            ("GET", "/api/v1/search", self._search),
            ("DELETE", "/api/v1/search", self._delete_found),
            ("POST", "/api/v1/send", self._send),
            ("GET", "/api/v1/tags", self._tags),
            ("PUT", "/api/v1/tags", self._set_tags),
            ("PUT", "/api/v1/tags/{tag}", self._rename_tag),
            ("DELETE", "/api/v1/tags/{tag}", self._delete_tag),
            ("GET", "/api/v1/message/{id}", self._show),
            ("GET", "/api/v1/message/{id}/headers", self._headers),
            ("GET", "/api/v1/message/{id}/raw", self._raw),
            ("GET", "/api/v1/message/{id}/part/{part}", self._part),
            ("GET", "/api/v1/message/{id}/part/{part}/thumb", self._thumbnail),
            ("POST", "/api/v1/message/{id}/release", self._release),
            ("GET", "/api/v1/message/{id}/html-check", self._check_html),
            ("GET", "/api/v1/message/{id}/link-check", self._check_links),
            ("GET", "/api/v1/message/{id}/sa-check", self._check_spam),
            ("GET", "/api/v1/chaos", self._chaos),
            ("PUT", "/api/v1/chaos", self._set_chaos),
            ("GET", "/view/{name}", self._view),
            ("GET", "/api/events", self._listen),
            ("GET", "/livez", self._alive),
            ("GET", "/readyz", self._alive),
        ]
        return [Route(method, path, plainly(handle)) for method, path, handle in told]

    # The server

    async def _info(self, request: Request, _: Where) -> Answer:
        totals = Totals(self._inbox.messages)
        statistics = {
            "Uptime": int(self._world.clock.now() - self._running.started_at),
            "Memory": self._inbox.memory,
            "MessagesDeleted": self._inbox.removed,
            "SMTPAccepted": self._accepted,
            "SMTPAcceptedSize": self._accepted_octets,
            "SMTPRejected": sum(session.refused for session in self._running.sessions.sessions),
            "SMTPIgnored": 0,
        }
        return as_json(
            {
                "Version": f"heloise {self._version}",
                "LatestVersion": f"heloise {self._version}",  # nobody is asked whether there is a newer one
                "Database": self._running.store or "",
                "DatabaseSize": self._inbox.octets,
                "Messages": totals.total,
                "Unread": totals.unread,
                "Tags": totals.tags,
                "RuntimeStats": statistics,
            }
        )

    def _count(self, message: CaughtMessage) -> None:
        self._accepted += 1
        self._accepted_octets += len(message.octets)

    async def _webui(self, request: Request, _: Where) -> Answer:
        release = self._running.release
        relay = {
            "Enabled": release is not None,
            "SMTPServer": "" if release is None else release.shown,
            "ReturnPath": "",
            "AllowedRecipients": "" if release is None else " ".join(release.allowed),
            "RecipientAllowlist": "" if release is None else " ".join(release.allowed),
            "BlockedRecipients": "",
            "OverrideFrom": "",
            "PreserveMessageIDs": True,
        }
        rest = dict.fromkeys(("SpamAssassin", "DuplicatesIgnored", "HideDeleteAllButton"), False)
        return as_json({"Label": "heloise", "MessageRelay": relay, "ChaosEnabled": True, **rest})

    async def _listen(self, request: Request, _: Where) -> Answer:
        if self._events.is_full:
            raise HttpProblem(503, f"up to {MOST_LISTENERS} may listen at once")
        return accept(request, self._events.listen)

    async def _alive(self, request: Request, _: Where) -> Answer:
        return as_text("ok")

    # Many messages

    async def _list(self, request: Request, _: Where) -> Answer:
        start, limit = page_of(request, usual=_PAGE, most=MOST, zero=MOST)
        everything = self._inbox.messages
        page = self._inbox.newest(limit, start=start)
        return as_json(list_shape(page, start, everything, Totals(everything)))

    async def _search(self, request: Request, _: Where) -> Answer:
        start, limit = page_of(request, usual=_PAGE, most=MOST, zero=MOST)
        found = await self._found(request)
        page = found[::-1][start : start + limit]
        return as_json(list_shape(page, start, found, Totals(self._inbox.messages)))

    async def _found(self, request: Request, query: str | None = None) -> tuple[CaughtMessage, ...]:
        query = (request.query.get("query", "") if query is None else query).strip()
        if not query:
            raise HttpProblem(400, "Error: no search query")
        try:
            zone = ZoneInfo(request.query["tz"]) if request.query.get("tz") else None
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise HttpProblem(400, f"tz: there is no time zone {request.query['tz']}") from None
        try:
            return await self._inbox.find(parse_query(query, zone))
        except ValueError as error:
            raise HttpProblem(400, str(error)) from None

    async def _set_read(self, request: Request, _: Where) -> Answer:
        wanted = _told(request)
        ids, query = _texts(wanted, "IDs"), "".join(_texts(wanted, "Search", single=True))
        if ids and query:
            raise HttpProblem(400, "You may specify either IDs or a search query, not both")
        if query:
            meant = await self._found(request, query)
        else:
            meant = self._named(ids) if ids else self._inbox.messages
        self._inbox.mark(meant, is_read=_truth(wanted.get("Read")))
        return as_text("ok")

    async def _delete(self, request: Request, _: Where) -> Answer:
        ids = _texts(_told(request), "IDs") if request.body else []
        if ids:
            self._inbox.remove(ids)
        else:
            with self._events.clearing():
                self._inbox.clear()
        # MailHog's library for Node reads JSON out of whatever it gets; it says nothing and accepts nothing.
        is_mailhog = not request.body and "accept" not in request.headers
        return as_text("" if is_mailhog else "ok")

    async def _delete_found(self, request: Request, _: Where) -> Answer:
        self._inbox.remove([message.message_id for message in await self._found(request)])
        return as_text("ok")

    async def _send(self, request: Request, _: Where) -> Answer:
        now, octets = self._world.clock.now(), self._world.entropy.octets(4)
        message_id = new_message_id(now, octets)
        try:
            composed = compose(_told(request), now=now, message_id=message_id)
        except ValueError as error:
            return as_json({"Error": str(error)}, 400)
        except HttpProblem as problem:
            return as_json({"Error": str(problem)}, problem.status)
        client = request.peer.rpartition(":")[0].strip("[]") or request.peer
        origin = Origin(hello_name="", peer_address=client, protocol="HTTP", session="", received_at=now)
        self._inbox.add(
            CaughtMessage(
                message_id=message_id,
                envelope=composed.envelope,
                origin=origin,
                octets=composed.octets,
                facts=facts_of(composed.octets),
            )
        )
        return as_json({"ID": message_id})

    # Tags

    async def _tags(self, request: Request, _: Where) -> Answer:
        return as_json(list(Totals(self._inbox.messages).tags))

    async def _set_tags(self, request: Request, _: Where) -> Answer:
        wanted = _told(request)
        self._inbox.mark(self._named(_texts(wanted, "IDs")), tags=clean_tags(_texts(wanted, "Tags")))
        return as_text("ok")

    async def _rename_tag(self, request: Request, where: Where) -> Answer:
        new = clean_tags([str(_told(request).get("Name") or "")])
        if not new:
            raise HttpProblem(400, "Name is the new name of the tag")
        return self._exchange_tag(where["tag"], new)

    async def _delete_tag(self, request: Request, where: Where) -> Answer:
        return self._exchange_tag(where["tag"], ())

    def _exchange_tag(self, tag: str, new: tuple[str, ...]) -> Answer:
        tagged = [message for message in self._inbox.messages if tag in message.marks.tags]
        if not tagged:
            raise HttpProblem(400, f"there is no tag {tag}")
        for message in tagged:
            others = [each for each in message.marks.tags if each != tag]
            self._inbox.mark([message], tags=clean_tags([*others, *new]))
        return as_text("ok")

    # One message

    def _named(self, ids: list[str]) -> tuple[CaughtMessage, ...]:
        found = [self._inbox.get(each) for each in ids]
        return tuple(message for message in found if message is not None)

    def _message(self, message_id: str) -> CaughtMessage:
        if message_id == "latest":
            newest = self._inbox.newest(1)
            found = newest[0] if newest else None
        else:
            found = self._inbox.get(message_id)
        if found is None:
            raise HttpProblem(404, "there is no such message, or part of one")
        return found

    async def _show(self, request: Request, where: Where) -> Answer:
        message = self._message(where["id"])
        self._inbox.mark([message], is_read=True)
        return as_json(message_shape(message))

    async def _headers(self, request: Request, where: Where) -> Answer:
        return as_json(headers_shape(self._message(where["id"])))

    async def _raw(self, request: Request, where: Where) -> Answer:
        message = self._message(where["id"])
        headers = {"X-Content-Type-Options": "nosniff"}
        if request.query.get("dl") == "1":
            headers["Content-Disposition"] = f'attachment; filename="{message.message_id}.eml"'
        return Answer(content_type="text/plain; charset=utf-8", headers=headers, body=message.octets)

    async def _part(self, request: Request, where: Where) -> Answer:
        message = self._message(where["id"])
        for part in message.parts.walk():
            if part.number == where["part"] and not part.is_multipart:
                name = quote(part.filename or part.content_id)
                headers = {**PART_HEADERS, "Content-Disposition": f'inline; filename="{name}"'}
                kind = part.content_type if part.content_type.isascii() else "application/octet-stream"
                return Answer(content_type=kind, headers=headers, body=part.body(message.octets))
        raise HttpProblem(404, "there is no such message, or part of one")

    async def _thumbnail(self, request: Request, where: Where) -> Answer:
        """The picture itself: to make it smaller is left to who shows it."""
        answer = await self._part(request, where)
        if not answer.content_type.startswith("image/"):
            raise HttpProblem(404, "this part is no picture")
        return answer

    async def _release(self, request: Request, where: Where) -> Answer:
        message, release = self._message(where["id"]), self._running.release
        told = json_of(request)
        recipients = _texts({"To": told} if isinstance(told, list) else _told(request), "To")
        if release is None:
            raise HttpProblem(400, "nothing is released from here: heloise dev was not given a --relay")
        try:
            await release.release(message, recipients)
        except NotReleased as error:
            raise HttpProblem(400, f"Failed: {error}") from None
        return as_text("ok")

    async def _check_html(self, request: Request, where: Where) -> Answer:
        html = text_of(self._message(where["id"]), "text/html")
        if not html:
            raise HttpProblem(400, "message does not contain HTML")
        return as_json(mailpit_html_check(await self._world.blocking.run(check_html, html)))

    async def _check_links(self, request: Request, where: Where) -> Answer:
        """Where it was not permitted to ask, links are told with the status 0."""
        found, checker = links(self._message(where["id"])), self._running.links
        if checker is None:
            asked = tuple(LinkStatus(url, 0, "not asked: heloise dev was not given --check-links") for url in found)
        else:
            asked = await checker.check(found, follow=request.query.get("follow") in ("1", "true"))
        shapes = [{"URL": each.url, "StatusCode": each.status, "Status": each.text} for each in asked]
        errors = 0 if checker is None else sum(not 200 <= each.status < 400 for each in asked)
        return as_json({"Errors": errors, "Links": shapes})

    async def _check_spam(self, request: Request, where: Where) -> Answer:
        self._message(where["id"])
        raise HttpProblem(400, "Error: SpamAssassin is not enabled")

    async def _view(self, request: Request, where: Where) -> Answer:
        message_id, dot, kind = where["name"].rpartition(".")
        if not dot and where["name"] == "latest":
            newest = self._message("latest")
            return Answer(status=302, headers={"Location": f"/view/{newest.message_id}.html"})
        message = self._message(message_id)
        if kind == "txt":
            return as_text(text_of(message, "text/plain"))
        html = text_of(message, "text/html")
        if kind != "html" or not html:
            raise HttpProblem(404, "This message does not contain a HTML part")
        shown = with_inline_images(html, message, f"/api/v1/message/{message.message_id}/part/")
        return replace(as_text(shown, content_type="text/html; charset=utf-8"), headers=HTML_POLICY)

    # Chaos

    async def _chaos(self, request: Request, _: Where) -> Answer:
        return as_json({name: trigger.shape for name, trigger in chaos_of(self._running.faults).items()})

    async def _set_chaos(self, request: Request, where: Where) -> Answer:
        wanted = _told(request)
        try:
            triggers = {name: Trigger.read(name, wanted.get(name)) for name in chaos_of(self._running.faults)}
        except ValueError as error:
            raise HttpProblem(400, str(error)) from None
        set_chaos(self._running.faults, triggers)
        return await self._chaos(request, where)


def _told(request: Request) -> Mapping[str, Any]:
    """The body: an object in JSON, or a form, as the client for Python sends it. Raises HttpProblem."""
    told = json_of(request)
    if isinstance(told, dict):
        return told
    if request.headers.get("content-type", "").startswith(_FORM):
        fields = parse_qs(request.body.decode("utf-8", "replace"))
        if fields and fields.keys() <= _FORM_FIELDS.keys():
            return {_FORM_FIELDS[name]: value for name, value in fields.items()}
    raise HttpProblem(400, "the body is an object in JSON")


def _texts(wanted: Mapping[str, Any], name: str, *, single: bool = False) -> list[str]:
    found = wanted.get(name) or []
    if single and isinstance(found, str):
        return [found]
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise HttpProblem(400, f"{name} is a list of texts")
    return found


def _truth(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return first is True or (isinstance(first, str) and first.lower() == "true")
