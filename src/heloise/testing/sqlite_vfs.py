"""SQLite on a simulated disk: an apsw VFS, so that the real queue store runs, crashes and recovers in simulation.

    vfs = SimulatedVfs(host.disk, clock=host.world.clock)
    connection = apsw.Connection("/var/lib/heloise/queue.db", vfs=vfs.name)
    connection.pragma("locking_mode", "exclusive")     # before journal_mode: there is no shared memory in here
    connection.pragma("journal_mode", "wal")

It syncs where SQLite's own VFS for Unix does, names included: the directory after a journal or WAL was created, and
after a delete that asks for it. After a power cut, make a new one for the new disk.
"""

import errno
import itertools
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

import apsw

from heloise.testing.disk import SimulatedDisk, SimulatedFile
from heloise.testing.inode import Inode
from heloise.world.clock import Clock

_JOURNALS: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
_UNIX_EPOCH_IN_JULIAN_MILLISECONDS: Final = 210_866_760_000_000
_serial = itertools.count(1)


@contextmanager
def _mapped(code: int) -> Iterator[None]:
    """An OSError becomes SQLite's error of this (extended) code, but for a full disk, which has one of its own."""
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise apsw.exception_for(apsw.SQLITE_FULL if full else code) from error


class _Locks:
    """Who holds which lock on which file, by the rules of https://sqlite.org/lockingv3.html."""

    def __init__(self) -> None:
        self._held: dict[Inode, dict[_VfsFile, int]] = {}

    def raise_to(self, level: int, file: "_VfsFile") -> None:
        held = self._held.setdefault(file.inode, {})
        others = max((other for holder, other in held.items() if holder is not file), default=apsw.SQLITE_LOCK_NONE)
        wanted_alone = level >= apsw.SQLITE_LOCK_RESERVED
        if others >= (apsw.SQLITE_LOCK_RESERVED if wanted_alone else apsw.SQLITE_LOCK_PENDING):
            raise apsw.BusyError("another connection holds the lock")
        if level == apsw.SQLITE_LOCK_EXCLUSIVE and others > apsw.SQLITE_LOCK_NONE:
            held[file] = apsw.SQLITE_LOCK_PENDING  # let the readers leave and no new ones in
            raise apsw.BusyError("others are reading")
        held[file] = max(level, held.get(file, level))

    def lower_to(self, level: int, file: "_VfsFile") -> None:
        held = self._held.setdefault(file.inode, {})
        if level == apsw.SQLITE_LOCK_NONE:
            held.pop(file, None)
        else:
            held[file] = min(level, held.get(file, level))

    def reserved(self, file: "_VfsFile") -> bool:
        return any(level >= apsw.SQLITE_LOCK_RESERVED for level in self._held.get(file.inode, {}).values())


class _VfsFile:
    """One open file, as SQLite wants it. Its methods raise apsw's errors."""

    def __init__(self, vfs: "SimulatedVfs", file: SimulatedFile, *, unnamed_in: str, remove: str) -> None:
        self._vfs = vfs
        self._file = file
        self._locks = vfs.locks
        self._disk = vfs.disk
        self._unnamed_in = unnamed_in  # the directory to sync with the first sync, or nothing
        self._remove = remove  # the path to remove at the close, or nothing

    @property
    def inode(self) -> Inode:
        return self._file.inode

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802  # SQLite's names, here and below
        with _mapped(apsw.SQLITE_IOERR_READ):
            return self._file.read_at(offset, amount)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        with _mapped(apsw.SQLITE_IOERR_WRITE):
            self._file.write_at(offset, data)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        with _mapped(apsw.SQLITE_IOERR_TRUNCATE):
            self._file.truncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        with _mapped(apsw.SQLITE_IOERR_FSYNC):
            self._file.sync()
            if self._unnamed_in:
                self._disk.sync_directory(self._unnamed_in)
                self._unnamed_in = ""

    def xFileSize(self) -> int:  # noqa: N802
        with _mapped(apsw.SQLITE_IOERR_FSTAT):
            return self._file.size()

    def xLock(self, level: int) -> None:  # noqa: N802
        self._locks.raise_to(level, self)

    def xUnlock(self, level: int) -> None:  # noqa: N802
        self._locks.lower_to(level, self)

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return self._locks.reserved(self)

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        # What SQLite assumes of Unix disks, and what ours keeps: a torn write harms nothing outside its range.
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        return False

    def xClose(self) -> None:  # noqa: N802
        self._locks.lower_to(apsw.SQLITE_LOCK_NONE, self)
        self._file.close()
        self._vfs.files.remove(self._file)
        if self._remove:
            with _mapped(apsw.SQLITE_IOERR_CLOSE):
                self._disk.remove(self._remove)


class SimulatedVfs(apsw.VFS):
    """All SQLite files of one simulated disk. Keep it as long as a connection uses it; `name` is for `vfs=`."""

    def __init__(self, disk: SimulatedDisk, *, clock: Clock) -> None:
        self.name = f"heloise-simulated-{next(_serial)}"
        self.disk = disk
        self._clock = clock
        self.locks = _Locks()
        self.files: list[SimulatedFile] = []
        self._revoked = False
        super().__init__(self.name, "")

    def revoke(self) -> None:
        """The program that used it was killed: its connections, should any still be held, fail from now on."""
        self._revoked = True
        for file in self.files:
            file.close()
        for connection in apsw.connections():
            if connection.open_vfs == self.name:
                # Else closing it would try to write the log back, and apsw print that this fails.
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open or create; a file without a name is temporary."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or f"/tmp/sqlite-{next(_serial)}"
        wanted = flags[0]
        with _mapped(apsw.SQLITE_CANTOPEN):
            self._check()
            new = not self.disk.exists(path)
            if new or wanted & apsw.SQLITE_OPEN_EXCLUSIVE:
                self._may_create(wanted)
                file = self.disk.create(path)
            else:
                file = self.disk.open(path)
        flags[1] = wanted
        self.files.append(file)
        opened = _VfsFile(
            self,
            file,
            unnamed_in=posixpath.dirname(path) if new and wanted & _JOURNALS else "",
            remove=path if wanted & apsw.SQLITE_OPEN_DELETEONCLOSE else "",
        )
        # Not derived from VFSFile on purpose: that would open a real file beside ours. apsw asks for the methods only.
        return cast(apsw.VFSFile, opened)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Remove a file, and if asked see that it stays removed."""
        with _mapped(apsw.SQLITE_IOERR_DELETE):
            self._check()
            if not self.disk.exists(filename):
                raise apsw.exception_for(apsw.SQLITE_IOERR_DELETE_NOENT)
            self.disk.remove(filename)
        if syncdir:
            with _mapped(apsw.SQLITE_IOERR_DIR_FSYNC):
                self.disk.sync_directory(posixpath.dirname(filename))

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        """Is it there? Everybody may do everything."""
        with _mapped(apsw.SQLITE_IOERR_ACCESS):
            return self.disk.exists(pathname)

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        """Paths are absolute already."""
        return posixpath.normpath(name)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        """Waiting for a lock in a world where nobody else runs meanwhile: no time passes."""
        return microseconds

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        """The simulated time, in milliseconds of the Julian day."""
        return _UNIX_EPOCH_IN_JULIAN_MILLISECONDS + int(self._clock.now() * 1000)

    def _check(self) -> None:
        if self._revoked:
            raise OSError(errno.EIO, "the program was killed")

    def _may_create(self, wanted: int) -> None:
        if not wanted & apsw.SQLITE_OPEN_CREATE:
            raise FileNotFoundError(errno.ENOENT, "no such database")
