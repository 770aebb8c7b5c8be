"""What happened in which order, read off a trace of strace: was each message on the disk when 250 was said?

A call that lasts while another process does something is written in two lines: "fdatasync(… <unfinished ...>" where it
begins, "<... fdatasync resumed>) = 0" where it returns. Writes to the disk and replies count where they begin, syncs
where they return.
"""

import re
from collections.abc import Iterator

OPTIONS = ("-y", "-s", "16", "-e", "trace=pwrite64,pwritev,fsync,fdatasync,write,writev,sendto,sendmsg")

_WRITE = re.compile(r"^(\d+) +pwritev?(?:64)?\(\d+<[^>]*/queue\.db-wal>")
_SYNC = re.compile(r"^(\d+) +f(?:data)?sync\(\d+<[^>]*/queue\.db-wal>(.*)$")
_SYNC_RETURNED = re.compile(r"^(\d+) +<\.\.\. f(?:data)?sync resumed>\) += 0")
_SAID = re.compile(r"^\d+ +(?:write|writev|sendto|sendmsg)\(\d+<(?:socket|TCP):[^\"]*\"(354|250 2\.0\.0) ")


def acknowledged(trace: str) -> int:
    """The number of messages that got 250.

    Raises:
        AssertionError: one got it before it was written, or before what was written for it had been synced.
    """
    count, written, synced = 0, False, False
    for event in _events(trace):
        match event:
            case "354":
                written = synced = False
            case "write":
                written, synced = True, False
            case "sync":
                synced = written
            case _:
                assert written, f"250 was said to message {count + 1}, which was not written"
                assert synced, f"250 was said to message {count + 1} between its write and its sync"
                count += 1
    return count


def _events(trace: str) -> Iterator[str]:
    syncing: set[str] = set()
    for line in trace.splitlines():
        if _WRITE.match(line):
            yield "write"
        elif found := _SYNC.match(line):
            if found[2].endswith("= 0"):
                yield "sync"
            else:
                syncing.add(found[1])
        elif (found := _SYNC_RETURNED.match(line)) and found[1] in syncing:
            syncing.remove(found[1])
            yield "sync"
        elif found := _SAID.match(line):
            yield found[1]
