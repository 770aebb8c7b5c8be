"""Mender against a model that sees everything at once; cuts make no difference. RFC 5321 §2.3.8."""

from heloise.smtp.line_endings import Mender
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import LINE_ENDS


def run(octets: bytes) -> None:
    """Settings: the cuts."""
    supply = Supply(octets)
    cuts = supply.octet()
    content = supply.rest()
    crlf = content.count(b"\r\n")
    model = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for seed in (0, 1, cuts):
        mender = Mender()
        assert b"".join(map(mender.feed, pieces(content, seed))) == model
        assert mender.mended == content.count(b"\n") - crlf


TARGET = Target(run=run, tokens=LINE_ENDS, settings=1)
