"""The servers that are measured, and how each is made to accept and keep, or to relay."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from benchmarks.peers_heloise import Heloise
from benchmarks.server import Running, Subject, serving
from tests.peers import Exim, OpenSmtpd, Postfix, Sendmail, free_port, require


class _Mta(Protocol):
    """What the peers have in common."""

    port: int

    @property
    def pid(self) -> int: ...

    def queue_ids(self) -> set[str]: ...

    def log_text(self) -> str: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class PeerSubject:
    """A peer with its own defaults, but for limits that 100 sessions from one machine would meet.

    `holding` and `relaying` make an instance. All of them claim durability; the count of syncs shows who keeps it.
    """

    durable = True
    relays = True

    def __init__(self, name: str, holding: Callable[[str], _Mta], relaying: Callable[[str, int], _Mta]) -> None:
        self.name = name
        self._holding = holding
        self._relaying = relaying

    @contextlib.contextmanager
    def accepting(self, domain: str) -> Iterator[Running]:
        with self._holding(domain) as peer:
            yield _running(peer)

    @contextlib.contextmanager
    def relaying(self, domain: str, sink: int) -> Iterator[Running]:
        with self._relaying(domain, sink) as peer:
            yield _running(peer)


class Aiosmtpd:
    """aiosmtpd with its Sink handler: accepts and discards, keeps nothing."""

    name = "aiosmtpd"
    durable = False
    relays = False

    def accepting(self, domain: str) -> contextlib.AbstractContextManager[Running]:
        port = free_port()
        python = str(require("aiosmtpd"))
        return serving(
            [python, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c", "aiosmtpd.handlers.Sink"], port
        )

    def relaying(self, domain: str, sink: int) -> contextlib.AbstractContextManager[Running]:
        raise NotImplementedError("aiosmtpd does not relay")


def _running(peer: _Mta) -> Running:
    return Running(port=peer.port, pid=peer.pid, queued=lambda: len(peer.queue_ids()), log=peer.log_text)


def _peer(mta: type[Postfix] | type[Sendmail] | type[Exim] | type[OpenSmtpd]) -> PeerSubject:
    return PeerSubject(
        mta.name,
        # Nothing is sent to the next hop of held mail; it only makes the domain one that is accepted.
        lambda domain: mta(relay={domain: ("127.0.0.1", 9)}, hold=True),
        lambda domain, sink: mta(relay={domain: ("127.0.0.1", sink)}),
    )


_ALL: list[Subject] = [Heloise(), *(_peer(mta) for mta in (Postfix, Sendmail, Exim, OpenSmtpd)), Aiosmtpd()]

SUBJECTS = {subject.name: subject for subject in _ALL}
