"""The queue and the passports of a server that does not run, as an operator asks them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from heloise.app.control import QueueControl
from heloise.app.control_desk import ControlDesk
from heloise.app.journal import Journal
from heloise.app.passports import make_office
from heloise.app.tables import routing_tables
from heloise.config.schema import Configuration
from heloise.local.mailboxes import LocalMailboxes
from heloise.queue.memory import MemoryStore
from heloise.queue.sqlite import SqliteStore
from heloise.routing.router import Router
from heloise.world import World


@asynccontextmanager
async def offline_control(configuration: Configuration, world: World) -> AsyncIterator[QueueControl]:
    """What is on the disk; nothing is made there that was not there before. Raises StoreFault."""
    directory = f"{configuration.state}/queue"
    # Asking must not make a queue: one that is not there is an empty one.
    store = SqliteStore(directory, world) if world.files.exists(directory) else MemoryStore()
    journal = Journal(lambda level, event, fields: None)
    await store.open()
    try:
        office = make_office(configuration, world, journal)
        # Where an address leads is in the tables; whether its mailbox takes mail now the queue can wait for.
        router = Router(routing_tables(configuration), LocalMailboxes((), world.files, world.clock))
        desk = ControlDesk(store, world.clock, journal=journal, passports=office, routed=router.route_own)
        try:
            yield QueueControl(desk.ask, desk.pieces)
        finally:
            if office is not None:
                await office.close()
    finally:
        await store.close()
