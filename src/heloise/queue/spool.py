"""Large contents: one file each, streamed in and out. A file is synced, and its name, before its row is written."""

from collections.abc import AsyncIterator, Iterable, Sequence
from threading import Lock

from heloise.mail.content import CHUNK
from heloise.world import Blocking, File, Files

ROW_LIMIT = 65536  # octets; a larger content is a file (measured: rows win below, files by far above)
_WRITE_AT_ONCE = 4 * CHUNK
_LEAST_AT_ONCE = CHUNK // 4
_WAITING_TOGETHER = 16 << 20


class Crowd:
    """The contents that are on their way into files, and how much of each may wait in memory.

    It is less when they are many, so thousands of senders who never come to an end take hardly more than a hundred do.
    """

    def __init__(self) -> None:
        self._present = 0
        self.at_once = _WRITE_AT_ONCE

    def enter(self) -> None:
        """One more."""
        self._present += 1
        self._share()

    def leave(self) -> None:
        """One less."""
        self._present -= 1
        self._share()

    def _share(self) -> None:
        self.at_once = min(max(_WAITING_TOGETHER // max(self._present, 1), _LEAST_AT_ONCE), _WRITE_AT_ONCE)


class SpoolWriter:
    """Writes one content, in a `crowd` of others. Every method may raise OSError."""

    def __init__(self, files: Files, blocking: Blocking, directory: str, name: str, crowd: Crowd | None = None) -> None:
        self._crowd: Crowd | None = Crowd() if crowd is None else crowd
        self._crowd.enter()
        self._files = files
        self._blocking = blocking
        self._directory = directory
        self.name = name
        self._names = [name]
        self._path = f"{directory}/{name}"
        # A write whose waiter was cancelled still runs, and `discard` must not close the file under it: the kernel
        # may have given the number of the descriptor to somebody else's socket by then.
        self._turn = Lock()
        self._has_ended = False
        self._file: File | None = None
        self._waiting: list[bytes] = []
        self._size = 0

    async def write(self, octets: bytes) -> None:
        """Append octets; they reach the file in larger pieces."""
        self._waiting.append(octets)
        self._size += len(octets)
        if self._crowd is None or self._size >= self._crowd.at_once:
            waiting, self._waiting, self._size = self._waiting, [], 0
            await self._blocking.run(self._flush, waiting)

    async def finish(self, *more_names: str) -> None:
        """All that was written is on stable storage when this returns, and so is the name.

        So are the other names that the file has from then on. Each is removed by itself; the last one takes the
        content along.
        """
        self._leave()
        waiting, self._waiting, self._size = self._waiting, [], 0
        await self._blocking.run(self._finish, waiting, more_names)

    async def discard(self) -> None:
        """Remove the file under all its names, if there is one."""
        self._leave()
        self._waiting.clear()
        await self._blocking.run(self._discard)

    def _leave(self) -> None:
        crowd, self._crowd = self._crowd, None
        if crowd is not None:
            crowd.leave()

    def _flush(self, waiting: list[bytes]) -> None:
        with self._turn:
            self._append(waiting)

    def _append(self, waiting: list[bytes]) -> None:
        if self._has_ended:
            return
        if self._file is None:
            self._file = self._files.create(self._path)
        octets = b"".join(waiting)
        for start in range(0, len(octets), CHUNK):  # one huge write is slower than many of this size
            self._file.write(octets[start : start + CHUNK])

    def _finish(self, waiting: list[bytes], more_names: Sequence[str]) -> None:
        with self._turn:
            self._append(waiting)
            self._has_ended = True
            if self._file is not None:
                self._file.sync()
                self._file.close()
            for name in more_names:
                self._files.link(self._path, f"{self._directory}/{name}")
                self._names.append(name)
            self._files.sync_directory(self._directory)

    def _discard(self) -> None:
        with self._turn:
            self._has_ended = True
            if self._file is not None:
                self._file.close()
                remove_spool_files(self._files, self._directory, self._names)


class SpoolContent:
    """A content in a spool file."""

    def __init__(self, files: Files, blocking: Blocking, path: str, size: int) -> None:
        self._files = files
        self._blocking = blocking
        self._path = path
        self._size = size

    @property
    def size(self) -> int:
        """How many octets."""
        return self._size

    async def chunks(self) -> AsyncIterator[bytes]:
        """The octets from the start. Raises OSError."""
        reading = _Reading(await self._blocking.run(self._files.open, self._path))
        try:
            while octets := await self._blocking.run(reading.read):
                yield octets
        finally:
            reading.close()


class _Reading:
    """An open file that is never closed under a read: see `SpoolWriter`."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._turn = Lock()
        self._has_ended = False

    def read(self) -> bytes:
        with self._turn:
            octets = b"" if self._has_ended else self._file.read(_WRITE_AT_ONCE)
        if self._has_ended:
            self.close()
        return octets

    def close(self) -> None:
        """Now, or by the read that is under way."""
        self._has_ended = True
        if self._turn.acquire(blocking=False):
            self._file.close()
            self._turn.release()


def remove_spool_files(files: Files, directory: str, names: Iterable[str]) -> None:
    """Remove files that no row names. One that is gone already is fine; others stay for the next sweep."""
    for name in names:
        try:
            files.remove(f"{directory}/{name}")
        except OSError:
            continue
