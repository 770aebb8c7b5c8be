"""A store in memory: for tests and simulations, and as the shortest description of what a store does."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from heloise.mail.content import Content, MemoryContent
from heloise.mail.hints import NO_HINTS
from heloise.mail.ids import MessageId
from heloise.queue.errors import StoreFault
from heloise.queue.model import (
    Debt,
    DueRecipient,
    Lease,
    NewMessage,
    Owed,
    PassingOver,
    QueueCounts,
    QueuedMessage,
    QueuedRecipient,
    RecipientChange,
    RecipientState,
    Redirection,
    Selection,
    Settlement,
    Told,
    Touched,
    queued_message,
    tell_nobody,
)
from heloise.queue.selecting import OPEN, matches

_W, _L, _H = RecipientState.WAITING, RecipientState.LEASED, RecipientState.HELD


class MemoryStore:
    """See `QueueStore` for each method. Large contents are in memory as well."""

    def __init__(self) -> None:
        self._messages: dict[MessageId, QueuedMessage] = {}
        self._contents: dict[MessageId, bytes] = {}
        self._owed: dict[MessageId, dict[int, Debt]] = {}  # by recipient
        self._next_id = 1
        self.spool_directory: str | None = None

    async def open(self) -> None:
        """Give leases back."""
        self._update(Selection(), (_L,), tell_nobody, lambda queued: replace(queued, state=_W, due=0.0))

    async def close(self) -> None:
        """Nothing to do."""

    async def insert(self, message: NewMessage, *, leased_until: float | None = None) -> QueuedMessage:
        """Keep a message."""
        return self._insert((message,), leased_until)[0]

    async def insert_many(self, messages: Sequence[NewMessage]) -> None:
        """Keep messages."""
        self._insert(messages, None)

    def _insert(self, messages: Sequence[NewMessage], leased_until: float | None) -> list[QueuedMessage]:
        ids = [message.submission.message_id for message in messages]
        if len(set(ids)) < len(ids) or not self._messages.keys().isdisjoint(ids):
            raise StoreFault("there is a message of this id already")
        if any(message.octets is None for message in messages):
            raise StoreFault("a store in memory has no spool")
        inserted = []
        for message in messages:
            queued = queued_message(message, first_id=self._next_id, leased_until=leased_until)
            self._next_id += len(queued.recipients)
            self._messages[queued.message_id] = queued
            self._contents[queued.message_id] = message.octets or b""
            inserted.append(queued)
        return inserted

    async def lease(
        self, *, now: float, until: float, limit: int, passing_over: PassingOver | None = None
    ) -> tuple[Lease, ...]:
        """Lease what is due, or was leased until now."""
        # As in the store on disk: not while a lease has run out.
        if not self._end_leases(now) and passing_over is not None:
            limit = min(limit, self._pass_over(passing_over, now))
            if not limit:
                return ()
        due = sorted(
            (queued.due, queued.id, message_id)
            for message_id, message in self._messages.items()
            for queued in message.recipients
            if queued.state is _W and queued.due <= now
        )[:limit]
        chosen = {number for _, number, _ in due}
        return tuple(self._lease(message_id, chosen, until) for message_id in dict.fromkeys(each[2] for each in due))

    def _pass_over(self, passing_over: PassingOver, now: float) -> int:
        """How many are left of those that are due."""
        put_off: list[tuple[str, float]] = []
        left = 0
        for message_id, message in self._messages.items():
            recipients = list(message.recipients)
            for place, queued in enumerate(recipients):
                if queued.state is _W and queued.due <= now:
                    later = passing_over.until(_as_due(message, queued))
                    if later is None:
                        left += 1
                    else:
                        recipients[place] = replace(queued, due=later)
                        put_off.append((str(queued.route), later))
            self._messages[message_id] = replace(message, recipients=tuple(recipients))
        passing_over.told(put_off)
        return left

    async def lease_selected(
        self, selection: Selection, *, until: float, limit: int, after: int = 0
    ) -> tuple[Lease, ...]:
        """Lease what waits and is selected."""
        found = sorted(
            (queued.id, message_id, queued.due)
            for message_id, message in self._messages.items()
            for queued in message.recipients
            if queued.id > after and matches(selection, message, queued, (_W,))
        )[:limit]
        dues = {number: due for number, _, due in found}
        leases = [self._lease(message_id, set(dues), until) for message_id in dict.fromkeys(each[1] for each in found)]
        return tuple(replace(lease, message=_as_it_was_due(lease.message, dues)) for lease in leases)

    def _end_leases(self, now: float) -> bool:
        """Was there one?"""
        found = False
        for message_id, message in self._messages.items():
            if any(queued.state is _L and queued.due <= now for queued in message.recipients):
                recipients = tuple(
                    replace(queued, state=_W) if queued.state is _L and queued.due <= now else queued
                    for queued in message.recipients
                )
                self._messages[message_id] = replace(message, recipients=recipients)
                found = True
        return found

    def _lease(self, message_id: MessageId, chosen: set[int], until: float) -> Lease:
        message = self._messages[message_id]
        recipients = tuple(
            replace(queued, state=_L, due=until) if queued.id in chosen else queued for queued in message.recipients
        )
        self._messages[message_id] = replace(message, recipients=recipients)
        leased = tuple(queued for queued in recipients if queued.id in chosen)
        content = MemoryContent(self._contents[message_id])
        return Lease(message=replace(message, recipients=leased), content=content, until=until)

    async def settle(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        """Apply an attempt."""
        message = self._messages.get(settlement.message_id)
        recipients = () if message is None else message.recipients
        changes = {change.recipient_id: change for change in settlement.changes}
        applied = {queued.id for queued in recipients if queued.id in changes and queued.state in OPEN}
        debts = self._owed.get(settlement.message_id, {})
        paid = [debt for debt in settlement.paid if debts.get(debt.recipient_id) == debt]
        if applied or paid or not (changes or settlement.paid):
            self._insert(settlement.reports, None)
        if message is not None and (applied or paid):
            debts = {number: debt for number, debt in debts.items() if debt not in paid and number not in applied}
            debts |= {debt.recipient_id: debt for debt in settlement.owed if debt.recipient_id in applied}
            self._owed[settlement.message_id] = debts
            recipients = tuple(_settled(each, changes[each.id]) if each.id in applied else each for each in recipients)
            self._put(replace(message, recipients=recipients))

    def renew(self, message_id: MessageId, recipients: Collection[int], *, until: float) -> None:
        """Leases go on."""
        message = self._messages.get(message_id)
        if message is not None:
            renewed = (
                replace(each, due=until) if each.id in recipients and each.state is _L else each
                for each in message.recipients
            )
            self._messages[message_id] = replace(message, recipients=tuple(renewed))

    def _put(self, message: QueuedMessage) -> None:
        debts = self._owed.get(message.message_id, {})
        if any(queued.state in OPEN or queued.id in debts for queued in message.recipients):
            self._messages[message.message_id] = message
        else:
            del self._messages[message.message_id], self._contents[message.message_id]
            self._owed.pop(message.message_id, None)

    async def owed(self, message_id: MessageId) -> Owed | None:
        """What is owed about recipients that are there."""
        message = self._messages.get(message_id)
        debts = self._owed.get(message_id, {})
        recipients = () if message is None else tuple(queued for queued in message.recipients if queued.id in debts)
        if message is None or not recipients:
            return None
        content = MemoryContent(self._contents[message_id])
        return Owed(message=replace(message, recipients=recipients), content=content, debts=tuple(debts.values()))

    async def owing(self) -> tuple[MessageId, ...]:
        """Where something is owed."""
        return tuple(sorted(message_id for message_id, debts in self._owed.items() if debts))

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

    async def count_messages(self, selection: Selection, *, limit: int) -> int:
        """Messages with a selected recipient that has not ended."""
        found = (
            any(matches(selection, message, queued, OPEN) for queued in message.recipients)
            for message in self._messages.values()
        )
        return min(limit, sum(found))

    async def counts(self) -> QueueCounts:
        """Four numbers."""
        states = [queued.state for message in self._messages.values() for queued in message.recipients]
        return QueueCounts(
            messages=len(self._messages), waiting=states.count(_W), leased=states.count(_L), held=states.count(_H)
        )

    async def hold(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """WAITING → HELD."""
        return self._update(selection, (_W,), told, lambda queued: replace(queued, state=_H))

    async def release(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """HELD → WAITING."""
        return self._update(selection, (_H,), told, lambda queued: replace(queued, state=_W, due=due))

    async def retry(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """WAITING, due then."""
        return self._update(selection, (_W,), told, lambda queued: replace(queued, due=due))

    async def redirect(
        self, selection: Selection, redirection: Redirection, *, due: float, told: Told = tell_nobody
    ) -> int:
        """Another route, and perhaps another address."""

        def redirected(queued: QueuedRecipient) -> QueuedRecipient:
            recipient = redirection.apply(queued.recipient)
            return replace(queued, recipient=recipient, route=redirection.route, state=_W, due=due)

        return self._update(selection, (_W, _H), told, redirected)

    async def remove(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """Delete."""
        return self._update(selection, (_W, _H), told, lambda queued: None)

    def _update(
        self,
        selection: Selection,
        states: tuple[RecipientState, ...],
        told: Told,
        changed: Callable[[QueuedRecipient], QueuedRecipient | None],
    ) -> int:
        """What becomes of those selected that are in `states`; None: they are gone."""
        touched: list[Touched] = []
        for message in tuple(self._messages.values()):
            left: list[QueuedRecipient] = []
            for queued in message.recipients:
                new: QueuedRecipient | None = queued
                if matches(selection, message, queued, states):
                    touched.append(Touched(message.message_id, str(queued.recipient.forward_path)))
                    new = changed(queued)
                left += () if new is None else (new,)
            self._put(replace(message, recipients=tuple(left)))
        told(touched)
        return len(touched)


def _as_due(message: QueuedMessage, queued: QueuedRecipient) -> DueRecipient:
    return DueRecipient(
        id=queued.id,
        route=str(queued.route),
        attempts=queued.attempts,
        last_word_at=0.0 if queued.last_word is None else queued.last_word.at,
        accepted_at=message.accepted_at,
        is_from_nobody=message.reverse_path.is_null,
        has_hints=message.hints != NO_HINTS,
    )


def _settled(queued: QueuedRecipient, change: RecipientChange) -> QueuedRecipient:
    # An operator's hold outlives the attempt that was under way.
    state = _H if queued.state is _H and not change.state.is_final else change.state
    return replace(queued, state=state, due=change.due, attempts=change.attempts, last_word=change.last_word)


def _as_it_was_due(message: QueuedMessage, dues: dict[int, float]) -> QueuedMessage:
    recipients = tuple(replace(queued, due=dues[queued.id]) for queued in message.recipients)
    return replace(message, recipients=recipients)
