"""What an operator asks of several queues: each is asked, and their answers are put together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from heloise.app.operator.control import Desk, QueueControl, remote_control
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.queue_json import Json, selection_json
from heloise.mail.ids import MessageId
from heloise.queue.model import Selection
from heloise.world import LinkError, Network

_ONE_IS_ENOUGH = frozenset({"fetch"})  # done by one process for all


def put_together(request: Json, answers: Sequence[Json]) -> Json:
    """One answer from those of all: numbers are added, lists joined (messages by their ids and timelines the newest
    first, no more than were asked for); of what only one can know, that one's word. Pure."""
    if len(answers) == 1:
        return answers[0]
    whole: Json = {}
    for name in answers[0]:
        present = [answer[name] for answer in answers if answer[name] is not None]
        if not present:
            whole[name] = None
        elif all(isinstance(value, list) for value in present):
            whole[name] = [item for value in present for item in value]
        elif all(isinstance(value, int) for value in present):
            whole[name] = sum(present)
        else:
            whole[name] = present[0]
    if request.get("do") == "list":
        whole["messages"] = sorted(whole["messages"], key=lambda message: message["id"])[: request["limit"]]
    elif request.get("do") == "find":
        newest_first = sorted(whole["timelines"], key=lambda timeline: timeline["begun"], reverse=True)
        whole["timelines"] = newest_first[: request["limit"]]
    return whole


class ShardDesk:
    """Asks the desks of several queues in this process, one after the other."""

    def __init__(self, desks: Sequence[Desk]) -> None:
        self._desks = desks

    async def ask(self, request: Json) -> Json:
        """Do one request everywhere. Raises ControlError."""
        desks = self._desks[:1] if request.get("do") in _ONE_IS_ENOUGH else self._desks
        return put_together(request, [await desk.ask(request) for desk in desks])

    async def pieces(self, message_id: str) -> AsyncIterator[bytes]:
        """The content of a message, from the queue that has it. Raises ControlError."""
        for desk in self._desks:
            if await _has(desk, message_id):
                async for octets in desk.pieces(message_id):
                    yield octets
                return
        raise ControlError(f"no message {message_id} is in the queue")


class CrewDesk:
    """Asks the processes that listen on `sockets`, all at once."""

    def __init__(self, network: Network, sockets: Sequence[str]) -> None:
        self._network = network
        self._sockets = sockets

    async def ask(self, request: Json) -> Json:
        """Do one request everywhere. Raises ControlError: the first error there was; others may have done it."""
        sockets = self._sockets[:1] if request.get("do") in _ONE_IS_ENOUGH else self._sockets
        return put_together(request, await asyncio.gather(*(self._ask(path, request) for path in sockets)))

    async def pieces(self, message_id: str) -> AsyncIterator[bytes]:
        """The content of a message, from the process that has it. Raises ControlError."""
        async with AsyncExitStack() as stack:
            controls = [await self._enter(stack, path) for path in self._sockets]
            async for octets in ShardDesk(controls).pieces(message_id):
                yield octets

    async def _ask(self, path: str, request: Json) -> Json:
        return await ask_process(self._network, path, request)

    async def _enter(self, stack: AsyncExitStack, path: str) -> QueueControl:
        return await _enter(stack, self._network, path)


async def ask_process(network: Network, path: str, request: Json) -> Json:
    """Ask the process that listens there. Raises ControlError."""
    async with AsyncExitStack() as stack:
        return await (await _enter(stack, network, path)).ask(request)


async def _enter(stack: AsyncExitStack, network: Network, path: str) -> QueueControl:
    try:
        return await stack.enter_async_context(remote_control(network, path))
    except LinkError as error:
        raise ControlError("a process of the server is being started, try again") from error


async def _has(desk: Desk, message_id: str) -> bool:
    selection = selection_json(Selection(message_id=MessageId(message_id)))
    return bool((await desk.ask({"do": "list", "selection": selection, "limit": 1}))["messages"])
