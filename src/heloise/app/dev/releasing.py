"""Releasing caught mail: from the inbox into a queue of its own, for recipients for whom it may leave, and no others.

The queue and the deliverer are those of `heloise serve`, with one way out: the relay. So a release is tried again when
the relay is not there, is told of at each attempt, and ends in a report when it fails; the report goes into the inbox,
as all mail here does. With a store the queue is on the disk beside it.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from heloise.app.catching import CATCH
from heloise.app.journal import Journal
from heloise.delivery.attempt import Agents, DeliveryAgent, DeliveryAttempt, DeliveryDoors, discover_agents
from heloise.delivery.background import Background
from heloise.delivery.classify import local
from heloise.delivery.deliverer import Deliverer
from heloise.delivery.journal import AttemptEnded
from heloise.delivery.logins import Account, Logins
from heloise.inbox.inbox import Inbox
from heloise.inbox.message import CaughtMessage
from heloise.local.mailboxes import LocalMailboxes
from heloise.mail.content import facts_of
from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.ids import MessageId, new_message_id
from heloise.mail.outcome import Outcome
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route, Transport
from heloise.mail.sink import Refused, Submission
from heloise.queue.errors import StoreFault
from heloise.queue.memory import MemoryStore
from heloise.queue.model import (
    QueuedMessage,
    QueuedRecipient,
    QueueStore,
    RecipientState,
    Redirection,
    Selection,
    Touched,
)
from heloise.queue.queue import Queue
from heloise.queue.sqlite import SqliteStore
from heloise.smtp import replies
from heloise.smtp.registry import discover
from heloise.world import OutgoingTls, World

MOST_RECIPIENTS = 100
REMEMBERED = 1000  # releases
_KEPT = ("BODY", "SMTPUTF8")  # parameters of MAIL that say what the message is; the others were wishes of its sender
_STOP_PATIENCE = 5.0


class NotReleased(Exception):
    """It was not released; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """Where released mail goes: a `route` of smtp, smtps or lmtp. `allowed` are patterns of addresses it may go to, in
    any case of letters; nobody when there is none. `user` logs in with the password in a file."""

    route: Route
    allowed: tuple[str, ...] = ()
    user: str | None = None
    password_file: str | None = None
    tls: OutgoingTls = field(default=OutgoingTls())

    @property
    def shown(self) -> str:
        """The host and port."""
        return self.route.target


@dataclass(slots=True, kw_only=True)
class Released:
    """One release, and what is known of it. `states` of recipients: "waiting", "relayed", "delivered", "failed" …;
    `due` is when each that waits is tried again, in seconds since the epoch."""

    release_id: MessageId
    message_id: MessageId
    released_at: float
    states: dict[str, str]
    replies: dict[str, str] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    attempts: int = 0

    @property
    def shape(self) -> dict[str, Any]:
        """For JSON."""
        recipients = [
            {"recipient": each, "state": state, "reply": self.replies.get(each), "due": self.due.get(each)}
            for each, state in self.states.items()
        ]
        return {
            "id": self.release_id,
            "message": self.message_id,
            "released_at": self.released_at,
            "attempts": self.attempts,
            "recipients": recipients,
        }


class Release:
    """Takes mail out of the inbox, to the relay. `shown` is where it goes, `allowed` to whom it may."""

    def __init__(self, options: RelayOptions, queue: Queue, deliverer: Deliverer, world: World, book: "_Book") -> None:
        self.shown = options.shown
        self.allowed = options.allowed
        self._options = options
        self._queue = queue
        self._deliverer = deliverer
        self._world = world
        self._book = book

    @property
    def releases(self) -> tuple[Released, ...]:
        """Those that are remembered, the newest first."""
        return tuple(reversed(self._book.releases.values()))

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever something has become of a release."""
        self._book.listener = listener

    async def release(self, message: CaughtMessage, recipients: Sequence[str]) -> MessageId:
        """Give the message to the queue for these recipients; the id it has there. Raises NotReleased."""
        paths = _paths(recipients, self.allowed)
        now = self._world.clock.now()
        release_id = new_message_id(now, self._world.entropy.octets(4))
        parameters = [each for each in message.envelope.parameters if each.keyword in _KEPT]
        submission = Submission(
            message_id=release_id,
            envelope=Envelope(
                reverse_path=message.envelope.reverse_path,
                parameters=Parameters(tuple(parameters)),
                recipients=tuple(map(Recipient, paths)),
            ),
            routes=(self._options.route,) * len(paths),
            origin=replace(message.origin, received_at=now),
        )
        released = Released(
            release_id=release_id,
            message_id=message.message_id,
            released_at=now,
            states={str(path).strip("<>"): "waiting" for path in paths},
        )
        self._book.begin(released, Redirection(route=self._options.route))
        deposit = self._queue.begin(submission)
        await deposit.write(message.octets)
        answer = await deposit.commit(message.facts)
        if isinstance(answer, Refused):
            self._book.forget(release_id)
            raise NotReleased(answer.reply.text)
        return release_id

    async def retry(self) -> int:
        """Try all that waits now; how many recipients. Raises NotReleased."""
        self._deliverer.forgive()
        try:
            count = await self._queue.retry(Selection(), due=self._world.clock.now())
        except StoreFault as error:
            raise NotReleased(str(error)) from None
        for each in self._book.releases.values():
            each.due = dict.fromkeys(each.due, self._world.clock.now())
        return count

    async def remove(self, release_id: str) -> int:
        """Try one no more; how many recipients had it waiting. Raises NotReleased."""
        try:
            count = await self._queue.remove(Selection(message_id=MessageId(release_id)))
        except StoreFault as error:
            raise NotReleased(str(error)) from None
        self._book.removed(release_id)
        return count


def _paths(recipients: Sequence[str], allowed: Sequence[str]) -> list[ForwardPath]:
    if not recipients:
        raise NotReleased("no recipients are named")
    if len(recipients) > MOST_RECIPIENTS:
        raise NotReleased(f"a message is released to up to {MOST_RECIPIENTS} recipients at a time")
    found: dict[str, ForwardPath] = {}
    for each in recipients:
        try:
            path = ForwardPath.parse(f"<{each}>".encode())
        except ValueError as error:
            raise NotReleased(f"{each!r} is no address: {error}") from None
        if path.mailbox is None or not any(fnmatchcase(each.lower(), pattern.lower()) for pattern in allowed):
            names = ", ".join(allowed) or "nobody"
            raise NotReleased(f"mail may not leave to {each}; --relay-to permits {names}")
        found.setdefault(str(path).lower(), path)
    return list(found.values())


class _Book:
    """A `DeliveryJournal` that remembers releases, and hears what becomes of them."""

    def __init__(self, journal: Journal) -> None:
        self.releases: OrderedDict[MessageId, Released] = OrderedDict()
        self.listener: Callable[[], None] = lambda: None
        self._journal = journal

    def begin(self, released: Released, to: Redirection) -> None:
        self.releases[released.release_id] = released
        self._journal.commanded("release", [Touched(released.message_id, each) for each in released.states], to)
        if len(self.releases) > REMEMBERED:
            self.releases.popitem(last=False)

    def forget(self, release_id: MessageId) -> None:
        self.releases.pop(release_id, None)

    def removed(self, release_id: str) -> None:
        released = self.releases.get(MessageId(release_id))
        if released is not None:
            waiting = [name for name, state in released.states.items() if state in ("waiting", "delayed")]
            released.states |= dict.fromkeys(waiting, "removed")

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        released = self.releases.get(message.message_id)
        name = str(recipient.recipient.forward_path).strip("<>")
        if released is not None and name in released.states:
            released.states[name] = outcome.action.value
            released.replies[name] = str(outcome.reply)
            self.listener()
        self._journal.attempted(message, recipient, outcome)

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        released = self.releases.get(attempt.message.message_id)
        if released is not None:
            released.attempts += 1
            names = {queued.id: str(queued.recipient.forward_path).strip("<>") for queued, _ in attempt.outcomes}
            for change in attempt.settlement.changes:
                if change.state is RecipientState.WAITING:
                    released.due[names[change.recipient_id]] = change.due
                else:
                    released.due.pop(names.get(change.recipient_id, ""), None)
            self.listener()
        self._journal.attempt_ended(attempt)

    def delivery_fault(self, message_id: str, error: Exception) -> None:
        self._journal.delivery_fault(message_id, error)


def _catching_agents(inbox: Inbox) -> Agents:
    """Those there are, and one that puts reports into the inbox."""

    async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
        octets = b"".join([chunk async for chunk in attempt.content.chunks()])
        message = attempt.message
        inbox.add(
            CaughtMessage(
                message_id=message.message_id,
                envelope=Envelope(
                    reverse_path=message.reverse_path,
                    parameters=message.parameters,
                    recipients=tuple(each.recipient for each in message.recipients),
                ),
                origin=message.origin,
                octets=octets,
                facts=facts_of(octets),
            )
        )
        attempt.decide_all(local(replies.delivered("inbox")))

    agent = DeliveryAgent(
        transports=frozenset({Transport.CATCH}), summary="puts it into the inbox of caught mail", attempt=attempt
    )
    return {**discover_agents(), Transport.CATCH: agent}


@asynccontextmanager
async def releasing(
    world: World, options: RelayOptions, inbox: Inbox, journal: Journal, *, hostname: str, store: str | None
) -> AsyncIterator[Release]:
    """Release mail while the context is open. `store` is the file of the inbox; the queue is beside it.

    Raises:
        NotReleased: the queue can not be opened.
    """
    kept: QueueStore = MemoryStore()
    spool = None
    if store is not None:
        kept = disk = SqliteStore(f"{store}-queue", world)
        spool = disk.spool_directory
    queue = Queue(kept, world, spool_directory=spool)
    try:
        await queue.open()
    except StoreFault as error:
        raise NotReleased(f"the queue of released mail can not be opened: {error}") from error
    background = Background()
    account = Account(user=options.user, secret_file=options.password_file) if options.user is not None else None
    doors = DeliveryDoors(
        world=world,
        hostname=hostname,
        extensions=discover(),
        mailboxes=LocalMailboxes((), world.files, world.clock),
        background=background,
        tls_for=lambda name: options.tls,
        logins=None if account is None else Logins(lambda name: account, world),
    )

    async def route_report(path: ForwardPath) -> list[tuple[ForwardPath, Route]]:
        return [(path, CATCH)]

    book = _Book(journal)
    deliverer = Deliverer(queue, doors, _catching_agents(inbox), route_report, book)
    deliverer.start()
    try:
        yield Release(options, queue, deliverer, world, book)
    finally:
        await deliverer.stop(_STOP_PATIENCE)
        await background.close()
        await queue.close()
