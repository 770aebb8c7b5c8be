"""A store in memory: for tests and simulations, and as the shortest description of what a store does."""

from collections.abc import Sequence
from dataclasses import replace

from heloise.mail.content import Content, MemoryContent
from heloise.mail.ids import MessageId
from heloise.queue.errors import StoreFault
from heloise.queue.model import (
    Lease,
    NewMessage,
    QueueCounts,
    QueuedMessage,
    QueuedRecipient,
    RecipientState,
    Selection,
    Settlement,
)
from heloise.queue.selecting import OPEN, matches

_W, _L, _H = RecipientState.WAITING, RecipientState.LEASED, RecipientState.HELD


class MemoryStore:
    """See `QueueStore` for each method. Large contents are in memory as well."""

    def __init__(self) -> None:
        self._messages: dict[MessageId, QueuedMessage] = {}
        self._contents: dict[MessageId, bytes] = {}
        self._next_id = 1
        self.spool_directory: str | None = None

    async def open(self) -> None:
        """Give leases back."""
        self._update(Selection(), _L, _W, 0.0)

    async def close(self) -> None:
        """Nothing to do."""

    async def insert(self, message: NewMessage, *, leased_until: float | None = None) -> QueuedMessage:
        """Keep a message."""
        if message.octets is None:
            raise StoreFault("a store in memory has no spool")
        submission = message.submission
        start = submission.hints.not_before or submission.origin.received_at
        recipients = []
        for recipient, route in zip(submission.envelope.recipients, submission.routes, strict=True):
            state, due = (_W, start) if leased_until is None else (_L, leased_until)
            recipients.append(QueuedRecipient(id=self._next_id, recipient=recipient, route=route, state=state, due=due))
            self._next_id += 1
        queued = QueuedMessage(
            message_id=submission.message_id,
            reverse_path=submission.envelope.reverse_path,
            parameters=submission.envelope.parameters,
            origin=submission.origin,
            facts=message.facts,
            hints=submission.hints,
            accepted_at=submission.origin.received_at,
            recipients=tuple(recipients),
        )
        self._messages[queued.message_id] = queued
        self._contents[queued.message_id] = message.octets
        return queued

    async def insert_many(self, messages: Sequence[NewMessage]) -> None:
        """Keep messages."""
        for message in messages:
            await self.insert(message)

    async def lease(self, *, now: float, until: float, limit: int) -> tuple[Lease, ...]:
        """Lease what is due, or was leased until now."""
        due = sorted(
            (queued.due, queued.id, message_id)
            for message_id, message in self._messages.items()
            for queued in message.recipients
            if queued.state in (_W, _L) and queued.due <= now
        )[:limit]
        chosen = {number for _, number, _ in due}
        return tuple(self._lease(message_id, chosen, until) for message_id in dict.fromkeys(each[2] for each in due))

    def _lease(self, message_id: MessageId, chosen: set[int], until: float) -> Lease:
        message = self._messages[message_id]
        recipients = tuple(
            replace(queued, state=_L, due=until) if queued.id in chosen else queued for queued in message.recipients
        )
        self._messages[message_id] = replace(message, recipients=recipients)
        leased = tuple(queued for queued in recipients if queued.id in chosen)
        content = MemoryContent(self._contents[message_id])
        return Lease(message=replace(message, recipients=leased), content=content, until=until)

    async def settle(self, settlement: Settlement) -> None:
        """Apply an attempt."""
        await self.insert_many(settlement.reports)
        message = self._messages.get(settlement.message_id)
        if message is None:
            return
        changes = {change.recipient_id: change for change in settlement.changes}
        recipients = tuple(
            replace(queued, state=new.state, due=new.due, attempts=new.attempts, last_word=new.last_word)
            if (new := changes.get(queued.id)) is not None
            else queued
            for queued in message.recipients
        )
        self._put(replace(message, recipients=recipients))

    def _put(self, message: QueuedMessage) -> None:
        if any(queued.state in OPEN for queued in message.recipients):
            self._messages[message.message_id] = message
        else:
            del self._messages[message.message_id], self._contents[message.message_id]

    async def next_due(self) -> float | None:
        """When something is due."""
        return min(
            (
                queued.due
                for message in self._messages.values()
                for queued in message.recipients
                if queued.state in (_W, _L)
            ),
            default=None,
        )

    async def list(
        self, selection: Selection, *, limit: int, after: MessageId | None = None
    ) -> tuple[QueuedMessage, ...]:
        """A page of messages."""
        states = OPEN if selection.state is None or selection.state in OPEN else (selection.state,)
        found = [
            message
            for message_id, message in sorted(self._messages.items())
            if message_id > (after or "")
            and (
                selection == Selection()
                or any(matches(selection, message, queued, states) for queued in message.recipients)
            )
        ]
        return tuple(found[:limit])

    async def content(self, message_id: MessageId) -> Content | None:
        """The content."""
        octets = self._contents.get(message_id)
        return None if octets is None else MemoryContent(octets)

    async def count(self, selection: Selection) -> int:
        """Selected recipients that have not ended."""
        return sum(
            matches(selection, message, queued, OPEN)
            for message in self._messages.values()
            for queued in message.recipients
        )

    async def counts(self) -> QueueCounts:
        """Four numbers."""
        states = [queued.state for message in self._messages.values() for queued in message.recipients]
        return QueueCounts(
            messages=len(self._messages), waiting=states.count(_W), leased=states.count(_L), held=states.count(_H)
        )

    async def hold(self, selection: Selection) -> int:
        """WAITING → HELD."""
        return self._update(selection, _W, _H, None)

    async def release(self, selection: Selection, *, due: float) -> int:
        """HELD → WAITING."""
        return self._update(selection, _H, _W, due)

    async def retry(self, selection: Selection, *, due: float) -> int:
        """WAITING, due then."""
        return self._update(selection, _W, _W, due)

    async def remove(self, selection: Selection) -> int:
        """Delete."""
        removed = 0
        for message in tuple(self._messages.values()):
            left = tuple(queued for queued in message.recipients if not matches(selection, message, queued, (_W, _H)))
            removed += len(message.recipients) - len(left)
            self._put(replace(message, recipients=left))
        return removed

    def _update(self, selection: Selection, old: RecipientState, new: RecipientState, due: float | None) -> int:
        changed = 0
        for message in tuple(self._messages.values()):
            recipients = []
            for queued in message.recipients:
                if matches(selection, message, queued, (old,)):
                    changed += 1
                    queued = replace(queued, state=new, due=queued.due if due is None else due)
                recipients.append(queued)
            self._messages[message.message_id] = replace(message, recipients=tuple(recipients))
        return changed
