"""What becomes of a message in a Maildir: only Return-Path goes, only CRLF is turned, however it is cut."""

from heloise.local.final import _LineFeeds, without_return_path
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import HEADERS, LINE_ENDS


def model(octets: bytes) -> bytes:
    """Line by line, up to the blank line."""
    kept: list[bytes] = []
    rest, dropping = octets, False
    while rest:
        line, end, behind = rest.partition(b"\r\n")
        if end and not line:
            return b"".join(kept) + rest
        if not line.startswith((b" ", b"\t")):
            dropping = line.lower().startswith(b"return-path:")
        if not dropping:
            kept.append(line + end)
        rest = behind
    return b"".join(kept)


def run(octets: bytes) -> None:
    """Settings: the cuts."""
    supply = Supply(octets)
    cuts = supply.octet()
    message = supply.rest()
    assert without_return_path(message) == model(message)
    endings = _LineFeeds()
    turned = b"".join(map(endings.turn, pieces(message, cuts))) + endings.rest()
    assert turned == message.replace(b"\r\n", b"\n")


TARGET = Target(run=run, tokens=(*HEADERS, *LINE_ENDS), settings=1)
