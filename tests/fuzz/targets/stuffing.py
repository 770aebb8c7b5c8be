"""DotStuffer: never lets a bare ending out, and TextDecoder reads back what went in. RFC 5321 §4.5.2."""

from heloise.smtp.client_content import OutgoingChunks, OutgoingText
from heloise.smtp.data import TextDecoder
from heloise.smtp.stuffing import BareLineEndingError, DotStuffer
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import LINE_ENDS


def stuffed(content: bytes, cuts: int) -> bytes | None:
    """The wire form; None when it has a bare CR or LF."""
    stuffer = DotStuffer()
    try:
        return b"".join(map(stuffer.feed, pieces(content, cuts))) + stuffer.finish()
    except BareLineEndingError:
        return None


def sent(outgoing: OutgoingText | OutgoingChunks, content: bytes, cuts: int) -> bytes | None:
    """All steps of a content put together; None when it can not be sent so."""
    try:
        steps = [step for piece in pieces(content, cuts) for step in outgoing.feed(piece)]
        steps.append(outgoing.finish(()))
    except BareLineEndingError:
        return None
    assert outgoing.size == len(content)
    return b"".join(step.octets for step in steps)


def unchunked(wire: bytes) -> bytes:
    """What a server makes of a row of BDAT."""
    content = b""
    while True:
        line, _, wire = wire.partition(b"\r\n")
        words = line.split()
        content += wire[: int(words[1])]
        wire = wire[int(words[1]) :]
        if len(words) == 3:
            assert not wire
            return content


def run(octets: bytes) -> None:
    """Settings: the cuts."""
    supply = Supply(octets)
    cuts = supply.octet()
    content = supply.rest()
    bare = content.replace(b"\r\n", b"")
    fits = b"\r" not in bare and b"\n" not in bare
    complete = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    for seed in (0, 1, cuts):
        wire = stuffed(content, seed)
        assert (wire is not None) == fits
        assert sent(OutgoingText(), content, seed) == wire
        if wire is not None:
            assert TextDecoder().feed(wire + b"NOOP") == (complete, b"NOOP")
        for binary in (True, False):
            chunks = sent(OutgoingChunks(binary=binary), content, seed)
            assert (chunks is not None) == (fits or binary)
            if chunks is not None:
                assert unchunked(chunks) == (content if binary else complete)


TARGET = Target(run=run, tokens=LINE_ENDS, settings=1)
