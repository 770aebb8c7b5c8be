"""A shard on the disk: a directory with the database, the spool of large contents and the lock of its one owner.

Everything here blocks; it is called in the lanes of the store.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import PurePosixPath

import apsw

from heloise.queue.errors import StoreInUse
from heloise.queue.model import LastWord
from heloise.queue.owed import forget_left_behind
from heloise.queue.portions import ROWS_AT_ONCE
from heloise.queue.questions import spool_names
from heloise.queue.schema import GOES_WITH_ITS_MESSAGE, migrate
from heloise.queue.spool import remove_spool_files
from heloise.queue.statements import give_leases_back, hold_without_content
from heloise.queue.writer import as_store_error
from heloise.smtp import replies
from heloise.world import Files

PAGE = 4096  # octets; larger ones write more for the same messages (measured)
_STATEMENTS = 8 * ROWS_AT_ONCE  # kept prepared: those with a number of rows, for each number, and the others
SHORTEST_LOG = 100  # pages
CHECKPOINT = 4000  # pages of the log, 16 MB, until it is written back


class Shard:
    """Opened and closed by one process at a time. See `heloise.queue.sqlite.SqliteStore` for `vfs`, `exclusive`."""

    def __init__(self, directory: str, files: Files, *, vfs: str | None, exclusive: bool) -> None:
        self.directory = directory
        self.spool_directory = f"{directory}/spool"
        self._files = files
        self._vfs = vfs
        self._exclusive = exclusive
        self._lock: int | None = None
        self.writer: apsw.Connection | None = None
        self.reader: apsw.Connection | None = None

    def open(self, now: float) -> None:
        """Take the lock, empty the log, migrate, give back the leases of the last owner (due `now`), sweep the spool.

        Raises StoreFault: another process has it, or a newer program wrote it. May raise apsw.Error and OSError.
        """
        self._make_directories()
        try:
            self._take_lock()
            self.writer = self._connect()
            # A sync that failed may have left frames in the log that are read, but are not on the disk and never will
            # be; what is written behind them would be lost with them. So the log begins anew.
            self.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            migrate(self.writer)
            self.writer.execute(GOES_WITH_ITS_MESSAGE)
            give_leases_back(self.writer, now)
            forget_left_behind(self.writer)
            # Without shared memory there is one connection only.
            self.reader = self.writer if self._exclusive else self._connect()
            named = spool_names(self.writer)
            found = set(self._files.names(self.spool_directory))
            remove_spool_files(self._files, self.spool_directory, sorted(found - named))
            gone = LastWord(at=now, reply=str(replies.CONTENT_GONE), cause=replies.CONTENT_GONE.cause.id)
            hold_without_content(self.writer, sorted(named - found), gone)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close; idempotent. What was committed is safe whether this succeeds or not."""
        connections = [self.reader, self.writer] if self.reader is not self.writer else [self.writer]
        self.reader = self.writer = None
        for connection in connections:
            if connection is not None:
                _close(connection)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_directories(self) -> None:
        """Their names are synced before anything is promised: a synced file in a lost directory is lost."""
        above = [str(path) for path in PurePosixPath(self.spool_directory).parents]
        found = next((number for number, path in enumerate(above) if self._files.exists(path)), 1)
        self._files.make_directory(self.spool_directory)
        for path in above[: max(found, 1) + 1]:
            with suppress(PermissionError):  # a parent we may not read was not made by us
                self._files.sync_directory(path)

    def _connect(self) -> apsw.Connection:
        path = f"{self.directory}/queue.db"
        connection = apsw.Connection(path, vfs=self._vfs, statementcachesize=_STATEMENTS)
        try:
            self._prepare(connection)
        except Exception as error:
            trouble = as_store_error(error, connection)
            _close(connection)
            raise trouble from error
        return connection

    def _prepare(self, connection: apsw.Connection) -> None:
        connection.set_busy_timeout(10_000)
        if self._exclusive:
            connection.pragma("locking_mode", "exclusive")
        connection.pragma("page_size", PAGE)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("temp_store", "memory")
        connection.pragma("automatic_index", False)  # an index made for one question costs more than the answer

    def checkpoint_pages(self) -> int:
        """How long the log may become. What is in it needs its room once more to be written back, so on a small disk
        it is short: else a full disk would hold nothing but a log that can not be written back any more."""
        try:
            room = self._files.free_octets(self.directory) // PAGE
        except OSError:
            return CHECKPOINT
        return min(CHECKPOINT, max(SHORTEST_LOG, room // 8))

    def _take_lock(self) -> None:
        """One owner. The kernel drops the lock when the owner dies, however it dies."""
        if self._vfs is not None:  # another file system, where nobody else is
            return
        descriptor = os.open(f"{self.directory}/queue.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreInUse(f"the queue in {self.directory} is in use by process {owner}") from error
        self._lock = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _close(connection: apsw.Connection) -> None:
    """Closing writes the log back. When the disk refuses that, the next open finds what is in the log."""
    with suppress(apsw.Error):
        connection.close(force=True)
