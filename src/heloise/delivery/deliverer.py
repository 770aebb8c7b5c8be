"""The deliverer: takes leases from the queue, lets agents attempt them, settles what came of it.

One task takes leases; recipients that lead to the same next hops are a group, and a task of its own, which waits for
its turn at that destination. A group is settled as soon as it has ended, so that what was delivered is known to the
disk before anything else happens (RFC 5321 §4.5.4.1): a crash may repeat an attempt, never forget one. No error of an
agent ends the deliverer.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from heloise.delivery.allowance import Bounds
from heloise.delivery.applying import LONGEST_STORE_PAUSE, STORE_PAUSE, insist
from heloise.delivery.attempt import Agents, DeliveryAttempt, DeliveryDoors, silent
from heloise.delivery.classify import without_next_hop
from heloise.delivery.destinations import FIRST, BoundsOf, Destination, Destinations, DestinationView
from heloise.delivery.finding import Finder, by_route
from heloise.delivery.journal import DeliveryFault, DeliveryJournal
from heloise.delivery.next_hop import NextHopGroup, NoNextHop
from heloise.delivery.putting_off import PuttingOff
from heloise.delivery.reporting import REPORT_PATIENCE, Reports, Round
from heloise.delivery.room import Room, lane_of
from heloise.delivery.settlements import Settlements
from heloise.delivery.waiting import not_before_its_time
from heloise.dsn.submission import RouteReport
from heloise.mail.content import Content
from heloise.mail.ids import MessageId
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.queue.model import Lease, QueuedMessage, Settlement
from heloise.queue.queue import Queue
from heloise.queue.schedule import RetrySchedule
from heloise.smtp import replies

By: TypeAlias = Callable[[DeliveryAttempt], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """`attempts` run at once, as many again to hosts that have not answered yet; `bounds_of` says how many to one
    destination, by its names. `backlog_per_route` messages may wait here for their turn at one destination, more when
    few others do and it answers; the rest goes back into the queue until about its turn.
    """

    attempts: int = 100
    backlog_per_route: int = 100
    bounds_of: BoundsOf = lambda names: Bounds()
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
        self.doors = doors
        self._queue = queue
        self._doors = doors
        self._agents = agents
        self._journal = journal
        self._options = options if options is not None else DeliveryOptions()
        self._destinations = Destinations(doors.world.clock, self._options.bounds_of)
        self._finder = Finder(doors, agents)
        self._room = Room(self._options.attempts, self._options.backlog_per_route)
        self._loop: asyncio.Task[None] | None = None
        self._event_loop: asyncio.AbstractEventLoop | None = None  # asked for once: to ask is a system call each time
        # Dicts and not sets: a set's order follows addresses in memory, and a simulated run must be repeatable.
        self._groups: dict[asyncio.Task[None], None] = {}
        self._attempts: dict[asyncio.Task[Any], None] = {}  # groups of which an agent is at work
        self._cuts_off = False
        self._in_hand: set[int] = set()  # recipients, by number
        self._stopping = False
        self._reports = Reports(queue, doors.world, doors.hostname, route_report, journal, self._is_stopping)
        self._settlements = Settlements(doors.world, journal, self._reports, self._options.schedule)
        self._leftovers: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take leases."""
        self._event_loop = asyncio.get_running_loop()
        self._loop = asyncio.create_task(self._take_leases(), name="deliverer")
        self._leftovers = asyncio.create_task(self._reports.pay_leftovers(), name="leftovers")

    async def stop(self, patience: float = 30.0) -> None:
        """Take no more leases; wait `patience` seconds for running attempts, then cut them off and settle them.

        What was decided before the cut stays decided; everybody else is delayed.
        """
        self._stopping = True
        self._queue.stop_leasing()
        self._destinations.send_home()
        self._doors.sessions.close(self._doors.background)
        running = [*self._groups, *(() if self._loop is None else (self._loop,))]
        if running:
            await asyncio.wait(running, timeout=patience)
        self._finder.close()
        self._cuts_off = True
        for attempt in tuple(self._attempts):
            attempt.cancel()
        if self._loop is not None:
            await asyncio.wait({self._loop})
        while self._groups:
            await asyncio.wait(self._groups)
        if self._leftovers is not None:
            self._leftovers.cancel()
            await asyncio.wait({self._leftovers})

    async def deliver_by(self, leases: Sequence[Lease], by: By, goes_on: Callable[[], bool]) -> None:
        """Have `by` make the attempts of leases that were not taken here, one after the other, and settle them.

        When it does not go on, or `by` leaves somebody undecided, they wait as if they had not been leased.
        """
        numbers = {recipient.id for lease in leases for recipient in lease.message.recipients}
        self._in_hand |= numbers
        try:
            for lease in leases:
                # A task of its own, so that whoever is cut off here does not cut off the settlement.
                await asyncio.wait({self._spawn(self._by(lease, by if goes_on() else None))})
        finally:
            self._in_hand -= numbers

    async def _by(self, lease: Lease, by: By | None) -> None:
        attempt = DeliveryAttempt(lease.message, lease.message.recipients[0].route, lease.content)
        if by is not None and not self._stopping:
            await self._run(by(attempt), attempt)
        settlement = await self._settlements.settled(attempt)
        await self._apply(
            replace(settlement, changes=not_before_its_time(settlement.changes, lease.message.recipients))
        )

    def forgive(self, route: Route | None = None) -> None:
        """Try what was in trouble again at once: after ETRN, or when an operator says retry.

        For one route as for all: which hosts it leads to now only the DNS could tell, and to ask the others once more
        costs a connection each.
        """
        self._finder.forgive()
        self._doors.hosts.forgive()
        self._destinations.forgive()

    def destinations(self) -> tuple[DestinationView, ...]:
        """What goes where at the moment, for people."""
        return self._destinations.views()

    def use(self, doors: DeliveryDoors, route_report: RouteReport, options: DeliveryOptions) -> None:
        """Attempts that begin from now on are made so. Sessions that were kept for the next message are closed, since
        they were opened under other rules; what is known of hosts and destinations stays known."""
        self._doors.sessions.close(self._doors.background)
        self.doors = self._doors = replace(doors, hosts=self._doors.hosts, background=self._doors.background)
        self._options = options
        self._room.use(options.attempts, options.backlog_per_route)
        self._settlements.use(options.schedule)
        self._destinations.allow(options.bounds_of)
        self._finder.use(self._doors)
        self._reports.use(doors.hostname, route_report)

    @property
    def running(self) -> int:
        """How many groups of recipients are in hand."""
        return len(self._groups)

    # Taking leases

    async def _take_leases(self) -> None:
        pause = STORE_PAUSE
        while not self._stopping:
            await self._until_there_is_room()
            leases = await self._leases()
            if leases is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_STORE_PAUSE)
                continue
            pause = STORE_PAUSE
            for lease in leases if len(leases) < 2 else sorted(leases, key=_urgency):
                self._begin(lease)

    async def _leases(self) -> tuple[Lease, ...] | None:
        try:
            return await self._queue.next_leases(self._options.attempts, passing_over=self._passing_over)
        except Exception as fault:
            # Not only StoreFault: whatever it is, the mail of everybody waits for that loop to go on.
            self._journal.delivery_fault("-", fault)
            return None

    def _passing_over(self) -> PuttingOff | None:
        now = self._doors.world.clock.now()
        return self._room.passing_over(len(self._groups), self._options.schedule, now=now)

    async def _until_there_is_room(self) -> None:
        while self._room.is_crowded(len(self._groups)) and not self._stopping:
            await asyncio.wait(self._groups, return_when=asyncio.FIRST_COMPLETED)

    def _begin(self, lease: Lease) -> None:
        # A lease that ran out while we were at it, since a peer was slow, comes to us again. (While an outcome can not
        # be stored it is renewed.) To begin once more would make a duplicate; if the outcome is lost, this lease runs
        # out as well.
        fresh = [recipient for recipient in lease.message.recipients if recipient.id not in self._in_hand]
        self._in_hand.update(recipient.id for recipient in fresh)
        parts = by_route(lease.message, fresh)
        if len(parts) > 1:
            self._spawn(self._sort(parts, lease.content))
        elif parts:
            self._spawn(self._hold(parts[0], lease.content))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        loop = self._event_loop
        task = asyncio.create_task(work) if loop is None else loop.create_task(work)
        self._groups[task] = None
        task.add_done_callback(self._groups.pop)
        return task

    async def _sort(self, parts: Sequence[QueuedMessage], content: Content) -> None:
        """Put together what leads to the same hosts; what takes long to find goes by itself."""
        groups = await self._finder.sorted_out(parts)
        shared = Round(len(groups)) if len(groups) > 1 else None
        for group in groups:
            self._spawn(self._hold(group, content, shared))

    # One group of recipients

    async def _hold(self, message: QueuedMessage, content: Content, shared: Round | None = None) -> None:
        """Deliver, and know of it meanwhile."""
        try:
            await self._deliver(message, content, shared)
        finally:
            self._in_hand.difference_update([recipient.id for recipient in message.recipients])
            if shared is not None:
                shared.leave()

    async def _deliver(self, message: QueuedMessage, content: Content, shared: Round | None) -> None:
        watch = self._queue.watch_of(message.message_id)
        narrate = silent if watch is None else watch.say
        route = message.recipients[0].route
        attempt = DeliveryAttempt(message, route, content, narrate=narrate, told=watch is not None)
        attempt.shares_report = shared is not None
        settlement = await self._attempt_and_decide(attempt)
        # Whoever watches waits for it, and is one.
        await self._apply(settlement, can_wait=watch is None)
        if shared is not None and settlement.owed and shared.owes():
            self._spawn(self._report_together(shared, message.message_id))
        if watch is not None:
            watch.settled(len(message.recipients))

    async def _report_together(self, shared: Round, message_id: MessageId) -> None:
        """One report on all of a round; who takes very long is reported by himself."""
        await shared.over(REPORT_PATIENCE)
        await self._reports.pay(message_id)

    async def _attempt_and_decide(self, attempt: DeliveryAttempt) -> Settlement:
        over = self._settlements.out_of_time(attempt.message)
        if over is not None:
            attempt.decide_all(over)
            return await self._settlements.settled(attempt)
        try:
            found = self._finder.known(attempt.route) or await self._finder.find(attempt.route)
        except asyncio.CancelledError:
            return self._settlements.postponed(attempt.message, 0.0)  # by stop
        except Exception as error:
            self._fault(attempt, error)
            found = None
        if isinstance(found, NoNextHop):
            attempt.decide_all(without_next_hop(found.reply))
        if not attempt.undecided:
            return await self._settlements.settled(attempt)
        assert not isinstance(found, NoNextHop)
        attempt.group = found
        return await self._in_turn(attempt, self._destination(attempt.route, found))

    def _destination(self, route: Route, found: NextHopGroup | None) -> Destination:
        agent = self._agents.get(route.transport)
        if found is None or agent is None:
            bounds = None if agent is None or agent.bounds is None else agent.bounds(self._doors, route)
            return self._destinations.of_route(str(route), bounds)
        return self._destinations.of((agent.lmtp, found.names), found.names, str(route))

    async def _in_turn(self, attempt: DeliveryAttempt, destination: Destination) -> Settlement:
        trouble = None if attempt.told else destination.known_trouble()
        if trouble is None and not attempt.told:
            wait = self._room.putting_off(attempt.message, destination, len(self._groups))
            if wait is not None:
                trouble = self._settlements.is_to_be_told(attempt.message, destination)
                if trouble is None:
                    self._room.remember_full(attempt.route, destination)
                    return self._settlements.postponed(attempt.message, wait, destination)
        if trouble is not None:
            attempt.decide_all(trouble)
            return await self._settlements.settled(attempt, destination)
        if not await destination.turn(FIRST if attempt.told else attempt.message.hints.priority):
            return self._settlements.postponed(attempt.message, 0.0)
        begun, has_begun = self._doors.world.clock.monotonic(), False
        lane, slots = lane_of(attempt.message, destination), self._room.slots  # these, also after a reload
        try:
            await slots.take(lane)
            try:
                if self._stopping:
                    return self._settlements.postponed(attempt.message, 0.0)
                has_begun = True
                await self._attempt(attempt, destination)
            finally:
                slots.give(lane)
        finally:
            outcomes = attempt.last_words() if has_begun else ()
            destination.leave(outcomes, begun=begun, pause=attempt.pause)
        return await self._settlements.settled(attempt, destination)

    async def _attempt(self, attempt: DeliveryAttempt, destination: Destination) -> None:
        """Have everybody decided, whatever happens."""
        agent = self._agents.get(attempt.route.transport)
        if agent is None:
            attempt.decide_all(without_next_hop(replies.no_route(str(attempt.route))))
            return
        clock = self._doors.world.clock
        attempt.begun = clock.now()
        attempt.is_last = lambda: destination.is_last
        attempt.host_is_busy = lambda: destination.allowance.took_lately(clock.monotonic())
        await self._run(agent.attempt(self._doors, attempt), attempt)
        if attempt.undecided and not self._cuts_off:
            left = f"the agent for {attempt.route} left {len(attempt.undecided)} recipients undecided"
            self._fault(attempt, DeliveryFault(left))

    async def _run(self, work: Coroutine[Any, Any, None], attempt: DeliveryAttempt) -> None:
        """Have an agent work in this task. When `stop` cuts it off, that is all it cuts off: what was decided is
        settled, and whoever is not is postponed."""
        task = asyncio.current_task(self._event_loop)
        assert task is not None
        self._attempts[task] = None
        try:
            await work
        except asyncio.CancelledError:
            if not self._cuts_off:
                raise
            task.uncancel()
        except Exception as error:
            self._fault(attempt, error)
        finally:
            del self._attempts[task]

    def _fault(self, attempt: DeliveryAttempt, error: Exception) -> None:
        self._journal.delivery_fault(attempt.message.message_id, error)
        attempt.decide_all(_delayed(replies.delivery_fault(error)))

    async def _apply(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        await insist(self._queue, settlement, self._journal, is_stopping=self._is_stopping, can_wait=can_wait)

    def _is_stopping(self) -> bool:
        return self._stopping


def _urgency(lease: Lease) -> int:
    """For sorting: the most urgent first, the others as they come. RFC 6710 §5."""
    return -lease.message.hints.priority


def _delayed(reply: Reply) -> Outcome:
    """For a fault of ours, which says nothing about the route."""
    return Outcome(action=Action.DELAYED, stage=Stage.CONTENT, reply=reply)
