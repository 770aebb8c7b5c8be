"""InputBuffer against a model that sees everything at once; cuts make no difference. RFC 5321 §2.3.8, §4.5.3.1.4."""

from collections.abc import Iterator

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.lines import LONGEST_RESPONSE, InputBuffer
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import COMMANDS, LINE_ENDS


def model(octets: bytes, limit: int, endless: int) -> Iterator[bytes | Reply]:
    """Lines and replies, told slowly."""
    place = 0
    while True:
        end = octets.find(b"\n", place)
        line = octets[place : len(octets) if end < 0 else end]
        bad = None
        longer = line[:5].upper() == b"AUTH "  # RFC 4954 §4
        if len(line.removesuffix(b"\r")) > (LONGEST_RESPONSE if longer else limit):
            bad, swallow_from = replies.AUTH_LINE_TOO_LONG if longer else replies.LINE_TOO_LONG, place
        elif end < 0:
            return
        elif not line.endswith(b"\r"):
            bad, swallow_from = replies.LINE_ENDING, end + 1
        else:
            yield line[:-1]
            place = end + 1
            continue
        yield bad
        stop = octets.find(b"\r\n", swallow_from)
        place = stop + 2 if stop >= 0 else len(octets) - octets.endswith(b"\r", swallow_from)
        if place - swallow_from > endless:
            yield replies.FLOOD
            return
        if stop < 0:
            return


def read(octets: bytes, limit: int, endless: int, cuts: int) -> list[bytes | Reply]:
    buffer = InputBuffer(command_line=limit, endless_line=endless)
    found: list[bytes | Reply] = []
    for piece in pieces(octets, cuts):
        buffer.append(piece)
        while (line := buffer.line()) is not None:
            found.append(line)
            if line is replies.FLOOD:
                return found
        assert len(buffer) <= (LONGEST_RESPONSE if b"AUTH " in octets.upper() else limit) + 1
    return found


def run(octets: bytes) -> None:
    """Settings: the limit, the endless limit, the cuts."""
    supply = Supply(octets)
    limit = supply.choice((4, 10, 40))
    endless = supply.choice((20, 60))
    cuts = supply.octet()
    text = supply.rest()
    expected = list(model(text, limit, endless))
    for seed in (0, 1, cuts):
        assert read(text, limit, endless, seed) == expected


TARGET = Target(run=run, tokens=(*LINE_ENDS, *COMMANDS), settings=3)
