"""A client engine and a stream: transactions with one next hop. RFC 5321 §3.3, §4.5.3.2, §4.5.4.1.

The driver moves octets and holds the one timer; what anything means is the engine's (`heloise.smtp.client`). Trouble
with the link never leaves as an exception: the engine turns it into answers, one for each recipient.

The timer is moved only when it fires, so a busy conversation costs no timer traffic.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress

from heloise.mail.attributes import NO_ATTRIBUTES, Attributes
from heloise.mail.content import CHUNK, Content, ContentFacts, MemoryContent
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Envelope
from heloise.mail.reply import Reply
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import (
    Answered,
    ClientEvent,
    ContentWanted,
    ConversationEnded,
    ConversationReady,
    ConversationRefused,
    Progress,
    ResponseWanted,
    TlsWanted,
    TransactionDone,
)
from heloise.smtp.client_plan import WireForm
from heloise.smtp.client_states import ClientState, ContentDemand
from heloise.smtp.command import Plain
from heloise.smtp.errors import LocalProtocolError
from heloise.smtp.transaction import Offers, RecipientAnswer
from heloise.world import Blocking, ClientTls, LinkError, Stream

HANDSHAKE_TIME = 60.0  # seconds for TLS


class Conversation:
    """One connection, greeted and past hello when `dial` gives it out. For one task at a time."""

    def __init__(
        self,
        session: ClientSession,
        stream: Stream,
        *,
        quit_timeout: float,
        progress: Callable[[Reply], None] | None = None,
    ) -> None:
        self._session = session
        self._stream = stream
        self._quit_timeout = quit_timeout
        self._progress = progress
        self._loop = asyncio.get_running_loop()  # asked for once: to ask is a system call each time
        self._turn = -1
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_waiting = False
        self._receiving: asyncio.Task[bytes] | None = None  # while content is sent, or left over from then

    @property
    def offers(self) -> Offers:
        """What the peer offers."""
        return self._session.offers

    @property
    def encryption(self) -> Encryption | None:
        """What protects it."""
        return self._session.encryption

    @property
    def peer_name(self) -> str:
        """What the peer calls itself."""
        return self._session.peer_name

    @property
    def usable(self) -> bool:
        """May it take another transaction? Whether the peer has hung up meanwhile shows only then."""
        return self._session.usable

    @property
    def transactions(self) -> int:
        """How many were begun. An answer of link.lost to a second or later one may only mean that it sat idle."""
        return self._session.transactions

    def form(self, envelope: Envelope, facts: ContentFacts) -> WireForm:
        """What a content with these facts has to be before `deliver` can send it here."""
        return self._session.form(envelope, facts)

    def judged(self, refusal: Reply) -> Reply:
        """`refusal` for want of an offer: for now only, when the peer was cut off before it could offer anything."""
        return self._session.judged(refusal)

    async def hello(
        self, tls: ClientTls | None = None, *, tls_first: bool = False, blocking: Blocking | None = None
    ) -> ConversationReady | ConversationRefused:
        """Hear the greeting and say EHLO, and AUTH where that is wanted. Called once, by `dial`.

        `tls` is for when STARTTLS was said, or with `tls_first` before anything is (RFC 8314 §3). What AUTH has to
        compute is done by `blocking`, or here when there is none.
        """
        if tls_first:
            await self._secure(tls)
        while True:
            event = await self._next_event()
            if isinstance(event, ConversationReady | ConversationRefused):
                return event
            if isinstance(event, TlsWanted):
                await self._secure(tls)
            elif isinstance(event, ResponseWanted):
                compute = event.compute
                self._session.respond(compute() if blocking is None else await blocking.run(compute))

    async def _secure(self, tls: ClientTls | None) -> None:
        if tls is None:
            raise LocalProtocolError("STARTTLS was said, and nobody knows how to shake hands")
        try:
            encryption = await self._stream.start_tls(tls, timeout=HANDSHAKE_TIME)
        except LinkError as error:
            self._session.not_secured(str(error))
        else:
            self._session.secured(encryption)

    async def deliver(
        self, envelope: Envelope, content: Content, facts: ContentFacts, forwarded: Attributes = NO_ATTRIBUTES
    ) -> tuple[RecipientAnswer, ...]:
        """Send one message; exactly one answer for each recipient, in order. `forwarded` is what XFORWARD tells of it.

        Raises:
            LocalProtocolError: not `usable` though the peer is there, or no recipients.
            Whatever reading the content raises; the connection is then aborted, without the final dot.
        """
        self._session.begin(envelope, facts, forwarded)
        try:
            return await self._transact(content)
        except BaseException:
            self.abort()  # in the middle of a transaction there is no way back, least of all when cancelled
            raise

    async def ask(self, command: Plain) -> Answered:
        """Say ETRN or ATRN: the reply, or ours when the link was lost. After 250 to ATRN `release` the stream.

        Raises:
            LocalProtocolError: nobody is there.
        """
        self._session.ask(command)
        try:
            while True:
                event = await self._next_event()
                if isinstance(event, Answered):
                    return event
        except BaseException:
            self.abort()
            raise

    def release(self) -> Stream:
        """The stream, for whoever is the server on it now; this conversation is over.

        Raises:
            LocalProtocolError: it was not turned around.
        """
        if self._session.state is not ClientState.TURNED:
            raise LocalProtocolError("the connection was not turned around")
        self._stop_timer()
        return self._stream

    async def quit(self) -> None:
        """Say QUIT, wait a little, close. Never raises for the link's sake; what the peer says does not matter."""
        self._session.quit()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._quit_timeout):
                    while self._session.state is ClientState.QUITTING:
                        await self._next_event()
        finally:
            self._close()

    def abort(self) -> None:
        """Close at once. Idempotent."""
        self._session.connection_lost("aborted here")
        self._stop_timer()
        self._stop_receiving()
        self._stream.abort()

    async def _transact(self, content: Content) -> tuple[RecipientAnswer, ...]:
        while True:
            match await self._next_event():
                case TransactionDone(answers):
                    if self._session.state is ClientState.CLOSED:
                        self.abort()
                    return answers
                case ContentWanted():
                    await self._send_content(content)
                case Progress(reply):
                    if self._progress is not None:
                        self._progress(reply)
                case ConversationEnded():
                    pass  # it had gone before; the answers follow
                case (
                    ConversationReady() | ConversationRefused() | TlsWanted() | ResponseWanted() | Answered()
                ) as event:
                    raise LocalProtocolError(f"no such event belongs into a transaction: {event}")

    async def _next_event(self) -> ClientEvent:
        while (event := self._session.next_event()) is None:
            octets = self._session.data_to_send()
            if octets:
                self._stream.send(octets)
            await self._receive()
        return event

    async def _receive(self) -> None:
        """Wait for octets, within the engine's patience, and give the engine what came, or what went wrong."""
        session = self._session
        if session.state is ClientState.CLOSED:
            raise LocalProtocolError("the conversation is over")
        if session.turn != self._turn:
            self._turn = session.turn
            self._deadline = self._loop.time() + session.patience
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()
        self._is_waiting = True
        try:
            octets = await (self._stream.receive() if self._receiving is None else self._received(self._receiving))
        except LinkError as error:
            session.connection_lost(str(error))  # or silence was too long, and the engine knows
        else:
            session.receive_data(octets)
        finally:
            self._is_waiting = False

    async def _received(self, receiving: "asyncio.Task[bytes]") -> bytes:
        octets = await receiving
        self._receiving = None
        return octets

    def _set_timer(self) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(self._deadline, self._look_at_clock)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look_at_clock(self) -> None:
        self._timer = None
        if not self._is_waiting:
            return  # whoever waits next sets it again
        if self._loop.time() < self._deadline:
            self._set_timer()
            return
        self._session.timed_out()
        self._stream.abort()  # which ends the wait

    # Content, with back-pressure

    async def _send_content(self, content: Content) -> None:
        """Give the content to the engine, as fast as the peer takes it and as long as the peer wants it.

        The last piece stays in the engine with the final dot, so that a small message goes out with one write.
        """
        wanted_now = self._session.content_demand is ContentDemand.NOW
        if wanted_now and isinstance(content, MemoryContent) and len(content.octets) <= CHUNK:
            # One piece, as nearly all are: nobody has to wait for anything.
            self._session.send_content(content.octets)
            self._finish_content()
            return
        chunks = content.chunks()
        fault: BaseException | None = None
        try:
            await self._send_chunks(chunks)
        except BaseException as error:
            fault = error
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
        if fault is not None:
            raise fault

    async def _send_chunks(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            await self._push()
            while self._session.content_demand is ContentDemand.LATER:
                await self._receive()
            if self._session.content_demand is ContentDemand.NO:
                return
            self._session.send_content(chunk)
        self._finish_content()

    def _finish_content(self) -> None:
        if self._session.content_demand is not ContentDemand.NO:
            self._session.finish_content()

    async def _push(self) -> None:
        """Send what the engine has, and wait until the peer takes more, or says something that makes it vain.

        A peer that refuses in the middle of the text may stop reading; so replies are read while we wait to write.
        """
        octets = self._session.data_to_send()
        if not octets:
            return
        self._stream.send(octets)
        draining = asyncio.ensure_future(self._stream.drain())
        try:
            async with asyncio.timeout(self._session.patience):
                while not draining.done() and self._session.content_demand is not ContentDemand.NO:
                    await self._drain_or_hear(draining)
        except TimeoutError:
            self._session.timed_out()
            return
        finally:
            draining.cancel()
        if draining.done() and not draining.cancelled() and draining.exception() is not None:
            # The connection is broken for writing; the peer's last words may still be there to be read.
            while self._session.content_demand is not ContentDemand.NO:
                await self._receive()

    async def _drain_or_hear(self, draining: "asyncio.Future[None]") -> None:
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._stream.receive())
        await asyncio.wait((draining, self._receiving), return_when=asyncio.FIRST_COMPLETED)
        if self._receiving.done():
            await self._receive()

    def _close(self) -> None:
        self._stop_timer()
        self._stop_receiving()
        if self._session.state is ClientState.QUITTING:
            self._session.connection_lost("no answer to QUIT")
        self._stream.close()

    def _stop_receiving(self) -> None:
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            receiving.cancel()
