"""How much of the original a report gives back: all of it, or its header. RFC 3461 §4.3, RFC 6522 §3.

`wanted` decides before the content is read, so that no more of it is read than goes out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Parameters
from heloise.mail.outcome import Action

SMALL = 65_536  # octets; without RET, a larger message comes back as its header
LARGEST = 1_048_576  # octets; with RET=FULL too
LARGEST_HEADER = 131_072


@dataclass(frozen=True, slots=True)
class Returned:
    """The octets that go back; `complete` when they are the whole message."""

    octets: bytes
    complete: bool

    @classmethod
    def header_of(cls, octets: bytes) -> "Returned":
        """Only the header of what may be only the beginning of a message."""
        return cls(header_of(octets), False)


def wanted(parameters: Parameters, facts: ContentFacts, actions: Iterable[Action]) -> int:
    """How many octets of the content to read: its size when all goes back, else enough for a header."""
    return facts.size if _whole(parameters, facts, actions) else min(facts.size, LARGEST_HEADER)


def returned(parameters: Parameters, facts: ContentFacts, actions: Iterable[Action], octets: bytes) -> Returned:
    """What goes back, from the octets that `wanted` asked for (fewer are taken for a beginning)."""
    if _whole(parameters, facts, actions) and len(octets) == facts.size:
        return Returned(octets, True)
    return Returned.header_of(octets)


def header_of(octets: bytes) -> bytes:
    """The header without the blank line, cut at a line end when it is endless."""
    if octets.startswith(b"\r\n"):
        return b""
    end = octets.find(b"\r\n\r\n")
    if 0 <= end <= LARGEST_HEADER:
        return octets[: end + 2]
    cut = octets[:LARGEST_HEADER]
    return cut[: cut.rfind(b"\r\n") + 2] if b"\r\n" in cut else cut


def _whole(parameters: Parameters, facts: ContentFacts, actions: Iterable[Action]) -> bool:
    if facts.binary or "REQUIRETLS" in parameters:
        # A report goes by lines, so binary content does not fit into it; RFC 8689 §5: RET=FULL is disregarded.
        return False
    if Action.FAILED not in actions:
        return False  # RFC 3461 §4.3: RET is for failures, any other report has the header
    asked = (parameters.value("RET") or "").upper()
    return facts.size <= {"FULL": LARGEST, "HDRS": -1}.get(asked, SMALL)
