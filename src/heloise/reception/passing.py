"""A receiver and a stream that ask others of their kind: what stands between driver, reception and peer inherits."""

from collections.abc import Callable

from heloise.link.serve import Receiver
from heloise.mail.encryption import Encryption
from heloise.mail.reply import Reply
from heloise.smtp.events import Fact, Proposal
from heloise.world import AnyEndpoint, LinkError, ServerTls, Stream
from heloise.world.tls import TlsDemand

Say = Callable[[str], None]


class Passing:
    """See `heloise.link.serve.Receiver`."""

    def __init__(self, real: Receiver) -> None:
        self._real = real

    async def answer(self, proposal: Proposal, say: Say) -> tuple[Reply, ...]:
        """See there."""
        answers = self._real.answer(proposal, say)
        return answers if isinstance(answers, tuple) else await answers

    async def note(self, fact: Fact) -> None:
        """See there."""
        noting = self._real.note(fact)
        if noting is not None:
            await noting

    async def mistaken(self) -> None:
        """See there."""
        await self._real.mistaken()

    def fault(self, error: Exception) -> None:
        """See there."""
        self._real.fault(error)

    def tls(self) -> ServerTls | None:
        """See there."""
        return self._real.tls()

    def secured(self, encryption: Encryption) -> None:
        """See there."""
        self._real.secured(encryption)

    def not_secured(self, error: LinkError) -> None:
        """See there."""
        self._real.not_secured(error)

    async def turned(self, stream: Stream, is_stopping: Callable[[], bool]) -> None:
        """See there."""
        await self._real.turned(stream, is_stopping)


class PassingStream:
    """See `heloise.world.Stream`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def local(self) -> AnyEndpoint:
        """See there."""
        return self._stream.local

    @property
    def peer(self) -> AnyEndpoint:
        """See there."""
        return self._stream.peer

    @property
    def is_full(self) -> bool:
        """See there."""
        return self._stream.is_full

    @property
    def peer_certificate(self) -> bytes | None:
        """See there."""
        return self._stream.peer_certificate

    async def receive(self) -> bytes:
        """See there."""
        return await self._stream.receive()

    def put_back(self, octets: bytes) -> None:
        """See there."""
        self._stream.put_back(octets)

    def send(self, octets: bytes) -> None:
        """See there."""
        self._stream.send(octets)

    async def drain(self) -> None:
        """See there."""
        await self._stream.drain()

    async def start_tls(self, demand: TlsDemand, *, timeout: float, is_first: bool = False) -> Encryption:
        """See there."""
        return await self._stream.start_tls(demand, timeout=timeout, is_first=is_first)

    def send_end(self) -> None:
        """See there."""
        self._stream.send_end()

    def reset(self) -> None:
        """See there."""
        self._stream.reset()

    def close(self) -> None:
        """See there."""
        self._stream.close()

    def abort(self) -> None:
        """See there."""
        self._stream.abort()

    async def wait_closed(self) -> None:
        """See there."""
        await self._stream.wait_closed()
