"""What a simulated disk is made of: files that know what of them is stable, and a tree of names."""

import posixpath
import random
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Unsynced(Enum):
    """What a power cut does with what was not synced."""

    DRAWN = "each file keeps a part drawn from the seed, perhaps none, perhaps all"
    LOST = "all of it is lost"
    KEPT = "all of it is kept"


@dataclass(frozen=True, slots=True)
class Write:
    """Octets written at an offset."""

    offset: int
    octets: bytes

    def apply(self, content: bytearray) -> None:
        """Do it; a gap before the offset reads as zeros."""
        if self.offset > len(content):
            content.extend(bytes(self.offset - len(content)))
        content[self.offset : self.offset + len(self.octets)] = self.octets

    def torn(self, generator: random.Random) -> "Write":
        """The part of it that reached the platter when the power went."""
        return Write(self.offset, self.octets[: generator.randint(0, len(self.octets))])


@dataclass(frozen=True, slots=True)
class Truncate:
    """The file set to a size."""

    size: int

    def apply(self, content: bytearray) -> None:
        """Do it."""
        del content[self.size :]
        content.extend(bytes(self.size - len(content)))


class Inode:
    """A file without its name: what readers see, what is stable, and the changes between the two."""

    __slots__ = ("_pending", "_stable", "content", "modified")

    def __init__(self, content: bytes = b"", modified: float = 0.0) -> None:
        self.content = bytearray(content)
        self.modified = modified
        self._stable = bytearray(content)
        self._pending: list[Write | Truncate] = []

    def change(self, change: Write | Truncate, now: float) -> None:
        """Write or truncate."""
        change.apply(self.content)
        self._pending.append(change)
        self.modified = now

    def sync(self) -> None:
        """All changes are stable."""
        for change in self._pending:
            change.apply(self._stable)
        self._pending.clear()

    def fail_sync(self) -> None:
        """As Linux does after a failed fsync: the changes are still read, count as clean, and never become stable."""
        self._pending.clear()

    def after_power_cut(self, unsynced: Unsynced, generator: random.Random) -> "Inode":
        """The file that is found afterwards."""
        content = bytearray(self._stable)
        for change in self._survivors(unsynced, generator):
            change.apply(content)
        return Inode(bytes(content), self.modified)

    def _survivors(self, unsynced: Unsynced, generator: random.Random) -> list[Write | Truncate]:
        kept = count_kept(len(self._pending), unsynced, generator)
        survivors = self._pending[:kept]
        if unsynced is Unsynced.DRAWN and 0 < kept < len(self._pending):
            following = self._pending[kept]
            if isinstance(following, Write):
                survivors.append(following.torn(generator))
        return survivors


def count_kept(count: int, unsynced: Unsynced, generator: random.Random) -> int:
    """How many of `count` unsynced changes survive. None and all come often, there the bugs are."""
    match unsynced:
        case Unsynced.LOST:
            return 0
        case Unsynced.KEPT:
            return count
        case _:
            return generator.choice((0, count, generator.randint(0, count)))


class Directory:
    """A directory's place in the tree; what is in it, the tree knows."""

    __slots__ = ()


Node: TypeAlias = Inode | Directory


class Tree:
    """Names. Two of them make a disk: what programs see, and what is stable."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Node]] = {"/": {}}

    def get(self, path: str) -> Node | None:
        """What has this name."""
        if path == "/":
            return _ROOT
        directory, name = posixpath.split(path)
        return self._entries.get(directory, {}).get(name)

    def put(self, path: str, node: Node | None) -> None:
        """Give `path` to `node`, or to nobody; also in a directory that has no name itself yet."""
        directory, name = posixpath.split(path)
        entries = self._entries.setdefault(directory, {})
        if node is None:
            entries.pop(name, None)
            return
        entries[name] = node
        if isinstance(node, Directory):
            self._entries.setdefault(path, {})

    def names(self, path: str) -> list[str]:
        """The entries of a directory, sorted. Raises KeyError when it is none."""
        return sorted(self._entries[path])

    def files(self) -> list[Inode]:
        """All files, in an order that depends on their names only."""
        inodes = (node for path in sorted(self._entries) for _, node in sorted(self._entries[path].items(), key=_name))
        return [node for node in inodes if isinstance(node, Inode)]

    def replaced(self, replacements: dict[int, Inode]) -> "Tree":
        """The same names, for other files; keyed by `id` of the old one. What has no way from the root is left out."""
        tree = Tree()
        reached = ["/"]
        for path in reached:
            found = self._entries.get(path, {})
            tree._entries[path] = {
                name: replacements[id(node)] if isinstance(node, Inode) else node for name, node in found.items()
            }
            below = sorted(name for name, node in found.items() if isinstance(node, Directory))
            reached += [posixpath.join(path, name) for name in below]
        return tree


def _name(entry: tuple[str, Node]) -> str:
    return entry[0]


_ROOT = Directory()


@dataclass(frozen=True, slots=True)
class NameChange:
    """A change of names that happens as a whole or not at all: path and new owner of each."""

    edits: tuple[tuple[str, Node | None], ...]

    @property
    def paths(self) -> frozenset[str]:
        """The names it touches."""
        return frozenset(path for path, _ in self.edits)

    @property
    def directories(self) -> frozenset[str]:
        """The directories of which any, synced, makes it stable."""
        return frozenset(posixpath.dirname(path) for path, _ in self.edits)

    def apply(self, tree: Tree) -> None:
        """Do it."""
        for path, node in self.edits:
            tree.put(path, node)
