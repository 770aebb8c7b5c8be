"""The admin listener: what operators and their programs see of a server by HTTP."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from heloise.app.api import api_routes
from heloise.app.control import Desk
from heloise.app.control_desk import ControlError
from heloise.app.journal import Journal
from heloise.app.metrics import VERSION
from heloise.app.openapi import document_route
from heloise.config.admin import Admin, is_open
from heloise.observe.exposition import CONTENT_TYPE, render
from heloise.web.exchange import JSON, Answer, HttpProblem, Request, as_json, as_text
from heloise.web.routes import Route, Routes
from heloise.web.serving import WebServer
from heloise.world import Endpoint, Listening, Network

Answering: TypeAlias = Callable[[Request], Awaitable[Answer]]
_FOR_EVERYBODY = frozenset({"/live", "/ready"})
_HERE = ("localhost", "127.0.0.1", "[::1]")


async def serve_admin(network: Network, admin: Admin, desk: Desk, journal: Journal) -> Listening | None:
    """Listen where [admin] says; None where it says nothing. Raises LinkError."""
    if admin.address is None:
        return None
    routes = Routes([*health_routes(desk), *api_routes(desk), document_route(VERSION)])
    server = WebServer(Guard(admin, routes), fault=lambda error: journal.fault("admin", error))
    return await network.listen(admin.address, server.serve)


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

    Without a token everything is for whoever is on this machine: then a page of a stranger in a browser here must not
    be able to ask, neither under another name of this address (DNS rebinding: the host has to be ours) nor by a form
    (what changes something has to come as JSON, which a browser asks for leave to send).
    """

    def __init__(self, admin: Admin, answer: Answering) -> None:
        self._token = None if admin.token is None else admin.token.encode()
        self._answer = answer
        host = admin.address.host if isinstance(admin.address, Endpoint) and not is_open(admin) else "localhost"
        self._hosts = {*_HERE, host, f"[{host}]"}

    async def __call__(self, request: Request) -> Answer:
        """The answer. Raises HttpProblem: 401, 403, 415, and what is asked for can not be done."""
        if request.path not in _FOR_EVERYBODY:
            self._check(request)
        try:
            return await self._answer(request)
        except ControlError as error:
            raise HttpProblem(503, str(error)) from error

    def _check(self, request: Request) -> None:
        if self._token is not None:
            kind, _, token = request.headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
                raise HttpProblem(401, "show the token of [admin]", {"WWW-Authenticate": 'Bearer realm="heloise"'})
        elif not request.peer.startswith("unix:") and _host_of(request) not in self._hosts:
            raise HttpProblem(403, "this is for programs on this machine; ask for it by its address")
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method not in ("GET", "HEAD") and content_type != JSON:
            raise HttpProblem(415, f"what changes something is sent as {JSON}")


def _host_of(request: Request) -> str:
    host = request.headers.get("host", "").lower()
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
