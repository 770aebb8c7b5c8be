"""Configuration → deliverer."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from heloise.app.journal import Journal
from heloise.config.schema import Configuration
from heloise.delivery.attempt import DeliveryDoors, discover_agents
from heloise.delivery.deliverer import Deliverer, DeliveryOptions
from heloise.local.mailboxes import LocalMailboxes
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.queue.queue import Queue
from heloise.queue.schedule import RetrySchedule
from heloise.routing.router import Accepted, Router
from heloise.smtp.registry import Registry
from heloise.world import World


class Background:
    """Runs what nobody waits for. asyncio forgets a task that nobody holds."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, patience: float) -> None:
        """Wait at most `patience` seconds for what runs, then cut it off."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        for task in tuple(self._tasks):
            task.cancel()


def make_deliverer(
    configuration: Configuration,
    queue: Queue,
    world: World,
    registry: Registry,
    router: Router,
    mailboxes: LocalMailboxes,
    journal: Journal,
    background: Background,
) -> Deliverer:
    """A deliverer with all agents; not started."""
    delivery, retry = configuration.delivery, configuration.retry
    doors = DeliveryDoors(
        world=world,
        hostname=configuration.hostname,
        extensions=registry,
        mailboxes=mailboxes,
        background=background,
        connect_timeout=delivery.connect_timeout,
    )
    options = DeliveryOptions(
        attempts=delivery.concurrency,
        attempts_per_route=delivery.per_destination,
        schedule=RetrySchedule(
            intervals=tuple(retry.intervals), expire_after=retry.expire_after, warn_after=retry.warn_after
        ),
    )

    def route_report(path: ForwardPath) -> Sequence[tuple[ForwardPath, Route]]:
        """A report of ours may go anywhere; where it can not go, nobody is told (RFC 5321 §6.1)."""
        routing = router.route(path, may_relay=True)
        return routing.expansions if isinstance(routing, Accepted) else ()

    return Deliverer(queue, doors, discover_agents(), route_report, journal, options)
