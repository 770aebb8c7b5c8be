"""smtp-sink of Postfix: a server that takes mail and keeps it, or fails at any command it is told to. smtp-sink(1)."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.peers.jail import LOOPBACK, Peer
from tests.peers.require import require

_DUMP = "/srv/dump"
_LAST_FIELD = re.compile(rb"\n\tby smtp-sink [^\n]*\n\t[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Dumped:
    """One transaction: for whom, and the text, which is empty when it ended before."""

    recipients: tuple[str, ...]
    text: bytes


class SmtpSink(Peer):
    """smtp-sink with its own `options`, such as `-q .`: hang up after the final dot, and say nothing.

    port: where a sink that is gone has listened; None for a free one.
    keep: False when only its answers are wanted, and `transactions` is not asked.
    """

    name = "smtp-sink"

    def __init__(self, *options: str, port: int | None = None, keep: bool = True) -> None:
        super().__init__(require("postfix"))
        if port is not None:
            self.port = port
        self._options = options
        self._keep = keep
        self._dump = self.jail.bind(_DUMP, mode=0o1777)

    def configure(self) -> Sequence[str]:
        place = (f"inet:{LOOPBACK}:{self.port}", "100")
        dump = ("-d", f"{_DUMP}/%s.") if self._keep else ()
        return ["/usr/sbin/smtp-sink", "-u", "nobody", *dump, *self._options, *place]

    def ready(self) -> bool:
        """It may have been told to be silent, so a greeting can not be asked for."""
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0

    def transactions(self) -> list[Dumped]:
        """Every transaction that came to its text, whatever was answered to it then."""
        found = [_read(path) for path in sorted(self._dump.iterdir())]
        return [dumped for dumped in found if dumped.text]


def _read(path: Path) -> Dumped:
    octets = path.read_bytes()
    head = _LAST_FIELD.search(octets)
    recipients = re.findall(rb"^X-Rcpt-Args: <([^>]*)>", octets, re.MULTILINE)
    return Dumped(
        recipients=tuple(recipient.decode() for recipient in recipients),
        # One line break is the sink's own.
        text=b"" if head is None else octets[head.end() : -1],
    )
