"""The admin listener: what operators and their programs see of a server by HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import quote

from heloise.app.journal import Journal
from heloise.app.operator.admin_login import Logins
from heloise.app.operator.admin_pages import LOGIN_PAGE, AdminPages
from heloise.app.operator.api import api_routes
from heloise.app.operator.control import Desk
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.history import History
from heloise.app.operator.metrics import VERSION
from heloise.app.operator.openapi import document_route
from heloise.config.admin import Admin, is_open
from heloise.observe.exposition import CONTENT_TYPE, render
from heloise.web.exchange import JSON, Answer, HttpProblem, Request, as_json, as_text
from heloise.web.guarding import LOOPBACK, check_origin, content_type_of, host_of
from heloise.web.routes import Route, Routes
from heloise.web.serving import WebServer
from heloise.world import Clock, Endpoint, Entropy, Listening, Network

Answering: TypeAlias = Callable[[Request], Awaitable[Answer]]
_FOR_EVERYBODY = frozenset({"/live", "/ready"})
_READING = ("GET", "HEAD")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="heloise"'}


class AdminListening:
    """It listens, and measures what its pages plot, until it is closed."""

    def __init__(self, listening: Listening, server: WebServer, measuring: "asyncio.Task[None]") -> None:
        self._listening = listening
        self._server = server
        self._measuring = measuring

    async def close(self) -> None:
        """Stop both, and end the pages that listen to news."""
        self._measuring.cancel()
        with suppress(asyncio.CancelledError):
            await self._measuring
        await self._listening.close()
        await self._server.close()


async def serve_admin(
    network: Network, admin: Admin, desk: Desk, journal: Journal, *, clock: Clock, entropy: Entropy
) -> AdminListening | None:
    """Listen where [admin] says; None where it says nothing. Raises LinkError."""
    if admin.address is None:
        return None
    history = History(desk, clock)
    logins = None if admin.token is None else Logins(admin.token, clock, entropy)
    pages = AdminPages(desk, history, has_login=logins is not None)
    routes = Routes([*health_routes(desk), *api_routes(desk), document_route(VERSION), *pages.routes()])
    server = WebServer(Guard(admin, routes, logins), fault=lambda error: journal.fault("admin", error))
    listening = await network.listen(admin.address, server.serve)
    return AdminListening(listening, server, asyncio.create_task(history.run()))


def health_routes(desk: Desk) -> list[Route]:
    """For orchestrators and Prometheus."""

    async def live(request: Request, found: Mapping[str, str]) -> Answer:
        return as_text("alive\n")  # that this is said at all says so

    async def ready(request: Request, found: Mapping[str, str]) -> Answer:
        answer = await desk.ask({"do": "health"})
        return as_json(answer, 200 if answer["ready"] else 503)

    async def metrics(request: Request, found: Mapping[str, str]) -> Answer:
        return as_text(render((await desk.ask({"do": "metrics"}))["families"]), content_type=CONTENT_TYPE)

    return [Route("GET", "/live", live), Route("GET", "/ready", ready), Route("GET", "/metrics", metrics)]


class Guard:
    """Lets by who may ask.

    With a token: programs that show it, and browsers whose user has shown it once and has a cookie for it. Everybody
    else sees the page to log in and its files, nothing more. Without one everything is for whoever is on this machine:
    then a page of a stranger in a browser here must not be able to ask, under another name of this address (DNS
    rebinding: the host has to be ours). With or without, what changes something comes as JSON, which a browser sends
    for a stranger only after asking, and from a page only if that is ours.
    """

    def __init__(self, admin: Admin, answer: Answering, logins: Logins | None) -> None:
        self._logins = logins
        self._answer = answer
        host = admin.address.host if isinstance(admin.address, Endpoint) and not is_open(admin) else "localhost"
        self._hosts = LOOPBACK | {host}

    async def __call__(self, request: Request) -> Answer:
        """The answer. Raises HttpProblem: 401, 403, 415, 429, and what is asked for can not be done."""
        if request.path not in _FOR_EVERYBODY:
            elsewhere = self._check(request)
            if elsewhere is not None:
                return elsewhere
        try:
            return await self._answer(request)
        except ControlError as error:
            raise HttpProblem(503, str(error)) from error

    def _check(self, request: Request) -> Answer | None:
        """None when it is to be answered; else the answer: of a login, or where to log in."""
        elsewhere = None if self._logins is None else self._check_login(request, self._logins)
        if elsewhere is not None:
            return elsewhere
        if self._logins is None:
            local = request.peer.startswith("unix:")
            if not local and host_of(request.headers.get("host", "")) not in self._hosts:
                raise HttpProblem(403, "this is for programs on this machine; ask for it by its address")
            if request.path in (LOGIN_PAGE.path, "/logout"):
                return _see("/")
        if request.method not in _READING:
            check_origin(request)
            if content_type_of(request) != JSON:
                raise HttpProblem(415, f"what changes something is sent as {JSON}")
        return None

    def _check_login(self, request: Request, logins: Logins) -> Answer | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind:
            if kind.lower() != "bearer" or not logins.is_token(token.strip()):
                raise HttpProblem(401, "show the token of [admin]", _CHALLENGE)
            return None
        if request.path == LOGIN_PAGE.path and request.method == "POST":
            return _log_in(request, logins)
        if request.method in _READING and (request.path == LOGIN_PAGE.path or request.path.startswith("/assets/")):
            return None
        if not logins.is_known(request):
            if request.method in _READING and "text/html" in request.headers.get("accept", ""):
                return _see(f"{LOGIN_PAGE.path}?next={quote(request.path, safe='')}")
            raise HttpProblem(401, "show the token of [admin]", _CHALLENGE)
        if request.path == "/logout" and request.method == "POST":
            check_origin(request)
            return Answer(headers={"Set-Cookie": logins.leave(request)}, body=b"{}\n")
        return None


def _log_in(request: Request, logins: Logins) -> Answer:
    """Whoever shows the token gets a cookie; whoever guesses has to wait. Raises HttpProblem: 400, 403, 429."""
    check_origin(request)
    address = request.peer.rpartition(":")[0]
    if not logins.may_try(address):
        raise HttpProblem(429, "too many wrong tokens; wait some minutes", {"Retry-After": "300"})
    try:
        token = json.loads(request.body)["token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str) or content_type_of(request) != JSON:
        raise HttpProblem(400, 'to log in, send {"token": "…"} as JSON')
    if not logins.is_token(token.strip()):
        logins.failed(address)
        raise HttpProblem(403, "this is not the token of [admin]")
    return Answer(headers={"Set-Cookie": logins.enter(request)}, body=b"{}\n")


def _see(place: str) -> Answer:
    return Answer(status=303, content_type="text/plain", headers={"Location": place})
