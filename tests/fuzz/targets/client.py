"""The whole client engine: whatever a server says, every transaction is answered. RFC 5321 §4.2, §4.5.3.2.

Cuts inside lines make no difference. Cuts between lines may: a server that speaks before it is asked is out of step,
and how far the driver has come by then is chance.
"""

from tests.fuzz.asking import MESSAGES, Asking, ask
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import DIGITS, LINE_ENDS, REPLIES


def run(octets: bytes) -> None:
    """Settings: the options, how it ends; the messages; the cuts."""
    supply = Supply(octets)
    flags = supply.octet()
    first, second = supply.number(len(MESSAGES)), supply.number(len(MESSAGES))
    asking = Asking(
        lmtp=bool(flags & 1),
        start_with_helo=bool(flags & 2),
        verbose=bool(flags & 4),
        only_transaction=bool(flags & 8),
        chunking=bool(flags & 16),
        times_out=bool(flags & 32),
        width=1000 if flags & 64 else 7,
        messages=(MESSAGES[first], MESSAGES[second], MESSAGES[0], MESSAGES[2]),
    )
    cuts = supply.octet()
    stream = supply.rest()
    by_line = ask(stream.splitlines(keepends=True) if b"\r" not in stream else _lines(stream), asking)
    by_octet = ask(pieces(stream, 1), asking)
    assert by_octet == by_line, "the cuts make a difference"
    ask(pieces(stream, cuts), asking)


def _lines(stream: bytes) -> list[bytes]:
    *lines, rest = stream.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


TARGET = Target(run=run, tokens=(*REPLIES, *DIGITS, *LINE_ENDS), settings=4)
