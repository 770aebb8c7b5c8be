"""The driver: a POP3 engine, a stream, and whoever keeps mail. It carries, asks, and holds the time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from heloise.pop3 import replies
from heloise.pop3.maildrop import Maildrop, Maildrops
from heloise.pop3.replies import Pop3Reply
from heloise.pop3.session import (
    ContentWanted,
    Ended,
    LoginWanted,
    Pop3Event,
    Pop3Offers,
    Pop3Session,
    RemovalWanted,
    Said,
    TlsWanted,
)
from heloise.world import LinkError, ServerTls, Stream, World

PATIENCE = 600.0  # seconds of silence; RFC 1939 §3: at least ten minutes
HANDSHAKE_TIME = 30.0
SENDING_TIME = 300.0  # seconds for a client to take what it has asked for
MOST_SESSIONS = 100
_TIMESTAMP = 8  # octets of chance


class Pop3Door:
    """Serves POP3 to whoever connects. `tls` is asked for each session; with `tls_first` nothing is said before TLS."""

    def __init__(
        self,
        maildrops: Maildrops,
        world: World,
        *,
        hostname: str,
        tls: Callable[[], ServerTls | None] = lambda: None,
        tls_first: bool = False,
        in_clear: bool = False,
        fault: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._maildrops = maildrops
        self._world = world
        self._hostname = hostname
        self._tls = tls
        self._tls_first = tls_first
        self._in_clear = in_clear
        self._fault = fault
        self._open: dict[_Conversation, None] = {}
        self._is_closing = False

    async def serve(self, stream: Stream) -> None:
        """Serve one connection to its end."""
        tls = self._tls()
        with suppress(LinkError):
            if self._tls_first and tls is not None:
                await stream.start_tls(tls, timeout=HANDSHAKE_TIME, is_first=True)
            session = Pop3Session(self._offers(tls), is_secured=self._tls_first)
            conversation = _Conversation(session, stream, self._maildrops, tls, self._fault)
            if self._is_closing or len(self._open) >= MOST_SESSIONS:
                conversation.shut_down()
            self._open[conversation] = None
            try:
                await conversation.run()
            finally:
                del self._open[conversation]

    def _offers(self, tls: ServerTls | None) -> Pop3Offers:
        clock, entropy = self._world.clock, self._world.entropy
        chance = entropy.octets(_TIMESTAMP).hex()
        stamp = f"<{chance}.{int(clock.now())}@{self._hostname}>" if self._maildrops.has_secrets else ""
        return Pop3Offers(hostname=self._hostname, tls=tls is not None, in_clear=self._in_clear, timestamp=stamp)

    def shut_down(self) -> None:
        """End all sessions; nothing is removed."""
        self._is_closing = True
        for conversation in tuple(self._open):
            conversation.shut_down()


class _Conversation:
    def __init__(
        self,
        session: Pop3Session,
        stream: Stream,
        maildrops: Maildrops,
        tls: ServerTls | None,
        fault: Callable[[Exception], None],
    ) -> None:
        self._session = session
        self._stream = stream
        self._maildrops = maildrops
        self._tls = tls
        self._fault = fault
        self._maildrop: Maildrop | None = None

    async def run(self) -> None:
        """To the end. Raises LinkError when the connection is lost."""
        try:
            while not isinstance(event := self._session.next_event(), Ended):
                await self._flush()
                if event is None:
                    await self._more_input()
                else:
                    await self._act(event)
            await self._flush()
        finally:
            if self._maildrop is not None:
                await self._maildrop.close()
            self._stream.close()

    def shut_down(self) -> None:
        """End it at once."""
        self._session.close_with(replies.SHUTDOWN)
        self._stream.send(self._session.data_to_send())
        self._stream.close()

    async def _more_input(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                octets = await self._stream.receive()
        except TimeoutError:
            self._session.close_with(replies.IDLE)
        else:
            self._session.receive_data(octets)

    async def _flush(self) -> None:
        octets = self._session.data_to_send()
        if octets:
            self._stream.send(octets)
            try:
                async with asyncio.timeout(SENDING_TIME):
                    await self._stream.drain()
            except TimeoutError:
                self._stream.abort()

    async def _act(self, event: Pop3Event) -> None:
        match event:
            case LoginWanted():
                await self._log_in(event)
            case ContentWanted(uid=uid):
                self._session.content(await self._read(uid))
            case RemovalWanted(uids=uids):
                self._session.removed(await self._remove(uids))
            case TlsWanted():
                await self._secure()
            case Said() | Ended():
                pass  # it was sent

    async def _log_in(self, event: LoginWanted) -> None:
        try:
            opened = await self._maildrops.open(event.proof)
        except Exception as error:
            self._fault(error)
            opened = replies.TROUBLE
        if isinstance(opened, Pop3Reply):
            self._session.refused(opened)
        else:
            self._maildrop = opened
            self._session.opened(opened.entries)

    async def _read(self, uid: str) -> bytes | None:
        assert self._maildrop is not None
        try:
            return await self._maildrop.octets(uid)
        except Exception as error:
            self._fault(error)
            return None

    async def _remove(self, uids: tuple[str, ...]) -> bool:
        assert self._maildrop is not None
        try:
            return await self._maildrop.remove(uids)
        except Exception as error:
            self._fault(error)
            return False

    async def _secure(self) -> None:
        assert self._tls is not None
        await self._stream.start_tls(self._tls, timeout=HANDSHAKE_TIME)
        self._session.secured()
