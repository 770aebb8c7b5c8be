"""TextDecoder and ContentGauge against models that see everything at once; cuts make no difference. RFC 5321 §4.5.2."""

from heloise.smtp.data import ContentGauge, TextDecoder
from heloise.smtp.limits import SessionLimits
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import HEADERS, LINE_ENDS

LIMITS = SessionLimits(text_line=30, message_size=400, received_fields=2)


def model_of_decoder(octets: bytes) -> tuple[bytes, bytes | None]:
    """The content and what is behind its end, line by line; without an end, all that may be content so far."""
    lines: list[bytes] = []
    rest: bytes | None = octets
    while rest is not None:
        line, end, behind = rest.partition(b"\r\n")
        if not end:
            return b"".join(lines) + line.removeprefix(b"."), None
        if line == b".":
            return b"".join(lines), behind
        lines.append(line[1:] + end if line.startswith(b".") else line + end)
        rest = behind
    raise AssertionError


def decode(octets: bytes, cuts: int) -> tuple[list[bytes], bytes | None]:
    """The pieces of content, and what came after the end in the piece that has it and all pieces after."""
    decoder = TextDecoder()
    content: list[bytes] = []
    rest: bytes | None = None
    for piece in pieces(octets, cuts):
        if rest is not None:
            rest += piece
            continue
        plain, rest = decoder.feed(piece)
        content.append(plain)
    return content, rest


def model_of_gauge(content: bytes) -> tuple[int, bool, bool, bool, int]:
    """Size, eighth bit, bare endings, endless lines, Received fields."""
    bare = content.replace(b"\r\n", b"")
    header, end, _ = (b"\n" + content).partition(b"\n\r\n")
    lines = header.split(b"\n")
    received = sum(line.lower().startswith(b"received:") for line in (lines if end else lines[:-1]))
    endless = any(len(line) > LIMITS.text_line for line in content.split(b"\n"))
    return len(content), not content.isascii(), b"\r" in bare or b"\n" in bare, endless, received


def gauged(content: list[bytes]) -> tuple[int, bool, bool, bool, int]:
    gauge = ContentGauge(LIMITS)
    for piece in content:
        within = gauge.update(piece)
        assert within == (gauge.size <= LIMITS.message_size)
    facts = gauge.facts()
    gauge.problem(binary_allowed=False)
    return facts.size, facts.eight_bit, facts.binary, gauge.endless_line, gauge.received_fields


def run(octets: bytes) -> None:
    """Settings: the cuts."""
    supply = Supply(octets)
    cuts = supply.octet()
    text = supply.rest()
    content, rest = model_of_decoder(text)
    for seed in (0, 1, cuts):
        found, behind = decode(text, seed)
        assert behind == rest
        whole = b"".join(found)
        held = len(content) - len(whole)
        assert content.startswith(whole)
        assert held == 0 if rest is not None else held <= 4
        assert gauged(found) == model_of_gauge(whole)
        assert gauged(list(pieces(text, seed))) == model_of_gauge(text)


TARGET = Target(run=run, tokens=(*LINE_ENDS, *HEADERS), settings=1)
