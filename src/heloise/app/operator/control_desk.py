"""What an operator may ask of a queue and its passports, as requests and answers in JSON."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

from heloise.app.journal import Journal
from heloise.app.operator.queue_json import Json, message_json, selection_from_json
from heloise.delivery.destinations import DestinationView
from heloise.mail.address import AddressError
from heloise.mail.content import Content
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.passport.office import ArchiveFault, PassportOffice
from heloise.queue.errors import StoreFault
from heloise.queue.model import (
    QueueCounts,
    QueuedMessage,
    RecipientState,
    Redirection,
    Selection,
    Told,
    tell_nobody,
)
from heloise.routing.lookup import LookupFailed
from heloise.world import Clock

LARGEST_HEADER = 256 << 10  # octets that are shown of a header
_UNTOUCHED = frozenset({"hold", "retry", "redirect", "remove"})  # what is being tried is passed over by these


class QueueOperations(Protocol):
    """What a store, or the queue of a running server, lets an operator do. See `heloise.queue.model.QueueStore`."""

    async def list(
        self, selection: Selection, *, limit: int, after: MessageId | None = None
    ) -> tuple[QueuedMessage, ...]: ...
    async def content(self, message_id: MessageId) -> Content | None: ...
    async def count(self, selection: Selection) -> int: ...
    async def count_messages(self, selection: Selection, *, limit: int) -> int: ...
    async def counts(self) -> QueueCounts: ...
    async def hold(self, selection: Selection, *, told: Told = tell_nobody) -> int: ...
    async def release(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int: ...
    async def retry(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int: ...
    async def redirect(
        self, selection: Selection, redirection: Redirection, *, due: float, told: Told = tell_nobody
    ) -> int: ...
    async def remove(self, selection: Selection, *, told: Told = tell_nobody) -> int: ...


class ControlError(Exception):
    """What was asked can not be done; the text says why."""


class ControlDesk:
    """Does what a request says.

    Args:
        queue: on which it is done.
        clock: tells when what is to be tried now is due.
        journal: is told what an operator did.
        passports: are asked for timelines; None when none are kept.
        routed: the router's word on where mail for an address goes; None where addresses can not be routed.
        retried: so that destinations in trouble are tried again at once, too.
        destinations: where mail goes at the moment; None when nothing is being delivered.
        fetch: fetches mail from a provider; None where nobody could take it.
    """

    def __init__(
        self,
        queue: QueueOperations,
        clock: Clock,
        *,
        journal: Journal | None = None,
        passports: PassportOffice | None = None,
        routed: Callable[[ForwardPath], Awaitable[Sequence[tuple[ForwardPath, Route]]]] | None = None,
        retried: Callable[[], None] = lambda: None,
        destinations: Callable[[], Sequence[DestinationView]] | None = None,
        fetch: Callable[[str, Sequence[str]], Awaitable[Json]] | None = None,
    ) -> None:
        self._fetch = fetch
        self._queue = queue
        self._clock = clock
        self._journal = journal if journal is not None else Journal(lambda level, event, fields: None)
        self._passports = passports
        self._routed = routed
        self._retried = retried
        self._destinations = destinations

    async def ask(self, request: Json) -> Json:
        """Do one request. Raises ControlError."""
        try:
            return await self._do(request)
        except (StoreFault, ArchiveFault, LookupFailed, ValueError, TypeError, KeyError) as error:
            raise ControlError(str(error)) from error

    async def pieces(self, message_id: str) -> AsyncIterator[bytes]:
        """The content of a message, in pieces. Raises ControlError."""
        try:
            content = await self._queue.content(MessageId(message_id))
            if content is None:
                raise ControlError(f"no message {message_id} is in the queue")
            async for octets in content.chunks():
                yield octets
        except (StoreFault, OSError) as error:
            raise ControlError(str(error)) from error

    async def _do(self, request: Json) -> Json:
        match request["do"]:
            case "list":
                selection = selection_from_json(request.get("selection", {}))
                messages = await self._queue.list(selection, limit=request["limit"], after=request.get("after"))
                return {"messages": [message_json(message) for message in messages]}
            case "counts":
                counts = await self._queue.counts()
                return {name: getattr(counts, name) for name in ("messages", "waiting", "leased", "held")}
            case "hold" | "release" | "retry" | "redirect" | "remove" as what:
                return await self._change(what, request)
            case "count":
                selection = selection_from_json(request.get("selection", {}))
                return {"messages": await self._queue.count_messages(selection, limit=request["limit"])}
            case "start":  # what ETRN does in all processes
                self._retried()
                selection = selection_from_json(request["selection"])
                return {"recipients": await self._queue.retry(selection, due=request["due"])}
            case "header":
                return {"header": await self._header(request["id"])}
            case "destinations":
                views = None if self._destinations is None else [asdict(view) for view in self._destinations()]
                return {"destinations": views}
            case "trace":
                timeline = await self._office().timeline(request["id"])
                return {"timeline": None if timeline is None else asdict(timeline)}
            case "find":
                found = await self._office().find(
                    sender=request.get("sender"), recipient=request.get("recipient"), limit=request["limit"]
                )
                return {"timelines": [asdict(timeline) for timeline in found]}
            case "fetch" if self._fetch is not None:
                return await self._fetch(request["server"], request["domains"])
            case unknown:
                raise ValueError(f"no operation {unknown!r}")

    def _office(self) -> PassportOffice:
        if self._passports is None:
            raise ControlError("no passports are kept: [passport] off = true")
        return self._passports

    async def _change(self, what: str, request: Json) -> Json:
        selection = selection_from_json(request.get("selection", {}))
        redirection = await self._redirection(request) if what == "redirect" else None
        left = await self._under_way(selection) if what in _UNTOUCHED else 0
        now = self._clock.now()

        def told(touched: Any) -> None:
            self._journal.commanded(what, touched, redirection)

        match what:
            case "hold":
                changed = await self._queue.hold(selection, told=told)
            case "release":
                changed = await self._queue.release(selection, due=now, told=told)
            case "retry":
                self._retried()
                changed = await self._queue.retry(selection, due=now, told=told)
            case "redirect":
                assert redirection is not None
                changed = await self._queue.redirect(selection, redirection, due=now, told=told)
            case _:
                changed = await self._queue.remove(selection, told=told)
        return {"recipients": changed, "under_way": left}

    async def _under_way(self, selection: Selection) -> int:
        """How many of the selected are being tried right now, and are left alone."""
        if selection.state not in (None, RecipientState.LEASED):
            return 0
        if selection == Selection():
            return (await self._queue.counts()).leased
        return await self._queue.count(replace(selection, state=RecipientState.LEASED))

    async def _redirection(self, request: Json) -> Redirection:
        """Where to: a route, or an address, which the router is asked about anew, or both."""
        route = None if request.get("to") is None else Route.parse(request["to"])
        if request.get("recipient") is None:
            if route is None:
                raise ValueError("a redirection needs a route or an address")
            return Redirection(route=route)
        try:
            path = ForwardPath.parse(f"<{request['recipient'].strip('<>')}>".encode())
        except AddressError as error:
            raise ValueError(f"{request['recipient']!r} is not an address: {error}") from error
        if route is not None:
            return Redirection(route=route, path=path)
        if self._routed is None:
            raise ValueError("addresses can not be routed here; say the route, too")
        found = tuple(await self._routed(path))
        if not found:
            raise ValueError(f"{path} leads nowhere")
        if len(found) > 1:
            raise ValueError(f"{path} stands for {len(found)} recipients; redirect to one of them")
        ((path, route),) = found
        return Redirection(route=route, path=path)

    async def _header(self, message_id: str) -> str | None:
        """The header of a message as text, octets that are no UTF-8 replaced; None when it is not there."""
        content = await self._queue.content(MessageId(message_id))
        if content is None:
            return None
        taken = b""
        async for octets in content.chunks():
            taken += octets
            end = taken.find(b"\r\n\r\n")
            if end >= 0:
                taken = taken[: end + 2]
                break
            if len(taken) >= LARGEST_HEADER:
                break
        return taken[:LARGEST_HEADER].decode("utf-8", "replace")
