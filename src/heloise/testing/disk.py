"""A disk that forgets what was not synced.

It is as strict as POSIX allows: what was written survives a power cut only after `sync` of the file, a name only after
`sync_directory` of its directory, and syncing a file says nothing about its name. A file system of today is often
kinder; a program that passes here needs no kindness. `crash` gives the disk that is found after the power cut and
kills the old one.
"""

import errno
import posixpath
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from heloise.testing.inode import Directory, Inode, NameChange, Node, Tree, Truncate, Unsynced, Write, count_kept
from heloise.testing.trace import Trace
from heloise.world.clock import Clock

BOUNDLESS: Final = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFaults:
    """What is wrong with a disk.

    Attributes:
        quota: octets it holds; a write beyond raises ENOSPC and writes nothing.
        lies: it says that it has synced and has not.
        sync_failure: how often a sync raises EIO, from 0 to 1.
    """

    quota: int = BOUNDLESS
    lies: bool = False
    sync_failure: float = 0.0


NO_DISK_FAULTS: Final = DiskFaults()


class SimulatedFile:
    """An open file; `read_at`, `write_at` and `truncate` are for the SQLite VFS."""

    def __init__(self, disk: "SimulatedDisk", path: str, inode: Inode) -> None:
        self._disk = disk
        self._path = path
        self._inode = inode
        self._place = 0
        self._open = True

    def write(self, octets: bytes) -> None:
        """Append all of `octets`."""
        self.write_at(self._place, octets)
        self._place += len(octets)

    def read(self, size: int) -> bytes:
        """At most `size` octets from the current place."""
        octets = self.read_at(self._place, size)
        self._place += len(octets)
        return octets

    def sync(self) -> None:
        """Make the content stable, if the disk is honest."""
        self._check()
        self._disk.sync_inode(self._path, self._inode)

    def close(self) -> None:
        """Close; idempotent."""
        self._open = False

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` octets from `offset` on."""
        self._check()
        return bytes(self._inode.content[offset : offset + size])

    def write_at(self, offset: int, octets: bytes) -> None:
        """Write at `offset`."""
        self._check()
        self._disk.change(self._path, self._inode, Write(offset, bytes(octets)))

    def truncate(self, size: int) -> None:
        """Set the size."""
        self._check()
        self._disk.change(self._path, self._inode, Truncate(size))

    def size(self) -> int:
        """The size in octets."""
        self._check()
        return len(self._inode.content)

    @property
    def inode(self) -> Inode:
        """The file itself, whatever its name."""
        return self._inode

    def _check(self) -> None:
        if not self._open:
            raise OSError(errno.EBADF, "the file is closed", self._path)
        self._disk.check_power()


class SimulatedDisk:
    """A whole file system, `heloise.world.Files`. All methods raise `OSError`.

    Args:
        directories: made, and stable, from the beginning.
    """

    def __init__(
        self,
        *,
        seed: str,
        clock: Clock,
        trace: Trace,
        faults: DiskFaults = NO_DISK_FAULTS,
        directories: Iterable[str] = (),
    ) -> None:
        self.faults = faults
        self._seed = seed
        self._generator = random.Random(seed)
        self._clock = clock
        self._trace = trace
        self._tree = Tree()
        self._stable = Tree()
        self._pending: list[NameChange] = []
        self._failing_syncs = 0
        self._power = True
        for path in directories:
            self.make_directory(path)
        self._settle(self._pending)

    # The door.

    def create(self, path: str, mode: int = 0o600) -> SimulatedFile:
        """Create for writing; FileExistsError when there is one already."""
        path = self._normal(path)
        if self._tree.get(path) is not None:
            raise FileExistsError(errno.EEXIST, "there is one already", path)
        self._parent_of(path)
        inode = Inode(modified=self._clock.now())
        self._rename((path, inode))
        return SimulatedFile(self, path, inode)

    def open(self, path: str) -> SimulatedFile:
        """Open."""
        path = self._normal(path)
        return SimulatedFile(self, path, self._file(path))

    def rename(self, source: str, target: str) -> None:
        """Atomically; replaces `target`. Directories are not renamed in here."""
        source, target = self._normal(source), self._normal(target)
        inode = self._file(source)
        self._parent_of(target)
        if isinstance(self._tree.get(target), Directory):
            raise IsADirectoryError(errno.EISDIR, "a directory", target)
        if source != target:
            self._rename((source, None), (target, inode))

    def link(self, source: str, target: str) -> None:
        """Another name for the same file; FileExistsError when `target` is there already."""
        source, target = self._normal(source), self._normal(target)
        inode = self._file(source)
        self._parent_of(target)
        if self._tree.get(target) is not None:
            raise FileExistsError(errno.EEXIST, "there is one already", target)
        self._rename((target, inode))

    def remove(self, path: str) -> None:
        """Unlink a file."""
        path = self._normal(path)
        self._file(path)
        self._rename((path, None))

    def make_directory(self, path: str, mode: int = 0o700) -> None:
        """Create a directory and its parents; fine when it is there."""
        path = self._normal(path)
        found = self._tree.get(path)
        if isinstance(found, Directory):
            return
        if found is not None:
            raise FileExistsError(errno.EEXIST, "a file", path)
        self.make_directory(posixpath.dirname(path), mode)
        self._rename((path, Directory()))

    def sync_directory(self, path: str) -> None:
        """Make the names in it stable, if the disk is honest."""
        path = self._normal(path)
        self.names(path)
        self._trace.record("disk sync directory", path)
        self._meet_sync_fault(path)
        if self.faults.lies:
            return
        chosen, touched = [], set[str]()
        for change in reversed(self._pending):
            # An earlier change of the same name comes along, or it would undo a later one.
            if path in change.directories or change.paths & touched:
                chosen.append(change)
                touched |= change.paths
        self._settle(chosen[::-1])

    def names(self, path: str) -> list[str]:
        """The entries of a directory, sorted."""
        path = self._normal(path)
        node = self._tree.get(path)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)
        if not isinstance(node, Directory):
            raise NotADirectoryError(errno.ENOTDIR, "a file", path)
        return self._tree.names(path)

    def exists(self, path: str) -> bool:
        """Is there a file or directory of this name?"""
        return self._tree.get(self._normal(path)) is not None

    def size(self, path: str) -> int:
        """The size of a file in octets."""
        return len(self._file(self._normal(path)).content)

    def modified(self, path: str) -> float:
        """When a file was last written."""
        return self._file(self._normal(path)).modified

    def stamp(self, path: str) -> tuple[int, ...]:
        """Another one after the file was written or replaced."""
        inode = self._file(self._normal(path))
        return round(inode.modified * 1_000_000_000), len(inode.content), id(inode)

    def free_octets(self, path: str) -> int:
        """What the quota leaves."""
        self.check_power()
        return max(0, self.faults.quota - self._used())

    # What tests and the VFS need besides.

    def crash(self, unsynced: Unsynced = Unsynced.DRAWN) -> "SimulatedDisk":
        """Cut the power. Returns the disk that is found afterwards; this one only raises EIO from now on."""
        self.check_power()
        self._power = False
        self._trace.record("disk crash", unsynced.name)
        kept = count_kept(len(self._pending), unsynced, self._generator)
        self._settle(self._pending[:kept])
        disk = SimulatedDisk(seed=f"{self._seed}+", clock=self._clock, trace=self._trace, faults=self.faults)
        survivors = {id(file): file.after_power_cut(unsynced, self._generator) for file in self._stable.files()}
        disk._tree, disk._stable = self._stable.replaced(survivors), self._stable.replaced(survivors)
        return disk

    def fail_syncs(self, count: int) -> None:
        """Let the next `count` syncs raise EIO."""
        self._failing_syncs = count

    def open_or_create(self, path: str) -> SimulatedFile:
        """Open for reading and writing."""
        return self.open(path) if self.exists(path) else self.create(path)

    def change(self, path: str, inode: Inode, change: Write | Truncate) -> None:
        """Write to a file. Raises ENOSPC above the quota."""
        if self.faults.quota < BOUNDLESS:
            end = change.offset + len(change.octets) if isinstance(change, Write) else change.size
            if self._used() + max(0, end - len(inode.content)) > self.faults.quota:
                raise OSError(errno.ENOSPC, "no space left", path)
        inode.change(change, self._clock.now())

    def sync_inode(self, path: str, inode: Inode) -> None:
        """Make a file stable."""
        self._trace.record("disk sync", path, len(inode.content))
        try:
            self._meet_sync_fault(path)
        except OSError:
            inode.fail_sync()
            raise
        if not self.faults.lies:
            inode.sync()

    def check_power(self) -> None:
        """Raises EIO after `crash`."""
        if not self._power:
            raise OSError(errno.EIO, "the power was cut")

    def _normal(self, path: str) -> str:
        self.check_power()
        if not path.startswith("/"):
            raise ValueError(f"paths are absolute: {path}")
        return posixpath.normpath(path)

    def _file(self, path: str) -> Inode:
        match self._tree.get(path):
            case Inode() as inode:
                return inode
            case None:
                raise FileNotFoundError(errno.ENOENT, "no such file", path)
            case _:
                raise IsADirectoryError(errno.EISDIR, "a directory", path)

    def _parent_of(self, path: str) -> None:
        self.names(posixpath.dirname(path))

    def _rename(self, *edits: tuple[str, Node | None]) -> None:
        change = NameChange(edits)
        change.apply(self._tree)
        self._pending.append(change)
        self._trace.record("disk name", *(f"{'-' if node is None else '+'}{path}" for path, node in edits))

    def _settle(self, changes: list[NameChange]) -> None:
        for change in changes:
            change.apply(self._stable)
        settled = {id(change) for change in changes}
        self._pending = [change for change in self._pending if id(change) not in settled]

    def _meet_sync_fault(self, path: str) -> None:
        drawn = self.faults.sync_failure > 0 and self._generator.random() < self.faults.sync_failure
        if self._failing_syncs > 0 or drawn:
            self._failing_syncs = max(0, self._failing_syncs - 1)
            raise OSError(errno.EIO, "the sync failed", path)

    def _used(self) -> int:
        return sum(len(file.content) for file in self._tree.files())
