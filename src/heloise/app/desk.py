"""What a session may ask of the queue: ETRN, HELP STATUS, room for a message, and VERB's first attempt."""

from collections.abc import Callable
from dataclasses import replace

from heloise.config.listening import Etrn
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.mail.sink import Refused, Submission, Taken
from heloise.queue.errors import StoreFault
from heloise.queue.model import RecipientState, Selection
from heloise.queue.queue import Queue
from heloise.reception.reception import Commit, Say
from heloise.routing.expansion import route_elsewhere
from heloise.routing.lookup import find_route
from heloise.routing.tables import RoutingTables
from heloise.smtp import replies
from heloise.world import World

_COUNTED = 1000  # messages that ETRN counts; of more it does not say how many
VERBOSE_TIME = 60.0  # seconds a VERB client waits for the first attempt; RFC 5321 §4.5.3.2.6 gives it ten minutes


class ServerDesk:
    """The desk of a running server."""

    def __init__(
        self,
        *,
        queue: Queue,
        world: World,
        tables: RoutingTables,
        forgive: Callable[[Route | None], None],
        etrn: Etrn,
        etrn_rule: Rule | None,
        minimum_free_rule: Rule | None,
        version: str,
    ) -> None:
        self._forgive = forgive
        self._queue = queue
        self._world = world
        self._tables = tables
        self._etrn = etrn
        self._etrn_rule = etrn_rule
        self._minimum_free_rule = minimum_free_rule
        self._version = version
        self._started = world.clock.monotonic()

    def room_for(self, size: int) -> Reply | None:
        """See `heloise.reception.reception.QueueDesk`. A disk that can not be looked at has no room either: 451."""
        try:
            refusal = self._queue.room_for(size)
        except OSError as error:
            return replies.storage_fault(str(error))
        if refusal is None:
            return None
        return refusal.with_cause(replace(refusal.cause, rule=self._minimum_free_rule))

    async def run(self, kind: str, node: str) -> Reply:
        """ETRN: make what waits for the node due now. RFC 1985 §5. A hold of an operator is not touched."""
        shown = f"{kind}{node}"
        if kind == "#" or not self._etrn.allows(node) or node in self._tables.domains:
            return replies.queue_run_refused(shown, causes.ETRN_REFUSED.because(self._etrn_rule, node=shown))
        selection = Selection(domain=f"{kind}{node}")
        try:
            # Past the back-off of the destination as well; for many domains at once that of all of them.
            self._forgive(None if kind else _route_to(self._tables, node))
            waiting = await self._queue.list(replace(selection, state=RecipientState.WAITING), limit=_COUNTED)
            if await self._queue.retry(selection, due=self._world.clock.now()):
                return _started(shown, len(waiting))
            under_way = await self._queue.count(replace(selection, state=RecipientState.LEASED))
        except StoreFault as error:
            return replies.queue_run_trouble(shown, str(error))
        return replies.queue_run_under_way(shown) if under_way else replies.nothing_waiting(shown)

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

    async def run(self, kind: str, node: str) -> Reply:
        """Nothing ever waits here."""
        return replies.nothing_waiting(f"{kind}{node}")

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
