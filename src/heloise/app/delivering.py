"""Configuration → deliverer."""

from heloise.app.journal import Journal
from heloise.config.schema import Configuration
from heloise.delivery.allowance import Bounds
from heloise.delivery.attempt import DeliveryDoors, discover_agents
from heloise.delivery.background import Background
from heloise.delivery.deliverer import Deliverer, DeliveryOptions
from heloise.local.mailboxes import LocalMailboxes
from heloise.queue.queue import Queue
from heloise.queue.schedule import RetrySchedule
from heloise.routing.router import Router
from heloise.smtp.registry import Registry
from heloise.world import World


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
        bounds_of=lambda names: Bounds(concurrency=delivery.per_destination),
        schedule=RetrySchedule(
            intervals=tuple(retry.intervals), expire_after=retry.expire_after, warn_after=retry.warn_after
        ),
    )
    return Deliverer(queue, doors, discover_agents(), router.route_own, journal, options)
