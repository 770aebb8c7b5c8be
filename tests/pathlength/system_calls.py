"""System calls and syncs for each message at one session, of a real `heloise serve`, as strace tells them.

How often threads wait for each other, and when memory is taken or given back, differs from run to run; such calls are
left out.
"""

import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.tools import build, sink, tracing
from tests.serving import Served, served

_CONFIGURATION = """\
hostname = "mx.test"
state = "state"
processes = 1
[[listener]]
address = "127.0.0.1:0"
[[route]]
domains = ["away.test"]
to = "smtp:127.0.0.1:{port}"
on_request = {on_request}
"""
_CONTENT = (
    b"From: a@client.test\r\nTo: user@away.test\r\nSubject: x\r\nMessage-ID: <load.%d@client.test>\r\n\r\n"
    + (b"x" * 76 + b"\r\n") * 12
)
_WARM_UP, MESSAGES = 20, 100
_DEADLINE = 60.0
_CALL = re.compile(rb"^\d+ +(\w+)\(", re.MULTILINE)
_WAITING = frozenset({"futex", "epoll_wait", "epoll_pwait", "clock_nanosleep", "sched_yield", "restart_syscall"})
_MEMORY = frozenset({"brk", "mmap", "munmap", "mprotect", "madvise"})
_SYNCS = frozenset({"fsync", "fdatasync", "sync_file_range", "msync"})


def count_system_calls(directory: Path) -> dict[str, float]:
    """Calls and syncs per message, accepted and relayed. Raises AssertionError: the mail did not come through."""
    build()
    return {
        **_counted("accepted", accepting(directory, "-s", "0")),
        **_counted("relayed", _relaying(directory)),
    }


def accepting(directory: Path, *options: str) -> bytes:
    """The trace of a server that accepts messages one after the other, and keeps them."""
    with _serving(directory / "accepting", port=9, on_request=True) as server, _client(server.port) as client:
        client.send(range(_WARM_UP))
        with tracing(server.process.pid, *options) as trace:
            client.send(range(MESSAGES))
        assert server.waiting_messages() == _WARM_UP + MESSAGES
    return trace[0]


def _relaying(directory: Path) -> bytes:
    """The trace of a server that relays each message before the next one comes."""
    with (
        sink() as target,
        _serving(directory / "relaying", port=target.port, on_request=False) as server,
        _client(server.port) as client,
    ):
        for number in range(_WARM_UP):
            client.send([number])
            _until_arrived(target.messages, number + 1)
        with tracing(server.process.pid, "-s", "0") as trace:
            for number in range(_WARM_UP, _WARM_UP + MESSAGES):
                client.send([number])
                _until_arrived(target.messages, number + 1)
    return trace[0]


def _counted(name: str, trace: bytes) -> dict[str, float]:
    calls = Counter(call.decode() for call in _CALL.findall(trace))
    return {
        f"system calls, {name}": sum(count for call, count in calls.items() if call not in _WAITING | _MEMORY)
        / MESSAGES,
        f"syncs, {name}": sum(count for call, count in calls.items() if call in _SYNCS) / MESSAGES,
    }


def _until_arrived(arrived: Callable[[], int], count: int) -> None:
    deadline = time.monotonic() + _DEADLINE
    while arrived() < count:
        assert time.monotonic() < deadline, f"only {arrived()} of {count} messages arrived"
        time.sleep(0.001)


@contextmanager
def _serving(directory: Path, *, port: int, on_request: bool) -> Iterator[Served]:
    directory.mkdir()
    configuration = directory / "heloise.toml"
    configuration.write_text(_CONFIGURATION.format(port=port, on_request=str(on_request).lower()))
    with served(configuration, directory / "state", log=directory / "log") as server:
        yield server


class _Client:
    """A client that says one thing at a time."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._replies = link.makefile("rb")
        self._hear()
        self.say(b"EHLO client.test")

    def send(self, numbers: "range | list[int]") -> None:
        """One message after the other, each with its number."""
        for number in numbers:
            self.say(b"MAIL FROM:<sender@client.test>")
            self.say(b"RCPT TO:<user@away.test>")
            self.say(b"DATA")
            self.say(_CONTENT % number + b".")

    def say(self, octets: bytes) -> None:
        self._link.sendall(octets + b"\r\n")
        reply = self._hear()
        assert reply[:1] in b"23", f"{octets[:40]!r} was answered {reply!r}"

    def _hear(self) -> bytes:
        while (line := self._replies.readline())[3:4] == b"-":
            pass
        return line


@contextmanager
def _client(port: int) -> Iterator[_Client]:
    with socket.create_connection(("127.0.0.1", port), timeout=_DEADLINE) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield _Client(link)
