"""The servers that are measured, and how each is made to accept and keep, or to relay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.peers_heloise import Heloise
from benchmarks.server import Running, Subject, serving
from tests.peers import Postfix, free_port, require


class PostfixSubject:
    """Postfix with its own defaults, but for the limits on clients and processes, which 100 sessions would meet."""

    name = "postfix"
    durable = True
    relays = True

    @contextlib.contextmanager
    def accepting(self, domain: str) -> Iterator[Running]:
        with Postfix(relay={domain: "discard:"}, hold=True) as postfix:
            yield _running(postfix)

    @contextlib.contextmanager
    def relaying(self, domain: str, sink: int) -> Iterator[Running]:
        with Postfix(relay={domain: ("127.0.0.1", sink)}) as postfix:
            yield _running(postfix)


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


def _running(peer: Postfix) -> Running:
    return Running(port=peer.port, pid=peer.pid, queued=lambda: len(peer.queue_ids()), log=peer.log_text)


SUBJECTS: dict[str, Subject] = {subject.name: subject for subject in (Heloise(), PostfixSubject(), Aiosmtpd())}
