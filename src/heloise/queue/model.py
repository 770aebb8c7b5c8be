"""The nouns of the queue and the contract of its stores.

A recipient is WAITING until somebody leases it, LEASED until the attempt is settled or the lease runs out, and ends
DELIVERED or FAILED. HELD is an operator's word: no lease is given. A message whose recipients have all ended is gone,
content and all, in the transaction that ended the last of them. The durability argument is in README.md here.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

from heloise.mail.content import Content, ContentFacts
from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.hints import Hints
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin

REQUEST_LIFETIME = 5 * 86400.0  # seconds that mail on request waits to be asked for; then it is tried like any other


class RecipientState(Enum):
    """Where one recipient of one message stands. The numbers are stored; never reuse one."""

    __hash__ = object.__hash__  # Enum has one in Python, which would be called for each look into a table

    WAITING = 0
    LEASED = 1
    DELIVERED = 2
    FAILED = 3
    HELD = 4

    @property
    def is_final(self) -> bool:
        """True when nothing more will be tried."""
        return self in (RecipientState.DELIVERED, RecipientState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord:
    """What the last attempt ended with, for the operator and for the report at expiry.

    `reply` is the text with code and status, `cause` the cause id, `remote_mta` who said it (None: we did).
    """

    at: float
    reply: str
    cause: str
    remote_mta: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRecipient:
    """One recipient in the queue. `due` in seconds since the epoch; `attempts` made so far."""

    id: int
    recipient: Recipient
    route: Route
    state: RecipientState
    due: float
    attempts: int = 0
    last_word: LastWord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """A message in the queue, or the part of it that was leased (then `recipients` are those leased)."""

    message_id: MessageId
    reverse_path: ReversePath
    parameters: Parameters
    origin: Origin
    facts: ContentFacts
    hints: Hints
    accepted_at: float
    recipients: tuple[QueuedRecipient, ...]

    @property
    def envelope(self) -> Envelope:
        """As it was accepted, with the recipients here."""
        return Envelope(
            reverse_path=self.reverse_path,
            parameters=self.parameters,
            recipients=tuple(queued.recipient for queued in self.recipients),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message to be stored: a submission with its content in memory or already synced to a spool file."""

    submission: Submission
    facts: ContentFacts
    octets: bytes | None
    spool_name: str | None = None


def queued_message(message: NewMessage, *, first_id: int, leased_until: float | None) -> QueuedMessage:
    """The message as it stands in a store right after it was inserted, recipients numbered from `first_id`.

    Raises ValueError: it has no recipients, or not a route for each.
    """
    submission = message.submission
    if not submission.routes:
        raise ValueError("a message without recipients can not be kept")
    start = submission.hints.not_before
    start = submission.origin.received_at if start is None else max(start, submission.origin.received_at)
    state = RecipientState.WAITING if leased_until is None else RecipientState.LEASED
    if submission.is_held:
        state = RecipientState.HELD
    return QueuedMessage(
        message_id=submission.message_id,
        reverse_path=submission.envelope.reverse_path,
        parameters=submission.envelope.parameters,
        origin=submission.origin,
        facts=message.facts,
        hints=submission.hints,
        accepted_at=submission.origin.received_at,
        recipients=tuple(
            QueuedRecipient(
                id=number, recipient=recipient, route=route, state=state, due=leased_until or first_due(route, start)
            )
            for number, (recipient, route) in enumerate(
                zip(submission.envelope.recipients, submission.routes, strict=True), start=first_id
            )
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to attempt some recipients of one message until `until` (seconds since the epoch)."""

    message: QueuedMessage
    content: Content
    until: float


def first_due(route: Route, start: float) -> float:
    """When a recipient is first attempted that may be delivered from `start` on (seconds since the epoch)."""
    return start + REQUEST_LIFETIME if route.on_request else start


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientChange:
    """What an attempt did to one recipient. `due` counts only for WAITING."""

    recipient_id: int
    state: RecipientState
    due: float
    attempts: int
    last_word: LastWord | None


@dataclass(frozen=True, slots=True)
class Debt:
    """What the sender is still to be told of a recipient; the queue keeps `report` and does not look into it."""

    recipient_id: int
    report: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """All that changes together after an attempt: one transaction, reports to the sender included.

    When others of the same round are still on their way, the report is not made yet but `owed`, for recipients among
    `changes`. The settlement with the report says what it has `paid`.
    """

    message_id: MessageId
    changes: tuple[RecipientChange, ...]
    reports: tuple[NewMessage, ...] = ()
    owed: tuple[Debt, ...] = ()
    paid: tuple[Debt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A message about which something is owed to the sender, with the recipients that it is about."""

    message: QueuedMessage
    content: Content
    debts: tuple[Debt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which messages and recipients an operator means; what is None does not narrow. Empty means all.

    `domain` is that of the recipient (`@example.org` includes its subdomains, RFC 1985 §5.1), `route` a whole route
    in text form. `reason` is in the reply of the last word, or in the id of its cause, in any case of letters. Messages
    were accepted at `accepted_from` or later and before `accepted_before` (seconds since the epoch), and have
    `smallest` octets or more and fewer than `size_below`.
    """

    message_id: MessageId | None = None
    sender: str | None = None
    recipient: str | None = None
    domain: str | None = None
    route: str | None = None
    state: RecipientState | None = None
    reason: str | None = None
    accepted_from: float | None = None
    accepted_before: float | None = None
    smallest: int | None = None
    size_below: int | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """A recipient that an operator's word has changed; `recipient` is its path before."""

    message_id: MessageId
    recipient: str


Told: TypeAlias = Callable[[Sequence[Touched]], None]


def tell_nobody(touched: Sequence[Touched]) -> None:
    """For changes that nobody keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """Another way for recipients: a route, and with `path` another address, too."""

    route: Route
    path: ForwardPath | None = None

    def apply(self, recipient: Recipient) -> Recipient:
        """The recipient as it is from now on."""
        return recipient if self.path is None else recipient.renamed(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """How many messages there are and how many recipients in each state that still counts."""

    messages: int
    waiting: int
    leased: int
    held: int


class DueRecipient(NamedTuple):
    """What is looked at of a recipient that is due, before its message is read. `last_word_at` is 0 when nobody has
    said anything about it; `has_hints` when its message has hints of its own."""

    id: int
    route: str
    attempts: int
    last_word_at: float
    accepted_at: float
    is_from_nobody: bool
    has_hints: bool


class PassingOver(Protocol):
    """Who is passed over by a lease, and is due again later."""

    def until(self, due: DueRecipient) -> float | None:
        """Until when this one is put off, as if it had been leased and given back; None when it is to be leased. Pure,
        and called in any lane."""
        ...

    def told(self, put_off: Sequence[tuple[str, float]]) -> None:
        """These were put off: the route and the new time of each. Called after the commit."""
        ...


class QueueStore(Protocol):
    """Keeps messages. All stores pass `heloise.testing.queue_contract`.

    Every method that changes something returns after the change is on stable storage. A full disk raises
    `StoreFull`, any other trouble `StoreFault` (both in `heloise.queue.errors`); in both cases nothing was changed.
    Only what an operator does to many recipients (hold, release, retry, redirect, remove) may come in parts.
    """

    async def open(self) -> None:
        """Open or create; run migrations; give back the leases of whoever had this store open before."""
        ...

    async def close(self) -> None:
        """Finish what was begun and close. Idempotent."""
        ...

    async def insert(self, message: NewMessage, *, leased_until: float | None = None) -> QueuedMessage:
        """Take responsibility for a message. Calls that wait at the same time share one sync (group commit).

        With `leased_until` its recipients start LEASED: the caller delivers at once and saves one write. When the
        call is cancelled the message may be stored all the same; then its lease has run out.
        """
        ...

    async def lease(
        self, *, now: float, until: float, limit: int, passing_over: PassingOver | None = None
    ) -> tuple[Lease, ...]:
        """Lease recipients that are due, earliest first, at most `limit` of them; leases that ran out count as due.

        With `passing_over` some of them are put off instead, so many at once that nothing may be leased though more
        is due; what can not be read, it is not asked about.
        """
        ...

    async def lease_selected(
        self, selection: Selection, *, until: float, limit: int, after: int = 0
    ) -> tuple[Lease, ...]:
        """Lease WAITING recipients that are selected, due or not, by their numbers from `after` on; each with the time
        at which it would have been due."""
        ...

    async def settle(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        """Apply what an attempt did. A recipient that has ended or was removed meanwhile is passed over, and an
        operator's hold is kept; when nothing is left to apply, the reports are not sent either.

        What is `owed` is kept with the recipient, also when it has ended, until it is `paid`: word for word, so that
        what changed in between stays owed. A message stays while something is owed about one that has ended.

        When it `can_wait`, it may be stored some milliseconds later, together with something else.
        """
        ...

    def renew(self, message_id: MessageId, recipients: Collection[int], *, until: float) -> None:
        """Leases that still run go on until then: whoever has them is not done, and nobody else shall begin."""
        ...

    async def owed(self, message_id: MessageId) -> Owed | None:
        """What the sender of a message is still to be told; None when nothing."""
        ...

    async def owing(self) -> tuple[MessageId, ...]:
        """The messages whose senders are still to be told something."""
        ...

    async def next_due(self) -> float | None:
        """When the next recipient is due (a running lease counts at its end); None when nothing waits."""
        ...

    async def list(
        self, selection: Selection, *, limit: int, after: MessageId | None = None
    ) -> tuple[QueuedMessage, ...]:
        """Messages that have a selected recipient, by id, after `after`; with all their recipients."""
        ...

    async def content(self, message_id: MessageId) -> Content | None:
        """The content of a message, or None when it is gone."""
        ...

    async def count(self, selection: Selection) -> int:
        """How many selected recipients have not ended."""
        ...

    async def count_messages(self, selection: Selection, *, limit: int) -> int:
        """How many messages have a selected recipient that has not ended; `limit` when there are as many or more."""
        ...

    async def counts(self) -> QueueCounts:
        """The whole queue in four numbers; cheap at any depth."""
        ...

    async def hold(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """WAITING → HELD; the number of recipients. Here and below, `told` hears which, in parts, as it is done."""
        ...

    async def release(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """HELD → WAITING, due then; the number of recipients."""
        ...

    async def retry(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """Make WAITING recipients due then; the number of them. Does not touch HELD (an administrative hold)."""
        ...

    async def redirect(
        self, selection: Selection, redirection: Redirection, *, due: float, told: Told = tell_nobody
    ) -> int:
        """Send WAITING and HELD recipients another way, due then; the number of them. Those HELD become WAITING."""
        ...

    async def remove(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """Delete WAITING and HELD recipients, without a report; the number of them."""
        ...

    async def insert_many(self, messages: Sequence[NewMessage]) -> None:
        """Several messages in one transaction: all or none."""
        ...
