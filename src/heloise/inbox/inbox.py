"""The inbox of caught mail: a message sink in memory, bounded by count, octets and age; the oldest leaves first."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heloise.inbox.mailboxes import BY_ADDRESS, Grouping
from heloise.inbox.message import CaughtMessage
from heloise.inbox.search import parse_query
from heloise.mail.content import ContentFacts, facts_of
from heloise.mail.ids import MessageId
from heloise.mail.sink import Companion, SinkAnswer, Submission, Taken

__all__ = ["CaughtMessage", "Inbox", "InboxDeposit", "Retention"]

Listener = Callable[[CaughtMessage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much is kept: so many messages, so many octets in total, for so many seconds (None: for ever)."""

    messages: int = 10_000
    octets: int = 256 << 20
    age: float | None = None


class Inbox:
    """Keeps the newest messages, as `retention` allows; `now` tells the time of day for their age."""

    def __init__(
        self,
        *,
        retention: Retention | None = None,
        grouping: Grouping = BY_ADDRESS,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.grouping = grouping
        self._retention = retention if retention is not None else Retention()
        self._now = now
        self._messages: OrderedDict[MessageId, CaughtMessage] = OrderedDict()
        self._octets = 0
        self._listeners: list[Listener] = []

    def begin(self, submission: Submission) -> "InboxDeposit":
        """See `heloise.mail.sink.MessageSink`."""
        return InboxDeposit(self, submission)

    def on_caught(self, listener: Listener) -> None:
        """Call `listener` with each message caught from now on."""
        self._listeners.append(listener)

    def off_caught(self, listener: Listener) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    @property
    def messages(self) -> tuple[CaughtMessage, ...]:
        """Oldest first."""
        self._let_go()
        return tuple(self._messages.values())

    @property
    def octets(self) -> int:
        """Of all messages together."""
        return self._octets

    def get(self, message_id: str) -> CaughtMessage | None:
        """The message of this id, or None when it is not there (any more)."""
        self._let_go()
        return self._messages.get(MessageId(message_id))

    def mailboxes(self, grouping: Grouping | None = None) -> dict[str, tuple[CaughtMessage, ...]]:
        """The messages of each mailbox, oldest first; a message is in as many as it has recipients for."""
        grouping = grouping or self.grouping
        found: dict[str, list[CaughtMessage]] = {}
        for message in self.messages:
            for name in grouping.names(message):
                found.setdefault(name, []).append(message)
        return {name: tuple(messages) for name, messages in sorted(found.items())}

    def mailbox(self, name: str, grouping: Grouping | None = None) -> tuple[CaughtMessage, ...]:
        """Those in one mailbox, oldest first."""
        grouping, name = grouping or self.grouping, name.lower()
        return tuple(message for message in self.messages if name in grouping.names(message))

    def search(self, query: str) -> tuple[CaughtMessage, ...]:
        """Those that fit (`heloise.inbox.search`), oldest first. Raises ValueError for a query that can not be read."""
        fits = parse_query(query)
        return tuple(message for message in self.messages if fits(message))

    def add(self, message: CaughtMessage) -> None:
        """Keep a message; the oldest leave when there are too many."""
        self._messages[message.message_id] = message
        self._octets += len(message.octets)
        self._let_go()
        for listener in tuple(self._listeners):
            listener(message)

    def remove(self, message_ids: Iterable[str]) -> int:
        """Forget messages; how many there were."""
        gone = [message for each in message_ids if (message := self._messages.pop(MessageId(each), None)) is not None]
        self._octets -= sum(len(message.octets) for message in gone)
        return len(gone)

    def clear(self) -> None:
        """Forget all of them."""
        self._messages.clear()
        self._octets = 0

    def _let_go(self) -> None:
        kept, messages = self._retention, self._messages
        while messages and (
            len(messages) > kept.messages or (self._octets > kept.octets and len(messages) > 1) or self._is_old()
        ):
            _, oldest = messages.popitem(last=False)
            self._octets -= len(oldest.octets)

    def _is_old(self) -> bool:
        if self._retention.age is None or self._now is None:
            return False
        return self._now() - next(iter(self._messages.values())).origin.received_at > self._retention.age


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
