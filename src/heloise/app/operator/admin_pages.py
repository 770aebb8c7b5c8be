"""The pages of the admin listener, and what they ask besides the API: history for plots, news, timelines in words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from heloise.app.explain_pages import EXPLAIN_PAGES, EXPLAINING
from heloise.app.operator.api import BASE, narrowed
from heloise.app.operator.control import Desk
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.history import History
from heloise.app.operator.metrics import VERSION
from heloise.app.telling import told_json
from heloise.web.events import server_sent
from heloise.web.exchange import Answer, HttpProblem, Request, as_json, as_text
from heloise.web.pages import Page, Pages
from heloise.web.routes import Route

LOGIN_PAGE = Page(path="/login", title="Log in", module="login.js")
_PAGES = (
    Page(path="/", title="Overview", module="overview.js", nav="Overview"),
    Page(path="/queue", title="Queue", module="queue.js", nav="Queue"),
    Page(path="/queue/{id}", title="Message", module="queued.js"),
    Page(path="/destinations", title="Destinations", module="destinations.js", nav="Destinations"),
    *EXPLAIN_PAGES,
)
MOST_COUNTED = 100_000  # messages
_LISTENERS = 100  # pages that are told at once; the others ask from time to time


class AdminPages:
    """Answers for the pages. `has_login`: there is a token, so one has to log in and can log out."""

    def __init__(self, desk: Desk, history: History, *, has_login: bool) -> None:
        self._desk = desk
        self._history = history
        self._has_login = has_login
        self._listeners = 0

    def routes(self) -> list[Route]:
        """All of them."""
        facts = {"server": "serve", "version": VERSION, "login": LOGIN_PAGE.path if self._has_login else None}
        before: dict[str, Any] = {**facts, "features": []}  # whoever is not logged in is told nothing of the queue
        return [
            *Pages(pages=_PAGES, api=BASE, facts={**facts, "features": ["queue"]}).routes(),
            *Pages(pages=(LOGIN_PAGE,), api=BASE, facts=before).routes(),
            Route("GET", f"{BASE}/history", self._points),
            Route("GET", f"{BASE}/events", self._events),
            Route("GET", f"{BASE}/refusals", self._refusals),
            Route("GET", f"{BASE}/count", self._count),
            Route("GET", f"{BASE}/messages/{{id}}/told", self._told),
            Route("GET", f"{BASE}/messages/{{id}}/header", self._header),
            *(Route("GET", BASE + path, handle) for path, _, handle, _ in EXPLAINING),
        ]

    async def _points(self, request: Request, found: Mapping[str, str]) -> Answer:
        try:
            after = float(request.query.get("after", "0"))
        except ValueError:
            raise HttpProblem(400, "after is a number") from None
        return as_json(self._history.points(request.query.get("span", "hour"), after))

    async def _events(self, request: Request, found: Mapping[str, str]) -> Answer:
        if self._listeners >= _LISTENERS:
            raise HttpProblem(503, "too many pages listen; ask from time to time")
        return Answer(content_type="text/event-stream", body=self._news())

    async def _news(self) -> AsyncIterator[bytes]:
        """At each new point of the history: that point, and how full the queue is."""
        self._listeners += 1
        try:
            news = self._history.news
            told = server_sent(news.beyond, lambda: {"point": self._history.newest}, seen=news.revision, again=2000)
            async with aclosing(told):
                async for event in told:
                    yield event
        finally:
            self._listeners -= 1

    async def _refusals(self, request: Request, found: Mapping[str, str]) -> Answer:
        """What was refused most since the start, by code and cause."""
        families = (await self._desk.ask({"do": "metrics"}))["families"]
        samples = [row for each in families if each["name"] == "heloise_refusals_total" for row in each["samples"]]
        most = sorted(samples, key=lambda each: -each[2])[:20]
        told = [{"code": labels["code"], "cause": labels["cause"], "count": number} for _, labels, number in most]
        return as_json({"refusals": told})

    async def _count(self, request: Request, found: Mapping[str, str]) -> Answer:
        """How many messages fit, up to `MOST_COUNTED`: asked before something is done to all of them."""
        wanted = {"do": "count", "selection": narrowed(request.query), "limit": MOST_COUNTED}
        return as_json({"messages": (await self._desk.ask(wanted))["messages"], "most": MOST_COUNTED})

    async def _told(self, request: Request, found: Mapping[str, str]) -> Answer:
        """The timeline of a message in words; null when no passport is kept of it."""
        try:
            timeline = (await self._desk.ask({"do": "trace", "id": found["id"]}))["timeline"]
        except ControlError:  # none are kept
            timeline = None
        if timeline is None:
            return as_json({"begun": None, "recipients": {}, "events": []})
        events = told_json(timeline["events"])
        return as_json({"begun": timeline["begun"], "recipients": timeline["recipients"], "events": events})

    async def _header(self, request: Request, found: Mapping[str, str]) -> Answer:
        header = (await self._desk.ask({"do": "header", "id": found["id"]}))["header"]
        if header is None:
            raise HttpProblem(404, f"no message {found['id']} is in the queue")
        return as_text(header)
