"""Looks once a second at how much memory and how many descriptors the process has, and says when it is enough.

What the system tells of a process is read from /proc; where there is none, nothing is said.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from heloise.app.configured.watching import Watch, read_text
from heloise.app.journal import Journal
from heloise.mail import causes
from heloise.mail.cause import Cause, Rule
from heloise.reception.pressure import Pressure
from heloise.world import Blocking, Files, World

_STATM = "/proc/self/statm"
_PAGE = 4096
_RELIEVED_AT = 0.9  # of a budget: below it new clients are let in again
_MACHINE = "/proc/meminfo"
_GROUPS = "/proc/self/cgroup"
_GROUP_LIMITS = {  # by the name of the controller: version 2 has one tree for all
    "": "/sys/fs/cgroup{}/memory.max",
    "memory": "/sys/fs/cgroup/memory{}/memory.limit_in_bytes",
}
_LEAST_LEFT = 64  # descriptors for the queue, deliveries and name servers


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What the process may have: octets of memory, and descriptors; 0 for no budget."""

    memory: int = 0
    descriptors: int = 0
    memory_rule: Rule | None = None


def descriptors_allowed(limit: int) -> int:
    """Of what the system allows a tenth, and some at least, stays for what is not a session."""
    return max(limit - max(limit // 10, _LEAST_LEFT), 1)


def judge(used: int, files: int, budgets: Budgets, *, pressed: bool) -> Cause | None:
    """What is too much; once it was, it is until a tenth of it is free again."""
    share = _RELIEVED_AT if pressed else 1.0
    if budgets.memory and used > budgets.memory * share:
        return causes.BUDGET_MEMORY.because(budgets.memory_rule, used=used, budget=budgets.memory)
    if budgets.descriptors and files > budgets.descriptors * share:
        return causes.BUDGET_DESCRIPTORS.because(used=files, budget=budgets.descriptors)
    return None


def memory_allowed(files: Files) -> int:
    """Octets of memory that this program may have where nobody has said so: half of what there is for it; 0 where that
    can not be known. Blocks."""
    found = [size for size in (_memory_of_machine(files), *_memory_of_groups(files)) if size]
    return min(found) // 2 if found else 0


def _memory_of_machine(files: Files) -> int:
    for line in _lines(files, _MACHINE):
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _memory_of_groups(files: Files) -> Iterator[int]:
    """Of the control group we are in, and of those around it."""
    for line in _lines(files, _GROUPS):
        _, controller, path = line.split(":", 2)
        if controller not in _GROUP_LIMITS:
            continue
        path = path.rstrip("/")
        while True:
            for text in _lines(files, _GROUP_LIMITS[controller].format(path)):
                if text.isdecimal():  # else it is "max"
                    yield int(text)
            if not path:
                break
            path = path.rpartition("/")[0]


def _lines(files: Files, path: str) -> list[str]:
    try:
        return read_text(files, path).splitlines() if files.exists(path) else []
    except (OSError, ValueError):
        return []


class ResourceWatch:
    """Presses and relieves `pressure`."""

    def __init__(self, budgets: Budgets, pressure: Pressure, world: World, journal: Journal) -> None:
        self.budgets = budgets
        self._pressure = pressure
        self._files = world.files
        self._journal = journal
        self._watch = Watch("resources", world, self._refresh)

    def start(self) -> None:
        """Begin to look, where there is something to be seen."""
        if self._files.exists(_STATM):
            self._watch.start()

    async def stop(self) -> None:
        """Look no more. Idempotent."""
        await self._watch.stop()

    async def _refresh(self, lane: Blocking) -> None:
        if not self.budgets.memory and not self.budgets.descriptors:
            return
        used = await lane.run(_look, self._files)
        if used is None:
            return
        pressed = self._pressure.greeting is not None
        cause = judge(*used, self.budgets, pressed=pressed)
        if cause is not None:
            self._pressure.press(cause)
        else:
            self._pressure.relieve()
        if pressed is (cause is None):
            self._journal.pressure(cause)


def _look(files: Files) -> tuple[int, int] | None:
    """Octets in memory and open descriptors of this process. Blocks."""
    try:
        resident = int(read_text(files, _STATM).split()[1]) * _PAGE
        return resident, len(files.names("/proc/self/fd"))
    except (OSError, ValueError, IndexError):
        return None
