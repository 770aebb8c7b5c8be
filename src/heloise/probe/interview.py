"""One connection on which anything may be said, well-formed or not, and each reply heard. RFC 5321 §4.2.

For whoever wants to know how a server behaves; the client engine would refuse to say most of it. Never for sending.
"""

import asyncio

from heloise.mail.encryption import Encryption
from heloise.mail.reply import Reply
from heloise.smtp.errors import RemoteProtocolError
from heloise.smtp.reply_reader import ReplyReader
from heloise.smtp.transcript import Recorder
from heloise.world import AnyEndpoint, ClientTls, LinkError, LinkFault, Stream, World

_FAREWELL = 2.0  # seconds that the answer to QUIT is waited for


class Interview:
    """A connection that was greeted or not. `timeout` in seconds, for each reply. For one task at a time.

    Every method that waits raises LinkError when the server hangs up, is silent, or says what is no reply.
    """

    def __init__(self, stream: Stream, *, timeout: float, recorder: Recorder | None = None) -> None:
        self._stream = stream
        self._timeout = timeout
        self._recorder = recorder
        self._reader = ReplyReader()
        self.encryption: Encryption | None = None

    def send(self, octets: bytes, *, shown: bytes | None = None) -> None:
        """Send octets as they are, and wait for nothing. `shown` is what a transcript has of it."""
        if self._recorder is not None:
            self._recorder.command(octets if shown is None else shown)
        self._stream.send(octets)

    async def say(self, command: str) -> Reply:
        """Send a command with CRLF and hear the reply."""
        self.send(command.encode() + b"\r\n")
        return await self.hear()

    async def hear(self, *, patience: float | None = None) -> Reply:
        """The next reply, within `patience` seconds."""
        patience = self._timeout if patience is None else patience
        try:
            async with asyncio.timeout(patience):
                reply = await self._next_reply()
        except TimeoutError:
            raise LinkError(LinkFault.TIMED_OUT, f"no reply within {patience:g} seconds") from None
        except RemoteProtocolError as error:
            raise LinkError(LinkFault.CLOSED, f"it said what is no reply: {error}") from error
        if self._recorder is not None:
            self._recorder.reply(reply)
        return reply

    def hello_is_over(self) -> None:
        """From here on replies have an enhanced status where the server gives one. RFC 2034 §4."""
        self._reader.success_has_status = True

    async def start_tls(self, demand: ClientTls) -> Encryption:
        """Shake hands, after 220 to STARTTLS or before anything was said (RFC 8314 §3)."""
        if self._reader.has_more:  # RFC 3207 §6
            raise LinkError(LinkFault.INJECTED, "something came behind the reply to STARTTLS")
        encryption = await self._stream.start_tls(demand, timeout=self._timeout)
        self._reader, self.encryption = ReplyReader(), encryption
        if self._recorder is not None:
            self._recorder.note(str(encryption))
        return encryption

    @property
    def peer(self) -> AnyEndpoint:
        """Where the server is: an address, also when a name was connected to."""
        return self._stream.peer

    @property
    def certificate(self) -> bytes | None:
        """What the server showed, in DER; None without TLS."""
        return self._stream.peer_certificate

    async def leave(self) -> None:
        """Say QUIT, wait a little, close. Raises nothing."""
        try:
            self.send(b"QUIT\r\n")
            await self.hear(patience=_FAREWELL)
        except LinkError:
            pass
        finally:
            self._stream.close()

    def close(self) -> None:
        """Close at once. Idempotent."""
        self._stream.abort()

    async def _next_reply(self) -> Reply:
        while (reply := self._reader.next_reply()) is None:
            octets = await self._stream.receive()
            if not octets:
                raise LinkError(LinkFault.CLOSED)
            self._reader.feed(octets)
        return reply


async def connect(
    world: World, endpoint: AnyEndpoint, *, timeout: float, recorder: Recorder | None = None
) -> Interview:
    """A connection on which nothing was heard yet. Raises LinkError."""
    stream = await world.network.connect(endpoint, timeout=timeout)
    if recorder is not None:
        recorder.note(f"connected to {endpoint}")
    return Interview(stream, timeout=timeout, recorder=recorder)
