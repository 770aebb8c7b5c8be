"""What a session may ask of the queue: ETRN, ATRN, HELP STATUS, room for a message, and VERB's first attempt."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from heloise.mail import causes
from heloise.mail.cause import Cause, Rule
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.mail.sink import Refused, Submission, Taken
from heloise.queue.errors import StoreFault
from heloise.queue.model import RecipientState, Selection
from heloise.queue.queue import Queue
from heloise.reception.desk import Commit, Say
from heloise.reception.on_request import EtrnPolicy, OnDemandSite, Pace, domains_on_demand
from heloise.routing.expansion import route_elsewhere
from heloise.routing.lookup import find_route
from heloise.routing.tables import RoutingTables
from heloise.smtp import replies
from heloise.world import Stream, World

_COUNTED = 1001  # messages that ETRN counts; of so many it does not say how many
Relay: TypeAlias = Callable[[Stream, tuple[str, ...], Callable[[], bool]], Coroutine[Any, Any, None]]
VERBOSE_TIME = 60.0  # seconds a VERB client waits for the first attempt; RFC 5321 §4.5.3.2.6 gives it ten minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPolicies:
    """Who may ask for which mail, and how often; `pace` is shared by all listeners."""

    etrn: EtrnPolicy
    pace: Pace
    etrn_interval_rule: Rule | None = None
    sites: tuple[OnDemandSite, ...] = ()


class WholeQueue(Protocol):
    """All mail that waits here, in this process and in others. Both raise StoreFault."""

    async def count_messages(self, selection: Selection, *, limit: int) -> int:
        """How many messages have a selected recipient, up to `limit`."""
        ...

    async def start(self, selection: Selection, *, due: float) -> int:
        """Make selected recipients that wait due then; how many."""
        ...


class ServerDesk:
    """The desk of a running server. `whole` is what ETRN looks at, where `queue` is not all there is."""

    def __init__(
        self,
        *,
        queue: Queue,
        world: World,
        tables: RoutingTables,
        forgive: Callable[[Route | None], None],
        relay: Relay,
        policies: RequestPolicies,
        minimum_free_rule: Rule | None,
        version: str,
        whole: WholeQueue | None = None,
    ) -> None:
        self._whole = whole if whole is not None else OneQueue(queue)
        self._forgive = forgive
        self._queue = queue
        self._world = world
        self._tables = tables
        self._relay = relay
        self._policies = policies
        self._pace = policies.pace
        self._minimum_free_rule = minimum_free_rule
        self._version = version
        self._started = world.clock.monotonic()

    def room_for(self, size: int) -> Reply | None:
        """See `heloise.reception.desk.QueueDesk`. A disk that can not be looked at has no room either: 451."""
        try:
            refusal = self._queue.room_for(size)
        except OSError as error:
            return replies.storage_fault(str(error))
        if refusal is None:
            return None
        return refusal.with_cause(replace(refusal.cause, rule=self._minimum_free_rule))

    async def run(self, kind: str, node: str, client: str) -> Reply:
        """ETRN: make what waits for the node due now. RFC 1985 §5. A hold of an operator is not touched."""
        shown = f"{kind}{node}"
        domains = self._policies.etrn.decide(client, kind, node)
        if isinstance(domains, Cause):
            return replies.queue_run_refused(shown, domains)
        if not kind and _route_to(self._tables, node).transport is Transport.ATRN:
            return replies.queue_run_refused(shown, causes.ATRN_WAITS.because(domain=node))
        now = self._world.clock.monotonic()
        wait = self._pace.wait(client, shown, now)
        if wait > 0:
            seconds = f"{wait:.0f}"
            cause = causes.ETRN_TOO_OFTEN.because(self._policies.etrn_interval_rule, node=shown, again_in=seconds)
            return replies.queue_run_too_often(shown, cause)
        try:
            messages = await self._count(domains, RecipientState.WAITING, limit=_COUNTED)
            under_way = 0 if messages else await self._count(domains, RecipientState.LEASED, limit=1)
            if not messages and not under_way:
                return replies.nothing_waiting(shown)
            self._pace.started(client, shown, now)
            started = await self._start(domains)
        except StoreFault as error:
            return replies.queue_run_trouble(shown, str(error))
        return _started(shown, messages) if started else replies.queue_run_under_way(shown)

    async def _start(self, domains: Sequence[str]) -> int:
        """Start what waits for these, past the back-off of where it goes (for many domains at once, that of all); how
        many recipients. Raises StoreFault."""
        one = len(domains) == 1 and not domains[0].startswith("@")
        self._forgive(_route_to(self._tables, domains[0]) if one else None)
        now = self._world.clock.now()
        return sum([await self._whole.start(Selection(domain=domain), due=now) for domain in domains])

    async def _count(self, domains: Sequence[str], state: RecipientState, *, limit: int) -> int:
        count = 0
        for domain in domains:
            count += await self._whole.count_messages(Selection(domain=domain, state=state), limit=limit - count)
            if count >= limit:
                break
        return count

    async def turn(self, domains: tuple[str, ...], client: str) -> tuple[Reply, tuple[str, ...]]:
        """ATRN: may this client have the mail for these domains (all that are its own when none is named), and is
        there any? The reply, and after 250 the domains to be relayed. RFC 2645 §5.2.1."""
        own = domains_on_demand(self._policies.sites, client)
        if not own:
            return replies.who_are_you(client), ()
        for domain in domains:
            if domain not in own:
                cause = causes.ATRN_REFUSED.because(next(iter(own.values())), domain=domain, own=", ".join(own))
                return replies.on_demand_refused(domain, cause), ()
        wanted = domains or tuple(own)
        try:
            waiting = await self._count(wanted, RecipientState.WAITING, limit=1)
        except StoreFault as error:
            return replies.on_demand_trouble(str(error)), ()
        return (replies.turned_around(wanted), wanted) if waiting else (replies.no_mail_on_demand(wanted), ())

    async def relay(self, stream: Stream, domains: tuple[str, ...], is_stopping: Callable[[], bool]) -> None:
        """Deliver what waits for the domains over a connection that was turned around."""
        await self._relay(stream, domains, is_stopping)

    async def status(self) -> Reply:
        """HELP STATUS."""
        counts = await self._queue.counts()
        uptime = int(self._world.clock.monotonic() - self._started)
        return replies.status(
            (
                f"heloise {self._version}, up for {uptime} seconds",
                f"{counts.messages} messages in the queue: {counts.waiting} recipients waiting, "
                f"{counts.leased} being delivered, {counts.held} held",
            )
        )

    async def follow(self, submission: Submission, commit: Commit, say: Say) -> Taken | Refused:
        """Commit first, then tell of one attempt for each recipient, up to `VERBOSE_TIME`."""
        watch = self._queue.watch(submission.message_id, len(submission.routes))
        try:
            answer = await commit()
            if isinstance(answer, Taken):
                try:
                    async for line in watch.lines(VERBOSE_TIME):
                        say(line)
                except TimeoutError:
                    say("... still trying in background")
            return answer
        finally:
            self._queue.unwatch(submission.message_id)


class OneQueue:
    """See `WholeQueue`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def count_messages(self, selection: Selection, *, limit: int) -> int:
        """How many messages have a selected recipient, up to `limit`. Raises StoreFault."""
        return await self._queue.count_messages(selection, limit=limit)

    async def start(self, selection: Selection, *, due: float) -> int:
        """Make selected recipients that wait due then; how many. Raises StoreFault."""
        return await self._queue.retry(selection, due=due)


def _started(node: str, messages: int) -> Reply:
    return replies.queue_run_started(node, messages) if 0 < messages < _COUNTED else replies.queue_run_begun(node)


def _route_to(tables: RoutingTables, node: str) -> Route:
    return route_elsewhere(find_route(tables, node), node)


class CatchingDesk:
    """The desk of `heloise dev`: there is no queue."""

    def __init__(self, world: World, version: str, caught: Callable[[], int]) -> None:
        self._version = version
        self._world = world
        self._caught = caught
        self._started = world.clock.monotonic()

    def room_for(self, size: int) -> Reply | None:
        """There always is."""
        return None

    async def run(self, kind: str, node: str, client: str) -> Reply:
        """Nothing ever waits here."""
        return replies.nothing_waiting(f"{kind}{node}")

    async def turn(self, domains: tuple[str, ...], client: str) -> tuple[Reply, tuple[str, ...]]:
        """Nothing ever waits here."""
        return replies.no_mail_on_demand(domains), ()

    async def relay(self, stream: Stream, domains: tuple[str, ...], is_stopping: Callable[[], bool]) -> None:
        """It does not come to this."""

    async def status(self) -> Reply:
        """HELP STATUS."""
        uptime = int(self._world.clock.monotonic() - self._started)
        return replies.status((f"heloise {self._version} dev, up for {uptime} seconds", f"{self._caught()} caught"))

    async def follow(self, submission: Submission, commit: Commit, say: Say) -> Taken | Refused:
        """Catching is all the delivery there is."""
        answer = await commit()
        if isinstance(answer, Taken):
            for recipient in submission.envelope.recipients:
                say(f"{recipient.forward_path}... Connecting to inbox...")
                say(f"{recipient.forward_path}... Sent (caught as {answer.message_id})")
        return answer
