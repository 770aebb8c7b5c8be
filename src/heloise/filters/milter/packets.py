"""Packets of the milter protocol: framing, what we write, what we read. Pure. libmilter, mfdef.h.

A packet is four octets of length, one octet that says what it is, and data; the length counts the data and that octet.
Strings end with NUL. What is read leaves as a value, or as MilterProtocolError; nothing is ever waited for here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

LONGEST: Final = 1 << 20  # octets of one packet; libmilter sends 64 KiB at most, but for long header fields
LARGEST_CHUNK: Final = 65535  # MILTER_CHUNK_SIZE, octets of a body in one packet


class MilterProtocolError(Exception):
    """The milter says what it may not, or what nobody could read."""


class Step(Enum):
    """What we tell a milter, by its octet."""

    NEGOTIATE = b"O"
    MACROS = b"D"
    CONNECT = b"C"
    HELO = b"H"
    MAIL = b"M"
    RCPT = b"R"
    DATA = b"T"
    HEADER = b"L"
    END_OF_HEADER = b"N"
    BODY = b"B"
    END_OF_MESSAGE = b"E"
    UNKNOWN = b"U"
    ABORT = b"A"
    QUIT = b"Q"
    QUIT_NEW_CONNECTION = b"K"


class Word(Enum):
    """An answer that is nothing but its octet."""

    CONTINUE = b"c"
    ACCEPT = b"a"
    REJECT = b"r"
    TEMPFAIL = b"t"
    DISCARD = b"d"
    SKIP = b"s"
    PROGRESS = b"p"
    SHUTDOWN = b"4"
    CONNECTION_FAILED = b"f"


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The answer to our offer. `macros` are lists of names by stage (SMFIM_*), of those that it asked for."""

    version: int
    actions: int
    steps: int
    macros: tuple[tuple[int, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A reply in SMTP's own form, without its last line break: `550 5.7.1 go away`, several lines with CRLF between."""

    text: str


@dataclass(frozen=True, slots=True)
class AddHeader:
    """One more field at the end of the header."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class InsertHeader:
    """One more field at this place."""

    index: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ChangeHeader:
    """Another value for the field of this name with this number, from 1; empty to take it away."""

    index: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ChangeFrom:
    """Another sender."""

    path: bytes
    arguments: bytes


@dataclass(frozen=True, slots=True)
class AddRcpt:
    """One more recipient."""

    path: bytes
    arguments: bytes = b""


@dataclass(frozen=True, slots=True)
class DeleteRcpt:
    """One less."""

    path: bytes


@dataclass(frozen=True, slots=True)
class BodyChunk:
    """A piece of another body."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Keep the message back."""

    reason: str


Modification: TypeAlias = (
    AddHeader | InsertHeader | ChangeHeader | ChangeFrom | AddRcpt | DeleteRcpt | BodyChunk | Quarantine
)
Answer: TypeAlias = Word | Negotiated | ReplyText | Modification


# What we write


def packet(step: Step, data: bytes = b"") -> bytes:
    """One packet."""
    return (len(data) + 1).to_bytes(4, "big") + step.value + data


def negotiate(version: int, actions: int, steps: int) -> bytes:
    """Our offer."""
    return packet(Step.NEGOTIATE, b"".join([each.to_bytes(4, "big") for each in (version, actions, steps)]))


def strings(parts: Iterable[bytes]) -> bytes:
    """Strings, each with its NUL; none can be within one."""
    return b"".join([part.replace(b"\0", b"") + b"\0" for part in parts])


def macros(step: Step, values: Iterable[tuple[str, str]]) -> bytes:
    """Macros for the step that follows. Nothing when there are none."""
    pairs = [part.encode() for pair in values for part in pair]
    return packet(Step.MACROS, step.value + strings(pairs)) if pairs else b""


def connect(name: str, family: bytes, port: int, address: str) -> bytes:
    """Who has connected. `family` is `4`, `6`, `L` for a Unix socket or `U` for what is unknown."""
    data = strings([name.encode()]) + family
    if family != b"U":
        data += port.to_bytes(2, "big") + strings([address.encode()])
    return packet(Step.CONNECT, data)


# What we read


class PacketReader:
    """Packets out of octets, however they are cut."""

    def __init__(self) -> None:
        self._input = b""
        self.answers = 0  # how many were read

    def feed(self, octets: bytes) -> None:
        """Octets from the milter."""
        self._input += octets

    def next_answer(self) -> Answer | None:
        """The next one; None when more octets are needed. Raises MilterProtocolError."""
        if len(self._input) < 4:
            return None
        size = int.from_bytes(self._input[:4], "big")
        if not 1 <= size <= LONGEST:
            raise MilterProtocolError(f"a packet of {size} octets")
        if len(self._input) < 4 + size:
            return None
        code, data = self._input[4:5], self._input[5 : 4 + size]
        self._input = self._input[4 + size :]
        self.answers += 1
        return _read(code, data)


_WORDS: Final = {word.value: word for word in Word}


def _read(code: bytes, data: bytes) -> Answer:
    word = _WORDS.get(code)
    if word is not None:
        return word
    match code:
        case b"O":
            return _negotiated(data)
        case b"y":
            return ReplyText(_text(_only(data)).replace("%%", "%"))  # as smfi_setreply has it, which sendmail formats
        case b"h":
            return AddHeader(*_field(data))
        case b"i":
            return InsertHeader(_number(data), *_field(data[4:]))
        case b"m":
            return ChangeHeader(_number(data), *_field(data[4:]))
        case b"e":
            return ChangeFrom(*_path_and_arguments(data))
        case b"+":
            return AddRcpt(_only(data))
        case b"2":
            return AddRcpt(*_path_and_arguments(data))
        case b"-":
            return DeleteRcpt(_only(data))
        case b"b":
            return BodyChunk(data)
        case b"q":
            return Quarantine(_text(_only(data)))
        case _:
            raise MilterProtocolError(f"an answer that there is not: {code!r}")


def _negotiated(data: bytes) -> Negotiated:
    """Three numbers, then lists of macros by stage (SMFI_VERSION 6 and later)."""
    if len(data) < 12:
        raise MilterProtocolError("an offer without its three numbers")
    version, actions, steps = [int.from_bytes(data[place : place + 4], "big") for place in (0, 4, 8)]
    lists: list[tuple[int, tuple[str, ...]]] = []
    rest = data[12:]
    while rest:
        stage = _number(rest)
        names, end, rest = rest[4:].partition(b"\0")
        if not end:
            raise MilterProtocolError("a list of macros without its end")
        lists.append((stage, tuple(_text(names).replace(",", " ").split())))
    return Negotiated(version, actions, steps, tuple(lists))


def _number(data: bytes) -> int:
    if len(data) < 4:
        raise MilterProtocolError("a number is cut off")
    return int.from_bytes(data[:4], "big")


def _parts(data: bytes) -> list[bytes]:
    if not data.endswith(b"\0"):
        raise MilterProtocolError("a string without its NUL")
    return data[:-1].split(b"\0")


def _only(data: bytes) -> bytes:
    return _parts(data)[0]


def _field(data: bytes) -> tuple[str, str]:
    parts = _parts(data)
    if len(parts) != 2 or not parts[0]:
        raise MilterProtocolError("a header field is not a name and a value")
    return _text(parts[0]), _text(parts[1])


def _path_and_arguments(data: bytes) -> tuple[bytes, bytes]:
    path, *arguments = _parts(data)
    return path, b" ".join(arguments)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
