"""A simulated machine with a SQLite store and a queue over it, whose disk can be made to fail at a chosen moment."""

import errno
from collections.abc import Callable
from dataclasses import replace

from heloise.mail.content import ContentFacts
from heloise.mail.sink import Companion, SinkAnswer, Submission
from heloise.queue.model import QueuedMessage, Selection
from heloise.queue.queue import Queue, QueueOptions
from heloise.queue.sqlite import SqliteStore
from heloise.testing import SimulatedDisk, SimulatedVfs, SimulatedWorld, Unsynced
from heloise.testing.queue_contract import read
from heloise.world import World

DIRECTORY = "/var/lib/heloise/queue"


class Machine:
    """One machine; `open` starts the queue, on what the disk holds by then."""

    def __init__(self, simulation: SimulatedWorld, kind: type[SqliteStore] = SqliteStore) -> None:
        self.kind = kind
        self.directory = DIRECTORY
        host = simulation.host("mx.example.org", "192.0.2.1")
        self.disk: SimulatedDisk = host.disk
        self.world: World = host.world
        self.store: SqliteStore
        self.queue: Queue
        self._vfs: SimulatedVfs
        self._killed: list[Queue] = []  # kept, so that nothing of them is closed while the next program runs

    async def open(self, options: QueueOptions | None = None) -> Queue:
        self._vfs = SimulatedVfs(self.disk, clock=self.world.clock)
        self.store = self.kind(self.directory, self.world, vfs=self._vfs.name, exclusive=True)
        self.queue = Queue(self.store, self.world, spool_directory=self.store.spool_directory, options=options)
        await self.queue.open()
        return self.queue

    async def put(self, submission: Submission, octets: bytes, *companions: Companion) -> SinkAnswer:
        """Bring a message, in pieces."""
        deposit = self.queue.begin(submission)
        for start in range(0, len(octets), 50_000):
            await deposit.write(octets[start : start + 50_000])
        return await deposit.commit(ContentFacts(size=len(octets)), companions)

    async def stored(self) -> dict[str, tuple[QueuedMessage, bytes | None]]:
        """Every message there is, with its content."""
        messages = await self.queue.list(Selection(), limit=1000)
        return {each.message_id: (each, await read(await self.queue.content(each.message_id))) for each in messages}

    def spool_names(self) -> list[str]:
        return self.disk.names(f"{self.directory}/spool")

    def kill(self) -> None:
        """End the program as kill -9 does: what it has written is there, synced or not."""
        self._vfs.revoke()
        self._killed.append(self.queue)

    def crash(self, unsynced: Unsynced) -> None:
        """Cut the power; the disk that is found afterwards is used from now on."""
        self.disk = self.disk.crash(unsynced)
        self.world = replace(self.world, files=self.disk)


class PowerCut:
    """Cuts the power of a machine at sync `number` (from 1), before it is done; `end` tells whether it came to that."""

    def __init__(self, machine: Machine, number: int, unsynced: Unsynced) -> None:
        self._machine = machine
        self._left = number
        self._unsynced = unsynced
        disk = machine.disk
        disk.sync_inode = self._watch(disk.sync_inode)  # type: ignore[method-assign]
        disk.sync_directory = self._watch(disk.sync_directory)  # type: ignore[method-assign]

    def end(self) -> bool:
        happened = self._left <= 0
        self._left = 0
        return happened

    def _watch(self, sync: Callable[..., None]) -> Callable[..., None]:
        def watched(*arguments: object) -> None:
            self._left -= 1
            if self._left == 0:
                self._machine.crash(self._unsynced)
                raise OSError(errno.EIO, "the power was cut")
            sync(*arguments)

        return watched
