"""The queue as everyone else sees it: a message sink for those who receive, leases for those who deliver.

Hand-over: when a deliverer works in this process and is not too far behind, a new message is stored as already leased
and goes to it in memory. It then costs the store one write to take it and one to settle it, and no read.

Whoever delivers waits in `next_leases`; it wakes on a hand-over, on a recipient that becomes due, on an operator's
word. There is no polling.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from heloise.mail.content import Content
from heloise.mail.ids import MessageId
from heloise.mail.reply import Reply
from heloise.mail.sink import Submission
from heloise.queue.deposit import QueueDeposit
from heloise.queue.errors import StoreFault
from heloise.queue.model import (
    Lease,
    NewMessage,
    Owed,
    PassingOver,
    QueueCounts,
    QueuedMessage,
    QueueStore,
    Redirection,
    Selection,
    Settlement,
    Told,
    first_due,
    tell_nobody,
)
from heloise.queue.spool import Crowd
from heloise.queue.watch import Watch
from heloise.smtp import replies
from heloise.world import World

LEASE_TIME = 3600.0  # seconds: longer than any attempt takes, RFC 5321 §4.5.3.2 with its ten minutes included
_FREE_CHECK = 1.0  # seconds between two looks at the free space
_LEAST_SHARE = 10  # recipients leased from the store at once, however little is handed over


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """`minimum_free` octets stay free on the disk; at most so many messages and octets wait in memory for hand-over."""

    minimum_free: int = 0
    handover_messages: int = 2000
    handover_octets: int = 64 << 20


class Queue:
    """The queue over one store."""

    def __init__(
        self, store: QueueStore, world: World, *, spool_directory: str | None, options: QueueOptions | None = None
    ) -> None:
        self._store = store
        self._world = world
        self._spool_directory = spool_directory
        self.crowd = Crowd()
        self._options = options if options is not None else QueueOptions()
        self._handover: deque[Lease] = deque()
        self._handover_octets = 0
        self._has_deliverer = False
        self._next_due: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: to ask is a system call each time
        self._is_awake = False
        self._sleeper: asyncio.Future[None] | None = None
        self._watches: dict[MessageId, Watch] = {}
        self._free_checked = float("-inf")
        self._free = 0
        self._is_full = False
        self._prefer_store = False
        self._passing_over: Callable[[], PassingOver | None] = lambda: None
        self._handed_over = 0  # recipients, since the last lease from the store

    async def open(self) -> None:
        """Open the store. Raises StoreFault."""
        await self._store.open()
        self._next_due = await self._store.next_due()

    async def close(self) -> None:
        """Close the store; what was handed over and not settled is given back at the next open."""
        await self._store.close()

    # For those who receive

    def begin(self, submission: Submission) -> QueueDeposit:
        """Start to take a message. See `heloise.mail.sink.MessageSink`."""
        return QueueDeposit(self, submission, self._world, self._spool_directory)

    async def keep(self, message: NewMessage, content: Content) -> None:
        """Take responsibility for a complete message. Raises StoreFull, StoreFault."""
        now = self._world.clock.now()
        watched = message.submission.message_id in self._watches
        due = _first_due(message, now)
        is_held = message.submission.is_held
        if is_held or due > now or not self._may_hand_over(content, watched) or _has_on_request(message):
            await self._keep_waiting(message, due)
            return
        self._handover_octets += content.size
        until = now + LEASE_TIME
        try:
            queued = await self._store.insert(message, leased_until=until)
        except BaseException as error:
            self._handover_octets -= content.size
            if not isinstance(error, StoreFault):
                self._due(now)  # cancelled, and stored perhaps
            raise
        lease = Lease(message=queued, content=content, until=until)
        if watched:
            self._handover.appendleft(lease)
        else:
            self._handover.append(lease)
        self._wake()

    async def _keep_waiting(self, message: NewMessage, due: float) -> None:
        try:
            await self._store.insert(message)
        finally:
            # Also when this was cancelled: it may be stored all the same, and to look in vain costs little.
            self._due(due)

    async def keep_together(self, messages: Sequence[NewMessage]) -> None:
        """Take responsibility for several messages, all or none. Raises StoreFull, StoreFault.

        They wait in the store, and are leased like any other that is due: that such mail is rare is worth more than
        the read that a hand-over would save.
        """
        now = self._world.clock.now()
        due = min(_first_due(message, now) for message in messages)
        try:
            await self._store.insert_many(messages)
        finally:  # also when this was cancelled, as in `_keep_waiting`
            self._due(due)

    def keep_free(self, octets: int) -> None:
        """So many stay free on the disk from now on."""
        self._options = replace(self._options, minimum_free=octets)
        self._free_checked = float("-inf")
        self._is_full = False

    def room_for(self, size: int) -> Reply | None:
        """None when a message of `size` octets can be taken, else 452 with the figures; 451 when nobody can tell.

        Looks once a second.
        """
        if self._spool_directory is None or not self._options.minimum_free:
            return None
        now = self._world.clock.monotonic()
        if now - self._free_checked >= _FREE_CHECK or self._is_full:
            try:
                self._free = self._world.files.free_octets(self._spool_directory)
            except OSError as error:
                return replies.storage_fault(str(error))
            self._free_checked = now
        self._is_full = self._free - size < self._options.minimum_free
        if not self._is_full:
            return None
        return replies.no_room(free=self._free, minimum_free=self._options.minimum_free, size=size)

    def watch(self, message_id: MessageId, recipients: int) -> Watch:
        """Watch the first attempt of a message that is about to be committed; end it by `unwatch`."""
        watch = self._watches[message_id] = Watch(recipients)
        return watch

    def unwatch(self, message_id: MessageId) -> None:
        """Nobody watches any more. Idempotent."""
        self._watches.pop(message_id, None)

    # For those who deliver

    def watch_of(self, message_id: MessageId) -> Watch | None:
        """Who watches this message, if anybody."""
        return self._watches.get(message_id)

    async def next_leases(
        self, limit: int, *, passing_over: Callable[[], PassingOver | None] = lambda: None
    ) -> tuple[Lease, ...]:
        """Wait until there is something to deliver, and lease at most `limit` recipients of it. `passing_over` is asked
        each time for whom the store is to put off instead; not while somebody watches.

        Empty after `stop_leasing`. Raises StoreFault.
        """
        self._has_deliverer = True
        self._passing_over = passing_over
        while self._has_deliverer:
            self._is_awake = False
            leases = await self._take(limit)
            if leases:
                return leases
            await self._wait()
        return ()

    async def lease_selected(self, selection: Selection, *, limit: int, after: int = 0) -> tuple[Lease, ...]:
        """See `QueueStore.lease_selected`: for a site that came for its mail."""
        until = self._world.clock.now() + LEASE_TIME
        return await self._store.lease_selected(selection, until=until, limit=limit, after=after)

    def stop_leasing(self) -> None:
        """Hand nothing out any more; new messages wait in the store."""
        self._has_deliverer = False
        self._wake()

    async def settle(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        """Apply what an attempt did, its reports included; see `QueueStore.settle`. Raises StoreFull, StoreFault."""
        try:
            await self._store.settle(settlement, can_wait=can_wait)
        finally:  # also when this was cancelled, as in `_keep_waiting`
            for change in settlement.changes:
                if not change.state.is_final:
                    self._due(change.due)
            for report in settlement.reports:
                self._due(report.submission.origin.received_at)

    def renew(self, settlement: Settlement) -> None:
        """Its attempt was made, and could not be settled yet: the leases go on, so that nobody makes it again."""
        recipients = [change.recipient_id for change in settlement.changes]
        self._store.renew(settlement.message_id, recipients, until=self._world.clock.now() + LEASE_TIME)

    async def owed(self, message_id: MessageId) -> Owed | None:
        """See `QueueStore.owed`."""
        return await self._store.owed(message_id)

    async def owing(self) -> tuple[MessageId, ...]:
        """See `QueueStore.owing`."""
        return await self._store.owing()

    # For operators

    async def list(
        self, selection: Selection, *, limit: int, after: MessageId | None = None
    ) -> tuple[QueuedMessage, ...]:
        """See `QueueStore.list`."""
        return await self._store.list(selection, limit=limit, after=after)

    async def content(self, message_id: MessageId) -> Content | None:
        """See `QueueStore.content`."""
        return await self._store.content(message_id)

    async def count(self, selection: Selection) -> int:
        """See `QueueStore.count`."""
        return await self._store.count(selection)

    async def count_messages(self, selection: Selection, *, limit: int) -> int:
        """See `QueueStore.count_messages`."""
        return await self._store.count_messages(selection, limit=limit)

    async def counts(self) -> QueueCounts:
        """See `QueueStore.counts`."""
        return await self._store.counts()

    async def hold(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """See `QueueStore.hold`."""
        return await self._store.hold(selection, told=told)

    async def release(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """See `QueueStore.release`."""
        return await self._changed(self._store.release(selection, due=due, told=told), due)

    async def retry(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """See `QueueStore.retry`."""
        return await self._changed(self._store.retry(selection, due=due, told=told), due)

    async def redirect(
        self, selection: Selection, redirection: Redirection, *, due: float, told: Told = tell_nobody
    ) -> int:
        """See `QueueStore.redirect`."""
        return await self._changed(self._store.redirect(selection, redirection, due=due, told=told), due)

    async def remove(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """See `QueueStore.remove`."""
        return await self._store.remove(selection, told=told)

    # What follows is not for others.

    async def _changed(self, change: Awaitable[int], due: float) -> int:
        try:
            return await change
        finally:  # also when this was cancelled, as in `_keep_waiting`
            self._due(due)

    def _may_hand_over(self, content: Content, watched: bool) -> bool:
        options = self._options
        has_room = (
            len(self._handover) < options.handover_messages
            and self._handover_octets + content.size <= options.handover_octets
        )
        return self._has_deliverer and (has_room or watched)

    def _due(self, moment: float) -> None:
        if self._next_due is None or moment < self._next_due:
            self._next_due = moment
            self._wake()

    async def _take(self, limit: int) -> tuple[Lease, ...]:
        """From the hand-over and from the store in turn, so that neither starves the other."""
        now = self._world.clock.now()
        store_is_due = self._next_due is not None and self._next_due <= now
        self._prefer_store = store_is_due and (self._prefer_store or not self._handover)
        if self._prefer_store:
            self._prefer_store = False
            share, self._handed_over = self._share(limit), 0
            leases = await self._lease(now, share)
            if leases:
                return leases
        self._prefer_store = True
        return self._take_handover(limit, now)

    def _share(self, limit: int) -> int:
        """No more from the store than was handed over since the last time: a queue full of mail that is only to be put
        off must not slow down the new mail, and that comes in small portions."""
        return limit if not self._handed_over else min(limit, max(_LEAST_SHARE, self._handed_over))

    async def _lease(self, now: float, limit: int) -> tuple[Lease, ...]:
        # Before the questions are asked: what is said to be due while they are under way must not be forgotten.
        self._next_due = None
        leases: tuple[Lease, ...] = ()
        try:
            passing_over = None if self._watches else self._passing_over()
            leases = await self._store.lease(now=now, until=now + LEASE_TIME, limit=limit, passing_over=passing_over)
            due = await self._store.next_due()
        except BaseException:
            self._handover.extend(leases)  # given, and taken by nobody: they are for the next who asks
            self._handover_octets += sum(lease.content.size for lease in leases)
            self._due(now)
            raise
        if due is not None:
            self._due(due)
        return leases

    def _take_handover(self, limit: int, now: float) -> tuple[Lease, ...]:
        taken: list[Lease] = []
        while self._handover and (not taken or limit > 0):
            lease = self._handover.popleft()
            self._handover_octets -= lease.content.size
            if lease.until <= now:  # it waited here for so long that the store has given it back
                self._due(now)
                continue
            limit -= len(lease.message.recipients)
            self._handed_over += len(lease.message.recipients)
            taken.append(lease)
        return tuple(taken)

    async def _wait(self) -> None:
        """Until something is handed over, becomes due, or is said by an operator."""
        if self._is_awake:
            return
        if self._sleeper is not None:
            raise RuntimeError("two deliverers wait for one queue")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None
        if self._next_due is not None:
            timer = self._loop.call_later(max(0.0, self._next_due - self._world.clock.now()), self._wake)
        self._sleeper = self._loop.create_future()
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        """Have whoever waits in `next_leases` look again."""
        self._is_awake = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)


def _first_due(message: NewMessage, now: float) -> float:
    """When the first of its recipients is due."""
    start = message.submission.hints.not_before
    return min(first_due(route, now if start is None else start) for route in message.submission.routes)


def _has_on_request(message: NewMessage) -> bool:
    """A hand-over is of all recipients at once, so one that waits to be asked for keeps the others out of it."""
    return any(route.on_request for route in message.submission.routes)
