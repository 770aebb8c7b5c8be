"""A milter that says anything: an outcome or MilterProtocolError, bounded; cuts make no difference. libmilter."""

from collections.abc import Callable

from heloise.filters.milter.changing import changes_of, quarantine_of
from heloise.filters.milter.dialogue import Dialogue, Outcome
from heloise.filters.milter.packets import MilterProtocolError
from heloise.mail.causes import MILTER_REJECTED
from heloise.smtp import replies
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target

_MACROS = {"j": "mx.test", "i": "1"}


def _packet(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets


def _converse(stream: bytes, seed: int) -> list[str]:
    """What came of each step of a session, until the milter is silent or wrong."""
    dialogue = Dialogue()
    steps: tuple[Callable[[], bytes | None], ...] = (
        dialogue.open,
        lambda: dialogue.connect("[192.0.2.7]", b"4", 25, "192.0.2.7", _MACROS),
        lambda: dialogue.helo("client.test", {}),
        lambda: dialogue.mail([b"<a@b.test>", b"SIZE=1"], _MACROS),
        lambda: dialogue.rcpt([b"<u@x.test>"], _MACROS),
        lambda: dialogue.data({}),
        lambda: dialogue.header(b"Subject", b" x\r\n y"),
        lambda: dialogue.end_of_header(_MACROS),
        lambda: dialogue.body(b"hello\r\n"),
        lambda: dialogue.end_of_message(_MACROS),
    )
    told: list[str] = []
    parts = pieces(stream, seed)
    try:
        for step in steps:
            octets = step()
            assert octets is None or octets[:4] != b"\0\0\0\0"
            while dialogue.awaits:
                outcome = dialogue.outcome()
                if outcome is None:
                    part = next(parts, None)
                    if part is None:
                        return [*told, "silent"]
                    dialogue.hear(part)
                    continue
                told.append(_checked(outcome))
        told.append(str(changes_of(dialogue.modifications)))
        told.append(str(quarantine_of(dialogue.modifications)))
    except MilterProtocolError as error:
        told.append(str(error))
    dialogue.abort()
    assert dialogue.quit()
    return told


def _checked(outcome: Outcome) -> str:
    reply = replies.in_words_of(outcome.reply, replies.MILTER_REJECTED, MILTER_REJECTED.because())
    assert 400 <= reply.code <= 599
    return f"{outcome.said} {reply}"


def run(octets: bytes) -> None:
    """Settings: the cuts; does an answer to the offer come first, and of what; are the rest lengths made right?"""
    supply = Supply(octets)
    seed, flags = supply.octet(), supply.octet()
    stream = b""
    if flags & 1:
        steps = (supply.octet() << 16 | supply.octet() << 8 | supply.octet()) & 0x1FF6FF
        stream = _packet(b"O" + (6).to_bytes(4, "big") + (0x1FF).to_bytes(4, "big") + steps.to_bytes(4, "big"))
    if flags & 2:
        for _ in range(40):
            stream += _packet(supply.octets(40) or b"c")
    else:
        stream += supply.rest()
    whole = _converse(stream, 0)
    assert _converse(stream, 1) == whole, "cuts make a difference"
    assert _converse(stream, seed) == whole, "cuts make a difference"


TARGET = Target(
    run=run,
    tokens=(
        _packet(b"c"),
        _packet(b"a"),
        _packet(b"r"),
        _packet(b"t"),
        _packet(b"d"),
        _packet(b"s"),
        _packet(b"p"),
        _packet(b"4"),
        _packet(b"y550 5.7.1 no\0"),
        _packet(b"y451-4.7.1 a\r\n451 4.7.1 b\0"),
        _packet(b"hX-A\0b\0"),
        _packet(b"i\0\0\0\1X-A\0b\0"),
        _packet(b"m\0\0\0\1Subject\0\0"),
        _packet(b"e<n@b.test>\0SIZE=2\0"),
        _packet(b"+<v@x.test>\0"),
        _packet(b"2<v@x.test>\0NOTIFY=NEVER\0"),
        _packet(b"-<u@x.test>\0"),
        _packet(b"bnew\r\n"),
        _packet(b"qwhy\0"),
        _packet(b"O\0\0\0\6\0\0\1\xff\0\0\0\0"),
        _packet(b"O\0\0\0\2\0\0\0\x3f\0\0\0\0"),
        b"\0\0\0\1",
        b"\0\xff\xff\xff",
    ),
    settings=5,
)
