"""Packets of milters: however they are cut, they are read as they were meant; what is none is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.filters.milter import packets
from heloise.filters.milter.negotiation import agree
from heloise.filters.milter.packets import (
    AddHeader,
    AddRcpt,
    Answer,
    BodyChunk,
    ChangeFrom,
    ChangeHeader,
    DeleteRcpt,
    InsertHeader,
    MilterProtocolError,
    Negotiated,
    PacketReader,
    Quarantine,
    ReplyText,
    Step,
    Word,
)
from tests.filters.scripted_milter import packet

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
names = texts.filter(bool)
octets = st.binary(max_size=30).map(lambda each: each.replace(b"\0", b"."))
numbers = st.integers(0, (1 << 32) - 1)
lists = st.lists(st.from_regex(r"[a-z{}_]{1,9}", fullmatch=True), max_size=3).map(tuple)
macro_lists = st.lists(st.tuples(numbers, lists), max_size=3).map(tuple)


def _four(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _field(name: str, value: str) -> bytes:
    return packets.strings([name.encode(), value.encode()])


def written(answer: Answer) -> bytes:
    """A packet as a milter writes it."""
    match answer:
        case Word():
            return packet(answer.value)
        case Negotiated(version, actions, steps, macros):
            told = [_four(stage) + " ".join(each).encode() + b"\0" for stage, each in macros]
            return packet(b"O" + _four(version) + _four(actions) + _four(steps) + b"".join(told))
        case ReplyText(text):
            return packet(b"y" + text.replace("%", "%%").encode() + b"\0")
        case AddHeader(name, value):
            return packet(b"h" + _field(name, value))
        case InsertHeader(index, name, value):
            return packet(b"i" + _four(index) + _field(name, value))
        case ChangeHeader(index, name, value):
            return packet(b"m" + _four(index) + _field(name, value))
        case ChangeFrom(path, arguments):
            return packet(b"e" + packets.strings([path, *([arguments] if arguments else [])]))
        case AddRcpt(path, arguments):
            return packet((b"2" if arguments else b"+") + packets.strings([path, *([arguments] if arguments else [])]))
        case DeleteRcpt(path):
            return packet(b"-" + packets.strings([path]))
        case BodyChunk(chunk):
            return packet(b"b" + chunk)
        case Quarantine(reason):
            return packet(b"q" + packets.strings([reason.encode()]))


answers = st.one_of(
    st.sampled_from(Word),
    st.builds(Negotiated, numbers, numbers, numbers, macro_lists),
    st.builds(ReplyText, texts),
    st.builds(AddHeader, names, texts),
    st.builds(InsertHeader, numbers, names, texts),
    st.builds(ChangeHeader, numbers, names, texts),
    st.builds(ChangeFrom, octets, octets),
    st.builds(AddRcpt, octets, octets),
    st.builds(DeleteRcpt, octets),
    st.builds(BodyChunk, st.binary(max_size=50)),
    st.builds(Quarantine, texts),
)


@given(st.lists(answers, max_size=8), st.integers(1, 30))
def test_answers_read_back_however_they_are_cut(said: list[Answer], width: int) -> None:
    wire = b"".join(map(written, said))
    reader = PacketReader()
    heard: list[Answer] = []
    for place in range(0, len(wire), width):
        reader.feed(wire[place : place + width])
        while (answer := reader.next_answer()) is not None:
            heard.append(answer)
    assert heard == said


@pytest.mark.parametrize(
    "wire",
    [
        *(
            b"\0\0\0\0",
            b"\0\x10\0\1c",
            packet(b"X"),
            packet(b"hname\0"),
            packet(b"h\0value\0"),
            packet(b"hname\0value"),
        ),
        *(packet(b"i\0\0"), packet(b"O\0\0\0\6"), packet(b"+<a@b.test>"), packet(b"O" + bytes(12) + b"\0\0\0\1j")),
    ],
)
def test_what_is_no_packet_is_refused(wire: bytes) -> None:
    reader = PacketReader()
    reader.feed(wire)
    with pytest.raises(MilterProtocolError):
        reader.next_answer()


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_a_string_ends_where_we_want_it_to(parts: list[bytes]) -> None:
    assert packets.strings(parts).count(b"\0") == len(parts)


def test_a_packet_has_its_length_before_it() -> None:
    assert packets.packet(Step.HELO, b"client.test\0") == b"\0\0\0\x0dHclient.test\0"


@pytest.mark.parametrize(
    "said", [Negotiated(1, 0, 0), Negotiated(7, 0, 0), Negotiated(6, 0x200, 0), Negotiated(6, 0, 0x800000)]
)
def test_nobody_gets_what_was_not_offered(said: Negotiated) -> None:
    with pytest.raises(MilterProtocolError):
        agree(said)
