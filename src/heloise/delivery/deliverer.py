"""The deliverer: takes leases from the queue, lets agents attempt them, settles what came of it.

One task takes leases; each group of recipients with one route is a task of its own, bounded in total and per route.
A group is settled as soon as it has ended, so that what was delivered is known to the disk before anything else
happens (RFC 5321 §4.5.4.1): a crash may repeat an attempt, never forget one. No error of an agent ends the deliverer.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from heloise.delivery.attempt import Agents, DeliveryAttempt, DeliveryDoors, silent
from heloise.delivery.classify import without_next_hop
from heloise.delivery.destinations import Destination, Destinations, is_remote
from heloise.delivery.journal import DeliveryFault, DeliveryJournal
from heloise.delivery.narration import ended
from heloise.delivery.settle import Reporting, decide, postpone, settle
from heloise.dsn.submission import RouteReport
from heloise.mail.content import Content
from heloise.mail.ids import new_message_id
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.queue.errors import StoreFault, StoreFull
from heloise.queue.model import Lease, QueuedMessage, QueuedRecipient, Settlement
from heloise.queue.queue import Queue
from heloise.queue.schedule import RetrySchedule
from heloise.smtp import replies

_STORE_PAUSE = 1.0  # seconds between two tries of a store in trouble, at first
_LONGEST_STORE_PAUSE = 8.0
_STORE_TRIES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """`attempts` run at once, `attempts_per_route` to one route; `backlog_per_route` more may wait here for a slot.

    What is beyond the backlog of a route goes back to the queue for `postponement` seconds, so that one slow route
    does not fill all hands.
    """

    attempts: int = 100
    attempts_per_route: int = 20
    backlog_per_route: int = 100
    postponement: float = 10.0
    schedule: RetrySchedule = field(default=RetrySchedule())


class Deliverer:
    """Delivers what is in `queue`, by `agents`. `route_report` says where a report for the sender goes."""

    def __init__(
        self,
        queue: Queue,
        doors: DeliveryDoors,
        agents: Agents,
        route_report: RouteReport,
        journal: DeliveryJournal,
        options: DeliveryOptions | None = None,
    ) -> None:
        self._queue = queue
        self._doors = doors
        self._agents = agents
        self._route_report = route_report
        self._journal = journal
        self._options = options if options is not None else DeliveryOptions()
        self._destinations = Destinations(attempts_per_route=self._options.attempts_per_route)
        self._free = asyncio.Semaphore(self._options.attempts)
        self._loop: asyncio.Task[None] | None = None
        # Dicts and not sets: a set's order follows addresses in memory, and a simulated run must be repeatable.
        self._groups: dict[asyncio.Task[None], None] = {}
        self._attempts: dict[asyncio.Task[None], None] = {}
        self._in_hand: set[int] = set()  # recipients, by number
        self._stopping = False

    def start(self) -> None:
        """Begin to take leases."""
        self._loop = asyncio.create_task(self._take_leases(), name="deliverer")

    async def stop(self, patience: float = 30.0) -> None:
        """Take no more leases; wait `patience` seconds for running attempts, then cut them off and settle them.

        What was decided before the cut stays decided; everybody else is delayed.
        """
        self._stopping = True
        self._queue.stop_leasing()
        running = [*self._groups, *(() if self._loop is None else (self._loop,))]
        if running:
            await asyncio.wait(running, timeout=patience)
        for attempt in tuple(self._attempts):
            attempt.cancel()
        if self._loop is not None:
            await asyncio.wait({self._loop})
        while self._groups:
            await asyncio.wait(self._groups)

    def forgive(self, route: Route | None = None) -> None:
        """Try routes that were in trouble again at once: after ETRN, or when an operator says retry."""
        self._destinations.forgive(route)

    @property
    def running(self) -> int:
        """How many groups of recipients are in hand."""
        return len(self._groups)

    # Taking leases

    async def _take_leases(self) -> None:
        pause = _STORE_PAUSE
        while not self._stopping:
            await self._room()
            try:
                leases = await self._queue.next_leases(self._options.attempts)
            except StoreFault as fault:
                self._journal.delivery_fault("-", fault)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_STORE_PAUSE)
                continue
            pause = _STORE_PAUSE
            for lease in leases:
                self._begin(lease)

    async def _room(self) -> None:
        """Wait while as many groups are in hand as may be: leases are for those who can use them."""
        limit = self._options.attempts + self._options.backlog_per_route
        while len(self._groups) >= limit and not self._stopping:
            await asyncio.wait(self._groups, return_when=asyncio.FIRST_COMPLETED)

    def _begin(self, lease: Lease) -> None:
        # A lease that ran out while we were at it, since a peer was slow or the outcome could not be stored, comes to
        # us again. To begin once more would make a duplicate; if the outcome is lost, this lease runs out as well.
        fresh = [recipient for recipient in lease.message.recipients if recipient.id not in self._in_hand]
        for route, recipients in _by_route(fresh):
            message = replace(lease.message, recipients=recipients)
            self._spawn(self._hold(message, route, lease.content), self._groups)

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: dict[asyncio.Task[None], None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        tasks[task] = None
        task.add_done_callback(tasks.pop)
        return task

    # One group of recipients

    async def _hold(self, message: QueuedMessage, route: Route, content: Content) -> None:
        """Deliver, and know of it meanwhile."""
        recipients = [recipient.id for recipient in message.recipients]
        self._in_hand.update(recipients)
        try:
            await self._deliver(message, route, content)
        finally:
            self._in_hand.difference_update(recipients)

    async def _deliver(self, message: QueuedMessage, route: Route, content: Content) -> None:
        watch = self._queue.watch_of(message.message_id)
        narrate = silent if watch is None else watch.say
        attempt = DeliveryAttempt(message, route, content, narrate=narrate, told=watch is not None)
        destination = self._destinations.enter(route)
        try:
            settlement = await self._attempt_and_decide(attempt, destination)
        finally:
            self._destinations.leave(route)
        await self._apply(settlement)
        if watch is not None:
            watch.settled(len(message.recipients))

    async def _attempt_and_decide(self, attempt: DeliveryAttempt, destination: Destination) -> Settlement:
        full = destination.in_hand > self._options.attempts_per_route + self._options.backlog_per_route
        if full and not attempt.told:
            return self._postponed(attempt.message)
        async with destination.slots, self._free:
            if self._stopping:
                return self._postponed(attempt.message)
            await self._attempt(attempt, destination)
        return await self._settlement(attempt)

    async def _attempt(self, attempt: DeliveryAttempt, destination: Destination) -> None:
        """Have everybody decided, whatever happens."""
        now = self._doors.world.clock.monotonic()
        trouble = None if attempt.told else destination.known_trouble(now)
        if trouble is not None:
            attempt.decide_all(trouble)
            return
        agent = self._agents.get(attempt.route.transport)
        if agent is None:
            attempt.decide_all(without_next_hop(replies.no_route(str(attempt.route))))
            return
        await self._run(self._spawn(agent.attempt(self._doors, attempt), self._attempts), attempt)
        if is_remote(attempt.route):
            outcomes = tuple(outcome for _, outcome in attempt.outcomes())
            destination.learn(outcomes, self._doors.world.clock.monotonic())

    async def _run(self, task: asyncio.Task[None], attempt: DeliveryAttempt) -> None:
        """Wait for the agent, in a task of its own, so that cutting it off does not cut off the settlement."""
        await asyncio.wait({task})
        if task.cancelled():
            return  # by stop: who is not decided is postponed
        error = task.exception()
        if error is None and attempt.undecided:
            error = DeliveryFault(f"the agent for {attempt.route} left {len(attempt.undecided)} recipients undecided")
        if isinstance(error, Exception):
            self._journal.delivery_fault(attempt.message.message_id, error)
            attempt.decide_all(_delayed(replies.delivery_fault(error)))

    # Settling

    async def _settlement(self, attempt: DeliveryAttempt) -> Settlement:
        world = self._doors.world
        now = world.clock.now()
        schedule = self._options.schedule
        decision = decide(attempt.message, attempt.outcomes(), now=now, schedule=schedule, random=world.entropy.random)
        for recipient, outcome in decision.outcomes:
            self._journal.attempted(attempt.message, recipient, outcome)
            attempt.narrate(ended(recipient.recipient.forward_path, outcome))
        reporting = Reporting(
            hostname=self._doors.hostname,
            report_id=new_message_id(now, world.entropy.octets(4)),
            route_report=self._route_report,
        )
        original = await self._beginning(attempt, decision.octets_wanted)
        settlement = settle(decision, reporting, original)
        if attempt.undecided:
            changes = settlement.changes + postpone(attempt.undecided, due=now)
            settlement = replace(settlement, changes=changes)
        if decision.owes_report and not settlement.reports:
            fault = DeliveryFault(f"there is no way to send a report to {attempt.message.reverse_path}")
            self._journal.delivery_fault(attempt.message.message_id, fault)
        return settlement

    async def _beginning(self, attempt: DeliveryAttempt, size: int) -> bytes:
        """The first `size` octets of the content; what can not be read is left out, a report without it is one too."""
        taken = bytearray()
        if size <= 0:
            return b""
        try:
            async for chunk in attempt.content.chunks():
                taken += chunk
                if len(taken) >= size:
                    break
        except (OSError, StoreFault) as error:
            self._journal.delivery_fault(attempt.message.message_id, error)
        return bytes(taken[:size])

    def _postponed(self, message: QueuedMessage) -> Settlement:
        world = self._doors.world
        due = world.clock.now() + self._options.postponement * (0.5 + world.entropy.random())
        return Settlement(message_id=message.message_id, changes=postpone(message.recipients, due=due))

    async def _apply(self, settlement: Settlement) -> None:
        """Settle, and insist: an outcome that is not stored is an attempt made again, and a duplicate."""
        tries, pause = 0, _STORE_PAUSE
        while tries < _STORE_TRIES:
            try:
                await self._queue.settle(settlement)
                return
            except StoreFault as fault:
                self._journal.delivery_fault(settlement.message_id, fault)
                # A full disk ends when somebody makes room, however long that takes; meanwhile the slot is held, and
                # nothing else is attempted whose outcome could not be kept either.
                if isinstance(fault, StoreFull) and not self._stopping:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_STORE_PAUSE)
                else:
                    tries += 1
                    await asyncio.sleep(_STORE_PAUSE)
        given_up = DeliveryFault("the outcome is lost, the attempt will be made again")
        self._journal.delivery_fault(settlement.message_id, given_up)


def _delayed(reply: Reply) -> Outcome:
    """For a fault of ours, which says nothing about the route."""
    return Outcome(action=Action.DELAYED, stage=Stage.CONTENT, reply=reply)


def _by_route(recipients: Sequence[QueuedRecipient]) -> Iterable[tuple[Route, tuple[QueuedRecipient, ...]]]:
    groups: dict[Route, list[QueuedRecipient]] = {}
    for recipient in recipients:
        groups.setdefault(recipient.route, []).append(recipient)
    return ((route, tuple(group)) for route, group in groups.items())
