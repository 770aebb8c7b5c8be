"""The section `[[network]]`: what is other for the clients of some networks."""

from dataclasses import dataclass
from enum import Enum

from heloise.config.kinds import Network


class LineReading(Enum):
    """What is done with bare line feeds in a message."""

    STRICT = "strict"
    NORMALIZE = "normalize"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRules:
    """`[[network]]`: what is other for the clients of some networks. There may be several; the first that has the
    client counts."""

    networks: tuple[Network, ...]
    """Where they connect from. A client on a Unix socket counts as 127.0.0.1."""

    line_endings: LineReading = LineReading.STRICT
    """"strict": a message with a bare CR or LF is refused by 554 5.6.0 (RFC 5321 §2.3.8). "normalize", for old programs
    that know no better: a bare LF becomes CRLF. It never ends a message, so nothing can be smuggled in by it, and
    `heloise trace` tells of it."""

    @property
    def mends(self) -> bool:
        """Is a bare LF made CRLF?"""
        return self.line_endings is LineReading.NORMALIZE
