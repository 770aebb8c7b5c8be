"""The inbox of caught mail: a message sink in memory, bounded by count and by octets, the oldest leaves first."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heloise.mail.content import ContentFacts, facts_of
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.sink import Companion, SinkAnswer, Submission, Taken
from heloise.mail.trace import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtMessage:
    """A message as it was caught; `octets` with our trace field on top."""

    message_id: MessageId
    envelope: Envelope
    origin: Origin
    octets: bytes
    facts: ContentFacts


class Inbox:
    """Keeps the newest messages: at most `maximum_messages` of them and `maximum_octets` in total."""

    def __init__(self, *, maximum_messages: int = 10_000, maximum_octets: int = 256 << 20) -> None:
        self._maximum_messages = maximum_messages
        self._maximum_octets = maximum_octets
        self._messages: OrderedDict[MessageId, CaughtMessage] = OrderedDict()
        self._octets = 0
        self._listeners: list[Callable[[CaughtMessage], None]] = []

    def begin(self, submission: Submission) -> "InboxDeposit":
        """See `heloise.mail.sink.MessageSink`."""
        return InboxDeposit(self, submission)

    def on_caught(self, listener: Callable[[CaughtMessage], None]) -> None:
        """Call `listener` with each message caught from now on."""
        self._listeners.append(listener)

    @property
    def messages(self) -> tuple[CaughtMessage, ...]:
        """Oldest first."""
        return tuple(self._messages.values())

    def get(self, message_id: MessageId) -> CaughtMessage | None:
        """The message of this id, or None when it is not there (any more)."""
        return self._messages.get(message_id)

    def add(self, message: CaughtMessage) -> None:
        """Keep a message; the oldest leave when there are too many."""
        self._messages[message.message_id] = message
        self._octets += len(message.octets)
        while len(self._messages) > self._maximum_messages or (
            self._octets > self._maximum_octets and len(self._messages) > 1
        ):
            _, oldest = self._messages.popitem(last=False)
            self._octets -= len(oldest.octets)
        for listener in self._listeners:
            listener(message)


class InboxDeposit:
    """A message on its way into the inbox."""

    def __init__(self, inbox: Inbox, submission: Submission) -> None:
        self._inbox = inbox
        self._submission = submission
        self._chunks: list[bytes] = []

    async def write(self, octets: bytes) -> None:
        """See `heloise.mail.sink.Deposit`."""
        self._chunks.append(octets)

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> SinkAnswer:
        """Keep it, and its companions."""
        octets = b"".join(self._chunks)
        self._add(self._submission, octets, facts)
        for companion in companions:
            if companion.octets is None:
                self._add(companion.submission, octets, facts)
            else:
                self._add(companion.submission, companion.octets, facts_of(companion.octets))
        return Taken(self._submission.message_id)

    def _add(self, submission: Submission, octets: bytes, facts: ContentFacts) -> None:
        self._inbox.add(
            CaughtMessage(
                message_id=submission.message_id,
                envelope=submission.envelope,
                origin=submission.origin,
                octets=octets,
                facts=facts,
            )
        )

    async def abort(self) -> None:
        """Forget it."""
        self._chunks.clear()
