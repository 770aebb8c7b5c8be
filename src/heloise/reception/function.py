"""A sink that is a function: what a Python program does with the messages its server takes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.reply import Reply
from heloise.mail.sink import Companion, Refused, SinkAnswer, Submission, Taken
from heloise.mail.trace import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message a `Server` has received. `octets` are header and body as they came, with CRLF, without trace field."""

    envelope: Envelope
    octets: bytes
    origin: Origin
    facts: ContentFacts


Receive = Callable[[ReceivedMessage], Awaitable[Reply | None]]


class FunctionSink:
    """Gives each message to `receive`. See `heloise.mail.sink.MessageSink`."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.taken = 0

    def begin(self, submission: Submission) -> "FunctionDeposit":
        """See there."""
        return FunctionDeposit(self, submission)


class FunctionDeposit:
    """A message on its way to the function, as it came: without a trace field of ours, which it does not need."""

    def __init__(self, sink: FunctionSink, submission: Submission) -> None:
        self._sink = sink
        self._submission = submission
        self._chunks: list[bytes] = []

    def write(self, octets: bytes) -> None:
        """See `heloise.mail.sink.Deposit`."""
        self._chunks.append(octets)

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> SinkAnswer:
        """Ask the function. Nothing is expanded here and nobody is told anything, so there are no companions."""
        assert not companions
        octets = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        message = ReceivedMessage(
            envelope=self._submission.envelope,
            octets=octets,
            origin=self._submission.origin,
            facts=ContentFacts(size=len(octets), eight_bit=facts.eight_bit, binary=facts.binary),
        )
        reply = await self._sink.receive(message)
        if reply is not None and reply.code >= 400:
            return Refused(reply)
        self._sink.taken += 1
        return Taken(self._submission.message_id)

    async def abort(self) -> None:
        """Forget it."""
        self._chunks.clear()
