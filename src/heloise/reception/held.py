"""A content that is held back until it was looked at: its beginning in memory, the rest in a file.

Only where somebody has to be asked about the whole message. It is nobody's responsibility yet: the file is not what the
message is stored in, and is gone when the answer is known, or with the next start.
"""

from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from heloise.mail.ids import MessageId
from heloise.queue.spool import SpoolContent, SpoolWriter
from heloise.world import World

T = TypeVar("T")

BEGINNING = 256 << 10  # octets in memory; header and body of nearly every message


class HeldContent:
    """Takes octets as a deposit does, and is read again instead of committed.

    `directory` is where the rest of large ones goes; None to have all in memory. The message has its id already.
    """

    def __init__(self, world: World, directory: str | None, message_id: MessageId) -> None:
        self._world = world
        self._directory = directory
        self.message_id = message_id
        # Not the name that it will have in the queue.
        self._name = f"{message_id}.held"
        self._chunks: list[bytes] = []
        self._size = 0
        self._spool: SpoolWriter | None = None
        self._header_end = 0
        self._beginning = b""

    @property
    def size(self) -> int:
        """Of the body: all that is not in `header`."""
        return self._size - self._header_end

    async def write(self, octets: bytes) -> None:
        """Take the next octets. Raises OSError."""
        self._size += len(octets)
        if self._spool is None and (self._size <= BEGINNING or self._directory is None):
            self._chunks.append(octets)
            return
        if self._spool is None:
            assert self._directory is not None
            world = self._world
            self._spool = SpoolWriter(world.files, world.blocking, self._directory, self._name)
        await self._spool.write(octets)

    async def finish(self) -> bytes:
        """All is here: the header, up to its last CRLF. Raises OSError."""
        self._beginning = b"".join(self._chunks)
        self._chunks.clear()
        self._header_end = _end_of_header(self._beginning)
        if self._spool is not None:
            await self._spool.finish()
        return self._beginning[: self._header_end]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, with the empty line that parts it from the header, as often as it is wanted. Raises OSError."""
        if len(self._beginning) > self._header_end:
            yield self._beginning[self._header_end :]
        if self._spool is not None:
            path, rest = f"{self._directory}/{self._name}", self._size - len(self._beginning)
            async for octets in SpoolContent(self._world.files, self._world.blocking, path, rest).chunks():
                yield octets

    async def discard(self) -> None:
        """Nothing is left of it."""
        self._chunks.clear()
        self._beginning = b""
        spool, self._spool = self._spool, None
        if spool is not None:
            await spool.discard()


async def disposing(content: HeldContent, work: Coroutine[Any, Any, T]) -> T:
    """Do this work, and be rid of the content, however it ends."""
    try:
        return await work
    finally:
        await content.discard()


async def next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next one; None when there is none."""
    return await anext(chunks, None)


def _end_of_header(beginning: bytes) -> int:
    """How many octets the header has. Without an empty line in sight it is all lines that are whole."""
    if beginning.startswith(b"\r\n"):
        return 0
    end = beginning.find(b"\r\n\r\n")
    return end + 2 if end >= 0 else beginning.rfind(b"\r\n") + 2 if b"\r\n" in beginning else len(beginning)
