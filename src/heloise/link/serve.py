"""The serving driver: a server engine and a stream, nothing else. It moves octets, asks for answers, holds the timer.

One timer a session: it is moved only when it fires, so a busy session costs no timer traffic. A fault while a proposal
is answered is the server's own: the client gets 451, the log the id, and the session lives on (RFC 5321 §4.2.4).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

from heloise.link.turns import HANDSHAKE, LOOK, Caller, Turns
from heloise.mail.encryption import Encryption
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.events import (
    ConnectionProposed,
    ContentReceived,
    Fact,
    MessageProposed,
    Proposal,
    SessionEnded,
    TransactionReset,
)
from heloise.smtp.server import ServerSession
from heloise.world import LinkError, LinkFault, ServerTls, Stream

CLOSING_TIME = 10.0  # seconds that a client gets to read our last words
HANDSHAKE_TIME = 30.0  # seconds for TLS
# Octets that are looked at before it is somebody else's turn: of commands, of content; and of those who ask for much.
_SLICE: Final = 512
_CONTENT_SLICE: Final = 65536
_SMALL_SLICE, _SMALL_CONTENT_SLICE = 64, 16384


Answers: TypeAlias = tuple[Reply, ...] | Awaitable[tuple[Reply, ...]]
"""Replies, or what they can be waited for by, where somebody else has to be asked first."""


class Receiver(Protocol):
    """Answers the proposals of one session; `heloise.reception` has the real one."""

    def answer(self, proposal: Proposal, say: Callable[[str], None]) -> Answers:
        """The reply to a proposal (in LMTP to a message: one a recipient). `say` sends a 050 line meanwhile."""
        ...

    def note(self, fact: Fact) -> Awaitable[None] | None:
        """Take notice of a fact; None when that is done."""
        ...

    async def mistaken(self) -> None:
        """The engine has refused a command that no proposal came of; its reply goes out after this."""
        ...

    def fault(self, error: Exception) -> None:
        """An exception came out of `answer` or `note`: log it."""
        ...

    def tls(self) -> ServerTls | None:
        """How to shake hands, asked when it is time for it; None when there is no certificate."""
        ...

    def secured(self, encryption: Encryption) -> None:
        """The session goes on, or begins, under TLS."""
        ...

    def not_secured(self, error: LinkError) -> None:
        """The handshake has failed, and the session with it."""
        ...

    async def turned(self, stream: Stream, is_stopping: Callable[[], bool]) -> None:
        """ATRN was accepted and said so: be the client on `stream` now, until nothing is left to be delivered or
        `is_stopping`. Whoever calls closes the stream."""
        ...


class ServerConversation:
    """One session being served. `caller` is whose it is; without it, nobody else's."""

    def __init__(
        self, session: ServerSession, stream: Stream, receiver: Receiver, caller: Caller | None = None
    ) -> None:
        self._caller = Turns().enter("") if caller is None else caller
        self._rest = b""  # what came and is not looked at, behind the octets that were `_seen`
        self._seen = 0
        self._session = session
        self._stream = stream
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()  # asked for once: to ask is a system call each time
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._steps = -1  # of the session, when the deadline was set
        self._waiting = False
        self._errors = 0  # of the session, that the receiver knows of
        self._farewell: Reply | None = None

    async def run(self, *, tls_first: bool = False) -> None:
        """Serve until the session has ended; then the stream is closed. Raises nothing of its own.

        With `tls_first` nothing is said before the handshake (RFC 8314 §3).
        """
        try:
            if tls_first:
                await self._secure(is_first=True)
            await self._converse()
            if self._session.is_turned:
                await self._turn()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._stream.close()
        try:
            async with asyncio.timeout(CLOSING_TIME):
                await self._stream.wait_closed()
        except TimeoutError:
            self._stream.abort()

    def shut_down(self, reply: Reply = replies.SHUTDOWN) -> None:
        """End the session with `reply` (a 421): at once when it waits for the client, else after the next answer."""
        self._farewell = reply
        if self._waiting and not self._session.is_turned:
            self._session.close_with(reply)
            self._flush()
            self._stream.close()

    async def _converse(self) -> None:
        session = self._session
        while True:
            event = session.next_event()
            if event is None:
                if session.view.errors != self._errors:
                    self._errors = session.view.errors
                    await self._receiver.mistaken()
                self._flush()
                if session.is_turned:
                    return
                if session.is_securing:
                    await self._secure()
                elif not await self._more_input():
                    return
            elif isinstance(event, (ContentReceived, TransactionReset)):
                if (noting := self._note(event)) is not None:
                    await self._noted(noting)
            elif isinstance(event, SessionEnded):
                if (noting := self._note(event)) is not None:
                    await self._noted(noting)
                self._flush()
                return
            else:
                answers = self._answer(event)
                if not isinstance(answers, tuple):
                    answers = await self._answered(event, answers)
                if not session.is_closed:
                    session.resolve_by(event, answers)

    async def _secure(self, *, is_first: bool = False) -> None:
        """The stream refuses what came in plaintext and was not asked for. RFC 3207 §6."""
        try:
            demand = self._receiver.tls()
            if demand is None:
                raise LinkError(LinkFault.LOCAL, "there is no certificate")
            caller = self._caller
            caller.spent += HANDSHAKE
            if caller.is_heavy:
                await caller.turns.wait(caller, HANDSHAKE)
            if self._rest:
                raise LinkError(LinkFault.INJECTED)
            encryption = await self._stream.start_tls(demand, timeout=HANDSHAKE_TIME, is_first=is_first)
        except LinkError as error:
            self._receiver.not_secured(error)
            self._session.not_secured(str(error))
        else:
            self._session.secured(encryption)
            self._receiver.secured(encryption)

    async def _turn(self) -> None:
        """RFC 2645 §5.3: the engine is done, and somebody else is the client on this stream from here on."""
        if self._timer is not None:
            self._timer.cancel()
        if self._rest:
            self._stream.abort()  # what came behind ATRN would be taken for replies
        try:
            await self._receiver.turned(self._stream, lambda: self._farewell is not None)
        except Exception as error:
            self._receiver.fault(error)

    async def _more_input(self) -> bool:
        """Wait for octets, and for room for our replies before; False when the session is over."""
        session, stream = self._session, self._stream
        if self._farewell is not None:
            session.close_with(self._farewell)
            return True
        if self._steps != session.steps:
            self._steps = session.steps
            self._deadline = self._loop.time() + session.patience
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()
        self._waiting = True
        try:
            # Of who asks for much it is looked whether he still hears us: draining fails when not.
            if stream.is_full or (self._rest and self._caller.is_heavy):
                await stream.drain()
            octets = self._rest or await stream.receive()
        except LinkError:
            octets, self._rest, self._seen = b"", b"", 0
        self._waiting = False
        caller = self._caller
        caller.spent += 1
        if self._seen or len(octets) > _SLICE or caller.is_heavy or caller.spent > LOOK:
            octets = await self._in_turn(octets)
        if not session.is_closed:
            session.receive_data(octets)
        return True

    async def _in_turn(self, octets: bytes) -> bytes:
        """So much of it as may be looked at now, after others had their turn where there is more, or was too much."""
        caller, units = self._caller, 1
        if caller.spent > LOOK:
            caller.look(self._loop.time())
        appetite, begin = self._session.appetite, self._seen
        if caller.is_heavy:
            size = max(min(appetite, _SMALL_CONTENT_SLICE), _SMALL_SLICE)
        else:
            size = max(min(appetite, _CONTENT_SLICE), _SLICE)
        if len(octets) - begin > size:
            self._rest, self._seen = octets, begin + size
            octets = octets[begin : begin + size]
            units += size >> 12 if appetite else size >> 6
            caller.spent += units
        else:
            self._rest, self._seen = b"", 0
            octets = octets[begin:]
            if not caller.is_heavy and not begin:
                return octets
        await caller.turns.wait(caller, units)
        return octets

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        if not self._waiting:
            # An answer takes its time; the client's time starts again after it.
            self._deadline = self._loop.time() + self._session.patience
        elif self._loop.time() >= self._deadline:
            self._session.timed_out()
            self._flush()
            self._stream.close()
            return
        self._set_timer()

    def _flush(self) -> None:
        octets = self._session.data_to_send()
        if octets:
            self._stream.send(octets)

    def _say(self, text: str) -> None:
        self._session.progress(text)
        self._flush()

    def _answer(self, proposal: Proposal) -> Answers:
        try:
            return self._receiver.answer(proposal, self._say)
        except Exception as error:
            return self._answer_to_fault(proposal, error)

    async def _answered(self, proposal: Proposal, answers: Awaitable[tuple[Reply, ...]]) -> tuple[Reply, ...]:
        try:
            return await answers
        except Exception as error:
            return self._answer_to_fault(proposal, error)

    def _answer_to_fault(self, proposal: Proposal, error: Exception) -> tuple[Reply, ...]:
        self._receiver.fault(error)
        if isinstance(proposal, ConnectionProposed):
            return (replies.SESSION_FAULT_CLOSING,)
        count = 1
        if isinstance(proposal, MessageProposed) and self._session.view.is_lmtp:
            count = len(proposal.envelope.recipients)
        return (replies.SESSION_FAULT,) * count

    def _note(self, fact: Fact) -> Awaitable[None] | None:
        try:
            return self._receiver.note(fact)
        except Exception as error:
            self._fail(error)
            return None

    async def _noted(self, noting: Awaitable[None]) -> None:
        try:
            await noting
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._receiver.fault(error)
        self._session.close_with(replies.SESSION_FAULT_CLOSING)
