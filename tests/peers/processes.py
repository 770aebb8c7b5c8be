"""What a process tree consists of and what it has cost, read off /proc."""

from __future__ import annotations

import os
from pathlib import Path


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command name, or None if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def tree(pid: int) -> set[int]:
    """The process and all its descendants. An orphan in a jail belongs to the jail's first process, so it is found."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _stat(int(name))):
            children.setdefault(int(stat[1]), []).append(int(name))
    found, todo = {pid}, [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found.update(below)
        todo.extend(below)
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the whole tree so far, including that of processes that ended and were waited for."""
    # Fields 14 to 17 of proc(5): utime, stime, cutime, cstime; a parent has its dead children's time in the last two.
    stats = [stat for process in tree(pid) if (stat := _stat(process))]
    ticks = sum(int(field) for stat in stats for field in stat[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    """The memory of the whole tree: what is shared by several processes counts once (proportional set size)."""
    total = 0
    for process in tree(pid):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:  # it has ended meanwhile
            continue
        # A process that is about to end has a file without lines.
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total
