"""The operator's hand on the queue: by the control socket of a running server, or directly when none runs.

One request a line, one answer a line, both JSON. The socket lies in the state directory, so who may read the queue may
use it. Nothing but the server that runs ever opens its store: two writers on one SQLite database starve each other.
"""

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol, TypeAlias

from heloise.delivery.destinations import DestinationView
from heloise.mail.ids import MessageId
from heloise.queue.errors import StoreFault
from heloise.queue.model import QueueCounts, QueuedMessage, QueuedRecipient, RecipientState, Selection
from heloise.world import Clock, LinkError, Listening, Network, Stream, UnixEndpoint

Json: TypeAlias = dict[str, Any]
LIMIT = 1 << 20  # octets in one line of the control protocol


class QueueOperations(Protocol):
    """What a store, or the queue of a running server, lets an operator do. See `heloise.queue.model.QueueStore`."""

    async def list(
        self, selection: Selection, *, limit: int, after: MessageId | None = None
    ) -> tuple[QueuedMessage, ...]: ...
    async def counts(self) -> QueueCounts: ...
    async def hold(self, selection: Selection) -> int: ...
    async def release(self, selection: Selection, *, due: float) -> int: ...
    async def retry(self, selection: Selection, *, due: float) -> int: ...
    async def remove(self, selection: Selection) -> int: ...


class ControlError(Exception):
    """The queue could not be asked; the text says why."""


class QueueControl:
    """Operations on the queue by name and JSON; `ask` does one."""

    def __init__(self, ask: Callable[[Json], Coroutine[Any, Any, Json]]) -> None:
        self._ask = ask

    async def list(self, selection: Selection, *, limit: int = 100, after: MessageId | None = None) -> list[Json]:
        """The messages, as `message_json` writes them."""
        request = {"do": "list", "selection": selection_json(selection), "limit": limit, "after": after}
        return list((await self._ask(request))["messages"])

    async def counts(self) -> Json:
        """`messages`, `waiting`, `leased`, `held`."""
        return await self._ask({"do": "counts"})

    async def destinations(self) -> Sequence[Json] | None:
        """See `heloise.delivery.destinations.DestinationView`; None when no server runs."""
        views: Sequence[Json] | None = (await self._ask({"do": "destinations"}))["destinations"]
        return views

    async def change(self, what: str, selection: Selection) -> int:
        """`what` is hold, release, retry or remove; the number of recipients it happened to."""
        return int((await self._ask({"do": what, "selection": selection_json(selection)}))["recipients"])


def selection_json(selection: Selection) -> Json:
    """A selection as JSON; what does not narrow is left out."""
    pairs = {
        "message_id": selection.message_id,
        "sender": selection.sender,
        "recipient": selection.recipient,
        "domain": selection.domain,
        "route": selection.route,
        "state": None if selection.state is None else selection.state.name.lower(),
    }
    return {name: value for name, value in pairs.items() if value is not None}


def selection_from_json(values: Json) -> Selection:
    """Read what `selection_json` wrote. Raises ValueError or TypeError."""
    state = values.get("state")
    rest = {name: value for name, value in values.items() if name != "state"}
    return Selection(**rest, state=None if state is None else RecipientState[state.upper()])


def message_json(message: QueuedMessage) -> Json:
    """A queued message as JSON; times in seconds since the epoch."""
    return {
        "id": message.message_id,
        "sender": str(message.reverse_path),
        "parameters": str(message.parameters),
        "size": message.facts.size,
        "accepted_at": message.accepted_at,
        "from": message.origin.peer_address,
        "hello": message.origin.hello_name,
        "session": message.origin.session,
        "recipients": [_recipient_json(recipient) for recipient in message.recipients],
    }


def _recipient_json(queued: QueuedRecipient) -> Json:
    word = queued.last_word
    return {
        "recipient": str(queued.recipient.forward_path),
        "parameters": str(queued.recipient.parameters),
        "route": str(queued.route),
        "state": queued.state.name.lower(),
        "due": queued.due,
        "attempts": queued.attempts,
        "last": None
        if word is None
        else {"at": word.at, "reply": word.reply, "cause": word.cause, "remote_mta": word.remote_mta},
    }


class ControlDesk:
    """Does what a request says."""

    def __init__(
        self,
        queue: QueueOperations,
        clock: Clock,
        *,
        retried: Callable[[], None] = lambda: None,
        destinations: Callable[[], Sequence[DestinationView]] | None = None,
    ) -> None:
        self._destinations = destinations  # None when nothing is being delivered
        self._retried = retried  # so that destinations in trouble are tried again at once, too
        self._queue = queue
        self._clock = clock

    async def ask(self, request: Json) -> Json:
        """Do one request. Raises ControlError."""
        try:
            return await self._do(request)
        except (StoreFault, ValueError, TypeError, KeyError) as error:
            raise ControlError(str(error)) from error

    async def _do(self, request: Json) -> Json:
        selection = selection_from_json(request.get("selection", {}))
        now = self._clock.now()
        match request["do"]:
            case "list":
                messages = await self._queue.list(selection, limit=request["limit"], after=request.get("after"))
                return {"messages": [message_json(message) for message in messages]}
            case "counts":
                counts = await self._queue.counts()
                return {name: getattr(counts, name) for name in ("messages", "waiting", "leased", "held")}
            case "hold":
                return {"recipients": await self._queue.hold(selection)}
            case "release":
                return {"recipients": await self._queue.release(selection, due=now)}
            case "retry":
                self._retried()
                return {"recipients": await self._queue.retry(selection, due=now)}
            case "remove":
                return {"recipients": await self._queue.remove(selection)}
            case "destinations":
                views = None if self._destinations is None else [asdict(view) for view in self._destinations()]
                return {"destinations": views}
            case unknown:
                raise ValueError(f"no operation {unknown!r}")


async def serve_control(network: Network, path: str, desk: ControlDesk) -> Listening:
    """Listen on the control socket. Raises LinkError."""

    async def serve(stream: Stream) -> None:
        async for line in _lines(stream):
            try:
                answer = {"ok": await desk.ask(json.loads(line))}
            except (ControlError, ValueError) as error:
                answer = {"error": {"text": str(error)}}
            stream.send(json.dumps(answer).encode() + b"\n")
            await stream.drain()

    return await network.listen(UnixEndpoint(path), serve)


@asynccontextmanager
async def remote_control(network: Network, path: str) -> AsyncIterator[QueueControl]:
    """The queue of the server that listens there. Raises LinkError when none does."""
    stream = await network.connect(UnixEndpoint(path), timeout=10)
    lines = _lines(stream)

    async def ask(request: Json) -> Json:
        stream.send(json.dumps(request).encode() + b"\n")
        try:
            answer = json.loads(await anext(lines))
        except (LinkError, StopAsyncIteration) as error:
            raise ControlError("the server went away") from error
        if "error" in answer:
            raise ControlError(answer["error"]["text"])
        return dict(answer["ok"])

    try:
        yield QueueControl(ask)
    finally:
        stream.close()


async def _lines(stream: Stream) -> AsyncIterator[bytes]:
    buffer = b""
    while True:
        while (end := buffer.find(b"\n")) >= 0:
            yield buffer[:end]
            buffer = buffer[end + 1 :]
        if len(buffer) > LIMIT * 64:
            return
        octets = await stream.receive()
        if not octets:
            return
        buffer += octets
