"""Which recipients of a message lead to the same hosts. RFC 5321 §5.1; §4.5.4.1 wants them in one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from heloise.delivery.attempt import Agents, DeliveryDoors
from heloise.delivery.classify import without_next_hop
from heloise.delivery.next_hop import Found, NextHopGroup, NoNextHop
from heloise.delivery.troubles import Troubles
from heloise.mail.route import Route
from heloise.mail.status import Severity
from heloise.queue.model import QueuedMessage, QueuedRecipient

TOGETHER = 2.0  # seconds that recipients wait for each other's name servers
REMEMBERED = 1.0  # seconds for which an answer holds: a crowd of messages for one route costs one question
_MOST_REMEMBERED = 10_000  # routes


class Finder:
    """Finds the next hops of routes: one question at a time for each, however many messages wait for the answer, and
    none for a while after name servers did not answer."""

    def __init__(self, doors: DeliveryDoors, agents: Agents) -> None:
        self._doors = doors
        self._agents = agents
        self._in_flight: dict[Route, asyncio.Task[Found]] = {}
        self._silent = Troubles()
        self._known: dict[Route, tuple[float, NextHopGroup]] = {}

    def known(self, route: Route) -> NextHopGroup | None:
        """The next hops that were found a moment ago; None when they are to be found."""
        known = self._known.get(route)
        if known is None or self._doors.world.clock.monotonic() - known[0] > REMEMBERED:
            return None
        return known[1]

    def use(self, doors: DeliveryDoors) -> None:
        """Ask by these from now on."""
        self._doors = doors
        self._known.clear()

    async def find(self, route: Route) -> Found | None:
        """The next hops; None for what is done on this machine. Raises whatever the agent raises."""
        agent = self._agents.get(route.transport)
        if agent is None or agent.find is None:
            return None
        known = self._silent.known(route, self._doors.world.clock.monotonic())
        if known is not None:
            return NoNextHop(known.reply)
        task = self._in_flight.get(route)
        if task is None:
            task = asyncio.create_task(agent.find(self._doors, route))
            self._in_flight[route] = task
            begun = self._doors.world.clock.monotonic()
            task.add_done_callback(lambda _: self._found(route, task, begun))
        # Shielded: whoever is cancelled must not take the answer from the others.
        return await asyncio.shield(task)

    async def sorted_out(self, parts: Sequence[QueuedMessage]) -> list[QueuedMessage]:
        """`parts` of a message, each with one route, with those together that lead to the same hosts in the same order
        of preference. What is not found soon, or can not be, stays by itself."""
        tasks = [asyncio.create_task(self.find(part.recipients[0].route)) for part in parts]
        await asyncio.wait(tasks, timeout=TOGETHER)
        groups: dict[object, QueuedMessage] = {}
        for part, task in zip(parts, tasks, strict=True):
            key = self._key(part.recipients[0].route, task)
            before = groups.get(key)
            groups[key] = part if before is None else with_recipients(part, before.recipients + part.recipients)
        return list(groups.values())

    def forgive(self) -> None:
        """Ask again at once."""
        self._silent.forgive()
        self._known.clear()

    def close(self) -> None:
        """Cut off what is being asked; whoever waits is cancelled."""
        for task in self._in_flight.values():
            task.cancel()

    def _key(self, route: Route, task: "asyncio.Task[Found | None]") -> object:
        if not task.done():
            task.cancel()
            return route
        if task.cancelled() or task.exception() is not None:
            return route
        found = task.result()
        return (self._agents[route.transport].lmtp, found.levels) if isinstance(found, NextHopGroup) else route

    def _found(self, route: Route, task: "asyncio.Task[Found]", begun: float) -> None:
        del self._in_flight[route]
        if task.cancelled() or task.exception() is not None:
            return
        found, now = task.result(), self._doors.world.clock.monotonic()
        if isinstance(found, NoNextHop) and found.reply.severity is Severity.TRANSIENT:
            self._silent.failed(route, without_next_hop(found.reply), begun=begun, now=now)
            return
        self._silent.works(route)
        if isinstance(found, NextHopGroup):
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[route] = (now, found)


def by_route(message: QueuedMessage, recipients: Sequence[QueuedRecipient]) -> list[QueuedMessage]:
    """The message in parts, each with the recipients of one route."""
    if len(recipients) == len(message.recipients) == 1:
        return [message]  # as most are
    routes: dict[Route, list[QueuedRecipient]] = {}
    for recipient in recipients:
        routes.setdefault(recipient.route, []).append(recipient)
    return [with_recipients(message, tuple(group)) for group in routes.values()]


def with_recipients(message: QueuedMessage, recipients: tuple[QueuedRecipient, ...]) -> QueuedMessage:
    """The part of a message that is for these."""
    return replace(message, recipients=recipients)
