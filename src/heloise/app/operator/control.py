"""The operator's hand on the queue: by the control socket of a running server, or directly when none runs.

One request a line, one answer a line, both JSON; before the answer to `content` come lines with pieces of it. The
socket lies in the state directory, so who may read the queue may use it. Nothing but the server that runs ever opens
its store: two writers on one SQLite database starve each other.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.queue_json import Json, selection_json
from heloise.mail.ids import MessageId
from heloise.queue.model import Selection
from heloise.world import LinkError, Listening, Network, Stream, UnixEndpoint

LIMIT = 64 << 20  # octets in one line of the control protocol


class QueueControl:
    """Operations on the queue by name and JSON; `ask` does one, `pieces` gives the content of a message."""

    def __init__(
        self, ask: Callable[[Json], Coroutine[Any, Any, Json]], pieces: Callable[[str], AsyncIterator[bytes]]
    ) -> None:
        self.ask = ask
        self.pieces = pieces

    async def list(self, selection: Selection, *, limit: int = 100, after: MessageId | None = None) -> list[Json]:
        """The messages, as `message_json` writes them."""
        request = {"do": "list", "selection": selection_json(selection), "limit": limit, "after": after}
        return list((await self.ask(request))["messages"])

    async def counts(self) -> Json:
        """`messages`, `waiting`, `leased`, `held`."""
        return await self.ask({"do": "counts"})

    async def header(self, message_id: str) -> str | None:
        """The header of a message; None when it is not in the queue."""
        header: str | None = (await self.ask({"do": "header", "id": message_id}))["header"]
        return header

    async def destinations(self) -> Sequence[Json] | None:
        """See `heloise.delivery.destinations.DestinationView`; None when no server runs."""
        views: Sequence[Json] | None = (await self.ask({"do": "destinations"}))["destinations"]
        return views

    async def change(self, what: str, selection: Selection, **more: str | None) -> Json:
        """`what` is hold, release, retry, redirect (with `to` and `recipient`) or remove.

        `recipients` tells to how many it happened, `under_way` how many were left alone because they are being tried.
        """
        return await self.ask({"do": what, "selection": selection_json(selection), **more})

    async def fetch(self, server: str, domains: Sequence[str]) -> Json:
        """Fetch mail by ATRN, as `heloise.app.fetching.fetched_json` writes what came of it."""
        return await self.ask({"do": "fetch", "server": server, "domains": list(domains)})

    async def timeline(self, owner: str) -> Json | None:
        """See `heloise.passport.timeline.Timeline`; None when nothing is known of it."""
        timeline: Json | None = (await self.ask({"do": "trace", "id": owner}))["timeline"]
        return timeline

    async def find(self, *, sender: str | None, recipient: str | None, limit: int) -> Sequence[Json]:
        """Timelines by address, the newest first."""
        request = {"do": "find", "sender": sender, "recipient": recipient, "limit": limit}
        return list((await self.ask(request))["timelines"])


class Desk(Protocol):
    """Does what requests say: for one queue, or for several."""

    async def ask(self, request: Json) -> Json:
        """Do one request. Raises ControlError."""
        ...

    def pieces(self, message_id: str) -> AsyncIterator[bytes]:
        """The content of a message, in pieces. Raises ControlError."""
        ...


async def serve_control(network: Network, path: str, desk: Desk) -> Listening:
    """Listen on the control socket. Raises LinkError."""

    async def serve(stream: Stream) -> None:
        async for line in _lines(stream):
            try:
                request = json.loads(line)
                if request.get("do") == "content":
                    answer: Json = {"ok": {"size": await _send_pieces(stream, desk.pieces(request["id"]))}}
                else:
                    answer = {"ok": await desk.ask(request)}
            except (ControlError, ValueError, KeyError, AttributeError) as error:
                answer = {"error": {"text": str(error)}}
            stream.send(_line(answer))
            await stream.drain()

    return await network.listen(UnixEndpoint(path), serve)


async def _send_pieces(stream: Stream, pieces: AsyncIterator[bytes]) -> int:
    """As fast as the other side takes them, so that a large content is never whole in memory."""
    size = 0
    async for octets in pieces:
        stream.send(_line({"piece": b64encode(octets).decode("ascii")}))
        await stream.drain()
        size += len(octets)
    return size


@asynccontextmanager
async def remote_control(network: Network, path: str) -> AsyncIterator[QueueControl]:
    """The queue of the server that listens there. Raises LinkError when none does."""
    stream = await network.connect(UnixEndpoint(path), timeout=10)
    lines = _lines(stream)

    async def answer() -> Json:
        try:
            found: Json = json.loads(await anext(lines))
        except (LinkError, StopAsyncIteration) as error:
            raise ControlError("the server went away") from error
        if "error" in found:
            raise ControlError(found["error"]["text"])
        return found

    async def ask(request: Json) -> Json:
        stream.send(_line(request))
        return dict((await answer())["ok"])

    async def pieces(message_id: str) -> AsyncGenerator[bytes, None]:
        stream.send(_line({"do": "content", "id": message_id}))
        while "piece" in (found := await answer()):
            yield b64decode(found["piece"])

    try:
        yield QueueControl(ask, pieces)
    finally:
        stream.close()


def _line(value: Json) -> bytes:
    return json.dumps(value).encode() + b"\n"


async def _lines(stream: Stream) -> AsyncIterator[bytes]:
    buffer = bytearray()
    searched = 0
    while True:
        while (end := buffer.find(b"\n", searched)) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            searched = 0
            yield line
        searched = len(buffer)
        if searched > LIMIT:
            return
        octets = await stream.receive()
        if not octets:
            return
        buffer += octets
