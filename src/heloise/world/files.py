"""The door to the disk: a small, synchronous set of calls whose durability can be argued about.

Synchronous on purpose: a delivery to a Maildir is one unit of blocking work (write, sync, rename, sync the
directory), run through `Blocking` as a whole instead of one thread hop per call. Paths are `str`, absolute.
All calls raise `OSError` as the operating system would; ENOSPC and EDQUOT mean a full disk.
"""

from typing import Protocol


class File(Protocol):
    """An open file."""

    def write(self, octets: bytes) -> None:
        """Append all of `octets`."""
        ...

    def read(self, size: int) -> bytes:
        """At most `size` octets from the current place; `b""` at the end."""
        ...

    def sync(self) -> None:
        """fsync: what was written is on stable storage when this returns."""
        ...

    def close(self) -> None:
        """Close; idempotent. Says nothing about durability."""
        ...


class Files(Protocol):
    """A file system. A name (create, rename, link, remove) is durable only after `sync_directory` of its directory."""

    def create(self, path: str, mode: int = 0o600) -> File:
        """Create for writing; FileExistsError when there is one already."""
        ...

    def open(self, path: str) -> File:
        """Open for reading."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Atomically; replaces `target`."""
        ...

    def link(self, source: str, target: str) -> None:
        """Another name for the same file; FileExistsError when `target` is there already."""
        ...

    def remove(self, path: str) -> None:
        """Unlink a file."""
        ...

    def make_directory(self, path: str, mode: int = 0o700) -> None:
        """Create a directory and its parents; fine when it is there."""
        ...

    def sync_directory(self, path: str) -> None:
        """fsync a directory, so that names made or removed in it are durable."""
        ...

    def names(self, path: str) -> list[str]:
        """The entries of a directory, sorted."""
        ...

    def exists(self, path: str) -> bool:
        """Is there a file or directory of this name?"""
        ...

    def size(self, path: str) -> int:
        """The size of a file in octets."""
        ...

    def modified(self, path: str) -> float:
        """When a file was last written, in seconds since the epoch."""
        ...

    def stamp(self, path: str) -> tuple[int, ...]:
        """Another one after the file was written or replaced: compare it with an older one, nothing else.

        The first number is the time of the last write, in nanoseconds since the epoch.
        """
        ...

    def free_octets(self, path: str) -> int:
        """Octets that may still be written to the file system that holds `path`."""
        ...
