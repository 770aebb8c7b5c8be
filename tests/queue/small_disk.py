"""What `test_small_disk.py` runs in a mount namespace of its own: a queue on a file system of a few megabytes.

Called with the directory; prints what happened as JSON.
"""

import asyncio
import errno
import json
import sys
from pathlib import Path

from heloise.mail.content import ContentFacts
from heloise.mail.reply import Reply
from heloise.mail.sink import SinkAnswer, Taken
from heloise.net import real_world
from heloise.queue.errors import StoreFault
from heloise.queue.model import RecipientState, Selection
from heloise.queue.queue import Queue
from heloise.queue.sqlite import SqliteStore
from heloise.testing.queue_contract import new_message, read, settlement


class Story:
    """A queue in `disk`, what it took, and what is told of it."""

    def __init__(self, disk: Path) -> None:
        self._ballast = disk / "ballast"
        self._directory = str(disk / "queue")
        self._queue: Queue
        self._taken: list[str] = []
        self.told: dict[str, object] = {}

    async def run(self) -> None:
        self._ballast.write_bytes(bytes(2 << 20))
        await self._open()
        refusals = [await self._fill(f"M{size:06}-", size) for size in (200_000, 3_000)]
        self.told["refusals"] = [[reply.code, str(reply.status), reply.cause.id] for reply in refusals]
        self.told["taken before"] = len(self._taken)
        self._ballast.unlink()
        answers = await asyncio.gather(*(self._put(f"N{number:02}", 3_000) for number in range(50)))
        self.told["taken after"] = sum(isinstance(answer, Taken) for answer in answers)
        await self._settle_some()
        await self._queue.close()
        self._fill_up()
        try:
            await self._open()
        except StoreFault as fault:
            self.told["opened on a full disk"] = type(fault).__name__
        await self._queue.close()
        self._ballast.unlink()
        await self._open()
        await self._compare()
        await self._queue.close()

    async def _open(self) -> None:
        world = real_world()
        store = SqliteStore(self._directory, world)
        self._queue = Queue(store, world, spool_directory=store.spool_directory)
        await self._queue.open()

    async def _put(self, name: str, size: int) -> SinkAnswer:
        deposit = self._queue.begin(new_message(name).submission)
        for start in range(0, size, 50_000):
            await deposit.write(b"x" * min(50_000, size - start))
        answer = await deposit.commit(ContentFacts(size=size))
        if isinstance(answer, Taken):
            self._taken.append(answer.message_id)
        return answer

    async def _fill(self, prefix: str, size: int) -> Reply:
        number = 0
        while isinstance(answer := await self._put(f"{prefix}{number:04}", size), Taken):
            number += 1
        return answer.reply

    async def _settle_some(self) -> None:
        for lease in await self._queue.next_leases(10):
            await self._queue.settle(settlement(lease.message, RecipientState.DELIVERED))
            self._taken.remove(lease.message.message_id)

    def _fill_up(self) -> None:
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(512))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    async def _compare(self) -> None:
        messages = await self._queue.list(Selection(), limit=10_000)
        whole = [
            message.message_id
            for message in messages
            if await read(await self._queue.content(message.message_id)) == b"x" * message.facts.size
        ]
        self.told["exactly what was taken is there, and whole"] = sorted(whole) == sorted(self._taken)


def main() -> None:
    story = Story(Path(sys.argv[1]))
    asyncio.run(story.run())
    print(json.dumps(story.told))


if __name__ == "__main__":
    main()
