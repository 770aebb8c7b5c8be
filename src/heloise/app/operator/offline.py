"""The queues and the passports of a server that does not run, as an operator asks them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from heloise.app.configured.passports import make_office
from heloise.app.configured.tables import routing_tables
from heloise.app.journal import Journal
from heloise.app.operator.control import QueueControl
from heloise.app.operator.control_desk import ControlDesk
from heloise.app.operator.crew_control import ShardDesk
from heloise.app.server.part import Part, orphaned_shards, shard_directory
from heloise.config.schema import Configuration
from heloise.local.mailboxes import LocalMailboxes
from heloise.queue.memory import MemoryStore
from heloise.queue.sqlite import SqliteStore
from heloise.routing.router import Router
from heloise.world import World


@asynccontextmanager
async def offline_control(configuration: Configuration, world: World) -> AsyncIterator[QueueControl]:
    """What is on the disk; nothing is made there that was not there before. Raises StoreFault."""
    # Where an address leads is in the tables; whether its mailbox takes mail now the queue can wait for.
    router = Router(routing_tables(configuration), LocalMailboxes((), world.files, world.clock))
    async with AsyncExitStack() as stack:
        desks = []
        for index, directory in _shards(configuration, world):
            # Asking must not make a queue: one that is not there is an empty one.
            store = SqliteStore(directory, world) if world.files.exists(directory) else MemoryStore()
            await store.open()
            stack.push_async_callback(store.close)
            journal = Journal(lambda level, event, fields: None)
            office = make_office(configuration, world, journal, part=Part(index))
            if office is not None:
                stack.push_async_callback(office.close)
            desks.append(ControlDesk(store, world.clock, journal=journal, passports=office, routed=router.route_own))
        desk = ShardDesk(desks)
        yield QueueControl(desk.ask, desk.pieces)


def _shards(configuration: Configuration, world: World) -> list[tuple[int, str]]:
    """The number and the directory of each queue; the first one also when there is none."""
    numbers = [0, *orphaned_shards(configuration, world.files, 1)]
    return [(index, shard_directory(configuration, index)) for index in numbers]
