"""The real disk, one system call per method."""

import fcntl
import os
from typing import Final

# On macOS fsync leaves the octets in the drive's cache; only this control brings them onto the platter.
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)


def _sync(descriptor: int) -> None:
    if _FULL_SYNC is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, _FULL_SYNC)


class DiskFile:
    """An open file descriptor; no buffer of its own, so write in large pieces."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, octets: bytes) -> None:
        """Append all of `octets`; a short write is continued."""
        written = os.write(self._descriptor, octets)
        if written < len(octets):
            rest = memoryview(octets)[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def read(self, size: int) -> bytes:
        """At most `size` octets from the current place; `b""` at the end."""
        return os.read(self._descriptor, size)

    def sync(self) -> None:
        """Bring what was written onto stable storage."""
        _sync(self._descriptor)

    def close(self) -> None:
        """Close; idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class DiskFiles:
    """The file systems of this machine. All methods raise `OSError`."""

    __slots__ = ()

    def create(self, path: str, mode: int = 0o600) -> DiskFile:
        """Create for writing; FileExistsError when there is one already."""
        return DiskFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))

    def open(self, path: str) -> DiskFile:
        """Open for reading."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return DiskFile(descriptor)

    def rename(self, source: str, target: str) -> None:
        """Atomically; replaces `target`."""
        os.replace(source, target)

    def link(self, source: str, target: str) -> None:
        """Another name for the same file; FileExistsError when `target` is there already."""
        os.link(source, target)

    def remove(self, path: str) -> None:
        """Unlink a file."""
        os.unlink(path)

    def make_directory(self, path: str, mode: int = 0o700) -> None:
        """Create a directory and its parents, all with `mode`; fine when it is there."""
        parent = os.path.dirname(path)
        if parent != path and not os.path.isdir(parent):
            self.make_directory(parent, mode)
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            if not os.path.isdir(path):
                raise

    def sync_directory(self, path: str) -> None:
        """fsync a directory, so that names made or removed in it are durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)

    def names(self, path: str) -> list[str]:
        """The entries of a directory, sorted."""
        return sorted(os.listdir(path))

    def exists(self, path: str) -> bool:
        """Is there a file or directory of this name?"""
        return os.path.exists(path)

    def size(self, path: str) -> int:
        """The size of a file in octets."""
        return os.stat(path).st_size

    def modified(self, path: str) -> float:
        """When a file was last written, in seconds since the epoch."""
        return os.stat(path).st_mtime

    def stamp(self, path: str) -> tuple[int, ...]:
        """Time of the last write, size, and the inode, since a rename can bring a file that is as old and as long."""
        found = os.stat(path)
        return found.st_mtime_ns, found.st_size, found.st_ino

    def free_octets(self, path: str) -> int:
        """Octets an unprivileged process may still write to the file system that holds `path`."""
        space = os.statvfs(path)
        return space.f_bavail * space.f_frsize
