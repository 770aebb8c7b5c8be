"""The servers that are measured, and how each is made to accept and keep, to relay, or to discard."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from benchmarks.peers_discarding import CSink, Library
from benchmarks.peers_haraka import Haraka
from benchmarks.peers_heloise import Heloise
from benchmarks.server import Demand, Running, Subject
from tests.peers import Exim, OpenSmtpd, Postfix, Sendmail


class _Mta(Protocol):
    """What the peers have in common."""

    port: int

    @property
    def pid(self) -> int: ...

    def queue_ids(self) -> set[str]: ...

    def log_text(self) -> str: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


Relay = dict[str, tuple[str, int]]
Make = Callable[[Demand, Relay, bool], _Mta]


class Mta:
    """A peer with its own defaults, but for limits that many sessions from one machine would meet.

    All of them claim durability; the count of syncs shows who keeps it.
    """

    durable = True

    def __init__(self, name: str, make: Make, most_sessions: int) -> None:
        self.name = name
        self.most_sessions = most_sessions
        self._make = make

    @contextlib.contextmanager
    def accepting(self, demand: Demand) -> Iterator[Running]:
        # Nothing is sent to the next hop of held mail; it only makes the domain one that is accepted.
        with self._make(demand, {demand.domain: ("127.0.0.1", 9)}, True) as peer:
            yield _running(peer)

    @contextlib.contextmanager
    def relaying(self, demand: Demand, sink: int) -> Iterator[Running]:
        with self._make(demand, {demand.domain: ("127.0.0.1", sink)}, False) as peer:
            yield _running(peer)


def _running(peer: _Mta) -> Running:
    return Running(port=peer.port, pid=peer.pid, queued=lambda: len(peer.queue_ids()), log=peer.log_text)


def _postfix(demand: Demand, relay: Relay, hold: bool) -> Postfix:
    extra = {
        "default_process_limit": str(demand.sessions + 100),
        "message_size_limit": str(demand.message_size),
        "queue_minfree": "0",
        # Under stress it would shorten its time-outs and hang up on those who wait.
        "smtpd_timeout": "300s",
        # For the relay, as its tuning document has it: more deliveries at a time to one destination.
        "default_destination_concurrency_limit": "50",
        "initial_destination_concurrency": "20",
    }
    return Postfix(relay=relay, hold=hold, extra=extra)


def _exim(demand: Demand, relay: Relay, hold: bool) -> Exim:
    extra = {"smtp_accept_max": str(demand.sessions + 100), "message_size_limit": str(demand.message_size)}
    return Exim(relay=relay, hold=hold, extra=extra)


def _sendmail(demand: Demand, relay: Relay, hold: bool) -> Sendmail:
    return Sendmail(relay=relay, hold=hold)


def _opensmtpd(demand: Demand, relay: Relay, hold: bool) -> OpenSmtpd:
    return OpenSmtpd(relay=relay, hold=hold)


# A process for each session is why three of them are not asked to hold ten thousand.
_SERVERS: list[Subject] = [
    Heloise(),
    Heloise(processes=1),
    Heloise(interpreted=True),
    Mta("postfix", _postfix, 1000),
    Mta("exim", _exim, 1000),
    Mta("opensmtpd", _opensmtpd, 1000),
    Mta("sendmail", _sendmail, 1000),
    Haraka(),
]

_DISCARDING: list[Subject] = [
    Library("heloise.Server", "discard_heloise.py", "asyncio"),
    Library("heloise.Server", "discard_heloise.py", "uvloop"),
    Library("aiosmtpd", "discard_aiosmtpd.py", "asyncio"),
    Library("aiosmtpd", "discard_aiosmtpd.py", "uvloop"),
    CSink(),
]


def servers() -> list[Subject]:
    """Mail servers, which keep what they take."""
    return list(_SERVERS)


def discarding() -> list[Subject]:
    """Servers that accept and discard."""
    return list(_DISCARDING)
