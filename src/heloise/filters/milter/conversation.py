"""A milter's dialogue and a stream: octets to and fro, each answer within its time. Nothing is decided here."""

import asyncio
from dataclasses import dataclass

from heloise.filters.milter.dialogue import CONTINUE, Dialogue, Outcome
from heloise.filters.milter.packets import MilterProtocolError
from heloise.world import AnyEndpoint, LinkError, Network, Stream


class MilterTrouble(Exception):
    """The milter can not be reached, is silent, has gone, or says nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MilterTimeouts:
    """Seconds to wait for a connection, for the answer to a command, to a piece of content, and to the whole message.
    PROGRESS begins the wait anew."""

    connect: float = 30.0
    command: float = 30.0
    content: float = 300.0
    end: float = 300.0


class MilterConversation:
    """One connection. `dialogue` makes the octets of a step; `exchange` gives its outcome."""

    def __init__(self, stream: Stream) -> None:
        self.dialogue = Dialogue()
        self._stream = stream

    async def exchange(self, octets: bytes | None, seconds: float) -> Outcome:
        """Say this (None: nothing, since it does not want to hear it) and hear the answer, if one is due.

        Raises:
            MilterTrouble: there is none. The connection is then gone.
        """
        if octets is None:
            return CONTINUE
        try:
            self._stream.send(octets)
            return await self._answer(seconds)
        except TimeoutError:
            self._stream.abort()
            raise MilterTrouble(f"silent for {seconds:g} seconds") from None
        except (LinkError, MilterProtocolError) as error:
            self._stream.abort()
            raise MilterTrouble(str(error)) from None

    async def _answer(self, seconds: float) -> Outcome:
        dialogue = self.dialogue
        async with asyncio.timeout(seconds) as limit:
            await self._stream.drain()
            if not dialogue.awaits:
                return CONTINUE
            loop, progress = asyncio.get_running_loop(), dialogue.progress
            while (outcome := dialogue.outcome()) is None:
                if dialogue.progress != progress:
                    progress = dialogue.progress
                    limit.reschedule(loop.time() + seconds)
                octets = await self._stream.receive()
                if not octets:
                    raise MilterProtocolError("hung up")
                dialogue.hear(octets)
            return outcome

    async def close(self) -> None:
        """Say farewell, if anybody is there."""
        self._stream.send(self.dialogue.quit())
        self._stream.close()

    def abort(self) -> None:
        """Close at once."""
        self._stream.abort()


async def dial_milter(network: Network, endpoint: AnyEndpoint, timeouts: MilterTimeouts) -> MilterConversation:
    """A connection whose terms are agreed upon. Raises MilterTrouble."""
    try:
        stream = await network.connect(endpoint, timeout=timeouts.connect)
    except LinkError as error:
        raise MilterTrouble(f"{endpoint}: {error}") from None
    conversation = MilterConversation(stream)
    await conversation.exchange(conversation.dialogue.open(), timeouts.command)
    return conversation
