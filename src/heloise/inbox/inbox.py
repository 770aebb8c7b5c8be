"""The inbox of caught mail: a message sink in memory, bounded by count, octets and age; the oldest leaves first."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from heloise.inbox.mailboxes import BY_ADDRESS, Grouping
from heloise.inbox.message import CaughtMessage
from heloise.inbox.search import parse_query
from heloise.mail.content import ContentFacts, facts_of
from heloise.mail.ids import MessageId
from heloise.mail.sink import Companion, SinkAnswer, Submission, Taken

__all__ = ["CaughtMessage", "Inbox", "InboxDeposit", "Retention"]

Listener = Callable[[CaughtMessage], None]
_AT_ONCE = 2000  # messages that are looked at before others have their turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much is kept: so many messages, so many octets in total, for so many seconds (None: for ever). Counted are
    the messages and what is kept of them for lists and searches, so memory is bounded by it."""

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
        self.removed = 0  # messages, since the start, whatever for
        self._retention = retention if retention is not None else Retention()
        self._now = now
        self._messages: OrderedDict[MessageId, CaughtMessage] = OrderedDict()
        self._boxes: dict[str, dict[MessageId, CaughtMessage]] = {}
        self._octets = 0
        self._memory = 0
        self._listeners: list[Listener] = []
        self._left: list[Listener] = []
        self._marked: list[Listener] = []

    def begin(self, submission: Submission) -> "InboxDeposit":
        """See `heloise.mail.sink.MessageSink`."""
        return InboxDeposit(self, submission)

    def on_caught(self, listener: Listener) -> None:
        """Call `listener` with each message caught from now on."""
        self._listeners.append(listener)

    def off_caught(self, listener: Listener) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    def on_left(self, listener: Listener) -> None:
        """Call `listener` with each message that is removed, or leaves to make room."""
        self._left.append(listener)

    def on_marked(self, listener: Listener) -> None:
        """Call `listener` with each message whose marks have changed."""
        self._marked.append(listener)

    @property
    def messages(self) -> tuple[CaughtMessage, ...]:
        """Oldest first."""
        self._let_go()
        return tuple(self._messages.values())

    def __len__(self) -> int:
        self._let_go()
        return len(self._messages)

    def newest(self, count: int, *, start: int = 0) -> tuple[CaughtMessage, ...]:
        """Up to `count` of the newest, the newest first, without the first `start` of them."""
        self._let_go()
        return tuple(islice(reversed(self._messages.values()), start, start + count))

    @property
    def octets(self) -> int:
        """Of all messages together."""
        return self._octets

    @property
    def memory(self) -> int:
        """Octets of all messages, with what is kept of them for lists and searches."""
        return self._memory

    def get(self, message_id: str) -> CaughtMessage | None:
        """The message of this id, or None when it is not there (any more)."""
        self._let_go()
        return self._messages.get(MessageId(message_id))

    def mailboxes(self, grouping: Grouping | None = None) -> dict[str, tuple[CaughtMessage, ...]]:
        """The messages of each mailbox, oldest first; a message is in as many as it has recipients for."""
        self._let_go()
        if grouping is None or grouping == self.grouping:
            boxes = self._boxes
        else:
            boxes = {}
            for message in self._messages.values():
                for name in grouping.names(message):
                    boxes.setdefault(name, {})[message.message_id] = message
        return {name: tuple(boxes[name].values()) for name in sorted(boxes)}

    def mailbox(self, name: str, grouping: Grouping | None = None) -> tuple[CaughtMessage, ...]:
        """Those in one mailbox, oldest first."""
        if grouping is None or grouping == self.grouping:
            self._let_go()
            return tuple(self._boxes.get(name.lower(), {}).values())
        name = name.lower()
        return tuple(message for message in self.messages if name in grouping.names(message))

    def search(self, query: str) -> tuple[CaughtMessage, ...]:
        """Those that fit (`heloise.inbox.search`), oldest first. Raises ValueError for a query that can not be read."""
        fits = parse_query(query)
        return tuple(message for message in self.messages if fits(message))

    async def find(self, fits: Callable[[CaughtMessage], bool]) -> tuple[CaughtMessage, ...]:
        """Those that fit, oldest first; mail is taken meanwhile."""
        messages, found = self.messages, []
        for start in range(0, len(messages), _AT_ONCE):
            if start:
                await asyncio.sleep(0)
            found += [message for message in messages[start : start + _AT_ONCE] if fits(message)]
        return tuple(found)

    def add(self, message: CaughtMessage) -> None:
        """Keep a message; the oldest leave when there are too many."""
        self.restore(message)
        for listener in tuple(self._listeners):
            listener(message)

    def restore(self, message: CaughtMessage) -> None:
        """Keep a message that was caught before; nobody is told."""
        self._forget(message.message_id)
        if not message.marks.tags:
            message.marks.tags = message.digest.tags
        self._messages[message.message_id] = message
        for name in self.grouping.names(message):
            self._boxes.setdefault(name, {})[message.message_id] = message
        self._octets += len(message.octets)
        self._memory += _weight(message)
        self._let_go()

    def mark(
        self, messages: Iterable[CaughtMessage], *, is_read: bool | None = None, tags: tuple[str, ...] | None = None
    ) -> int:
        """Note that these were read, or not, or under which tags they are; how many of them have changed."""
        changed = 0
        for message in messages:
            before = replace(message.marks)
            message.marks.is_read = before.is_read if is_read is None else is_read
            message.marks.tags = before.tags if tags is None else tags
            if message.marks != before:
                changed += 1
                for listener in tuple(self._marked):
                    listener(message)
        return changed

    def remove(self, message_ids: Iterable[str]) -> int:
        """Forget messages; how many there were."""
        return sum([self._forget(MessageId(each)) for each in message_ids])

    def clear(self) -> None:
        """Forget all of them."""
        self.remove(tuple(self._messages))

    def _forget(self, message_id: MessageId) -> bool:
        message = self._messages.pop(message_id, None)
        if message is None:
            return False
        for name in self.grouping.names(message):
            box = self._boxes.get(name, {})
            box.pop(message_id, None)
            if not box:
                self._boxes.pop(name, None)
        self._octets -= len(message.octets)
        self._memory -= _weight(message)
        self.removed += 1
        for listener in tuple(self._left):
            listener(message)
        return True

    def _let_go(self) -> None:
        kept, messages = self._retention, self._messages
        while messages and (
            len(messages) > kept.messages or (self._memory > kept.octets and len(messages) > 1) or self._is_old()
        ):
            self._forget(next(iter(messages)))

    def _is_old(self) -> bool:
        if self._retention.age is None or self._now is None:
            return False
        return self._now() - next(iter(self._messages.values())).origin.received_at > self._retention.age


def _weight(message: CaughtMessage) -> int:
    return len(message.octets) + message.digest.size


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
