"""Who writes passports: takes what is told without waiting, and writes it in a lane of its own about once a second.

Memory is bounded: when the disk can not keep up the oldest entries are dropped and counted. Nothing here ever fails
for whoever tells, and nothing of it stops the server.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from heloise.passport.archive import Archive, ArchiveFault, Retention
from heloise.passport.entries import Entry
from heloise.passport.timeline import Timeline, find, read
from heloise.world import World

PAUSE = 1.0  # seconds from the first entry until it is written
BATCH = 1000  # entries in one transaction
CAPACITY = 50_000  # entries in memory; more than the disk can be behind by


class PassportOffice:
    """Passports in `archive`. `told` hears, once for each new trouble, what is wrong."""

    def __init__(self, archive: Archive, world: World, *, told: Callable[[str], None] = lambda trouble: None) -> None:
        self.dropped = 0  # entries that were not written, since the start
        self._archive = archive
        self._clock = world.clock
        self._lane = world.blocking.lane("passport")
        self._told = told
        self._waiting: deque[Entry] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_troubled = False
        self._is_closed = False
        self.now = world.clock.now

    @property
    def retention(self) -> Retention:
        """What is kept, and for how long."""
        return self._archive.retention

    def keep(self, retention: Retention) -> None:
        """Keep so much from now on."""
        self._archive.retention = retention

    def record(self, entry: Entry) -> None:
        """Take an entry. Costs next to nothing, never raises, never waits."""
        waiting = self._waiting
        waiting.append(entry)
        if self._timer is None:
            self._begin_to_wait()
        elif len(waiting) >= BATCH and self._task is None:
            self._write_now()
        if len(waiting) > CAPACITY:
            waiting.popleft()
            self._drop(1, "the disk can not keep up; the oldest entries are dropped")

    async def flush(self) -> None:
        """Have everything written that was told so far."""
        for _ in range(0, len(self._waiting), BATCH):
            await self._write_batch()
        await self._lane.run(lambda: None)  # behind what another task has under way

    async def close(self) -> None:
        """Write what is left and close. Idempotent."""
        if self._is_closed:
            return
        await self.flush()
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._lane.run(self._archive.close)
        await self._lane.close()

    async def timeline(self, owner: str) -> Timeline | None:
        """The passport of a message or a session; None when there is none. Raises ArchiveFault."""
        await self.flush()
        return await self._lane.run(read, self._archive, owner)

    async def find(self, *, sender: str | None, recipient: str | None, limit: int) -> list[Timeline]:
        """Messages, and sessions that were refused, by address; the newest first. Raises ArchiveFault."""
        await self.flush()
        return await self._lane.run(find, self._archive, sender=sender, recipient=recipient, limit=limit)

    # What follows is not for others.

    def _begin_to_wait(self) -> None:
        if not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._write_now)

    def _write_now(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write(), name="passports")

    async def _write(self) -> None:
        """What is there now; what comes meanwhile waits for its own second."""
        try:
            for _ in range(0, len(self._waiting), BATCH):
                await self._write_batch()
        finally:
            self._task = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._waiting:
                self._begin_to_wait()

    async def _write_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            set_aside = await self._lane.run(self._archive.write, batch, self._clock.now())
        except Exception as error:  # whatever it is, it is history that is lost, and not mail
            self._drop(len(batch), str(error))
            return
        self._is_troubled = False
        if set_aside is not None:
            self._told(f"the database was damaged; it is kept as {set_aside}, and a new one was begun")

    def _drop(self, count: int, why: str) -> None:
        self.dropped += count
        if not self._is_troubled:
            self._is_troubled = True
            self._told(why)


__all__ = ["ArchiveFault", "PassportOffice"]
