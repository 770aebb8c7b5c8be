"""Fields of a header, read for people: leniently, never failing. RFC 5322 §2.2, RFC 2047, RFC 2231."""

import binascii
import re
from collections.abc import Mapping
from email.utils import getaddresses
from inspect import signature
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

LONGEST_VALUE = 65_536  # octets of a field that are read
MOST_FIELDS = 1000

Fields: TypeAlias = tuple[tuple[str, str], ...]
"""Names as they stand, and values: unfolded, not decoded."""

_LINE = re.compile(rb"[^\n]*\n?")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_WORD = re.compile(r"=\?([!-<>@-~]{1,60})\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?)")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^\s;]*)', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_LENIENT = {"strict": False} if "strict" in signature(getaddresses).parameters else {}


class Address(NamedTuple):
    """One address of a field: the name that is shown, decoded, and the address itself."""

    name: str
    address: str


def read_header(octets: bytes, start: int = 0, end: int | None = None) -> tuple[Fields, int]:
    """The fields of the header that begins at `start`, and where what follows it begins: behind the empty line, or at
    the first line that can not be part of a header."""
    end = len(octets) if end is None else end
    found: list[tuple[str, int, int]] = []  # name, and where the value begins and ends
    place = start
    while place < end:
        line = _LINE.match(octets, place, end)
        assert line is not None
        first = octets[place]
        if first == 0x0A or octets[place : place + 2] == b"\r\n":
            place = line.end()
            break
        if first in b" \t" and found:
            name, begun, _ = found[-1]
            found[-1] = name, begun, line.end()
        elif (field := _FIELD.match(octets, place, line.end())) is not None:
            found.append((field[1].decode("ascii"), field.end(), line.end()))
        else:
            break
        place = line.end()
    fields = [(name, _unfolded(octets[begun : min(over, begun + LONGEST_VALUE)])) for name, begun, over in found]
    return tuple(fields[:MOST_FIELDS]), place


def field(fields: Fields, name: str) -> str | None:
    """The value of the first field of this name, decoded; None when there is none."""
    name = name.lower()
    for each, value in fields:
        if each.lower() == name:
            return decoded(value)
    return None


def decoded(value: str) -> str:
    """Encoded words made text. RFC 2047 §6.2: what stands only between two of them is dropped."""
    if "=?" not in value:
        return value
    return _WORD.sub(_word, _BETWEEN_WORDS.sub(r"\1", value))


def addresses(value: str) -> tuple[Address, ...]:
    """The addresses in a field that is not decoded."""
    # Else the library takes a group's name, or the words of an undecoded name, for addresses.
    found = getaddresses([value], **_LENIENT)
    return tuple(Address(decoded(name), address) for name, address in found if address)


def parameters(value: str) -> tuple[str, Mapping[str, str]]:
    """What stands before the first semicolon, in lower case, and the parameters. RFC 2045 §5.1, RFC 2231 §3, §4."""
    main = value.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for found in _PARAMETER.finditer(value):
        name, text = found[1].lower(), found[2]
        if text.startswith('"'):
            text = _QUOTED_PAIR.sub(r"\1", text[1:].removesuffix('"'))
        base, star, rest = name.partition("*")
        if not star:
            plain.setdefault(name, decoded(text))
            continue
        number = rest.removesuffix("*")
        if number == "" or (number.isascii() and number.isdigit() and len(number) < 4):
            pieces.setdefault(base, []).append((int(number or "0"), name.endswith("*"), text))
    for base, several in pieces.items():
        plain[base] = _continued(sorted(several))
    return main, plain


def _continued(pieces: list[tuple[int, bool, str]]) -> str:
    charset, octets = "utf-8", b""
    for number, is_encoded, text in pieces:
        if number == 0 and is_encoded and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        octets += unquote_to_bytes(text) if is_encoded else text.encode("utf-8", "replace")
    return as_text(octets, charset or "utf-8")


def as_text(octets: bytes, charset: str) -> str:
    """Octets as text of this character set; of one that nobody knows, as Latin-1."""
    try:
        return octets.decode(charset, "replace")
    except (LookupError, ValueError, UnicodeError):  # also of a codec that is none for text
        return octets.decode("latin-1")


def _unfolded(octets: bytes) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return _FOLD.sub("", text).strip()


def _word(found: re.Match[str]) -> str:
    charset, encoding, text = found[1].partition("*")[0], found[2], found[3]  # RFC 2231 §5: a language may follow
    raw = text.encode("utf-8", "replace")
    try:
        octets = decoded_base64(raw) if encoding in "bB" else binascii.a2b_qp(raw, header=True)
    except ValueError:
        return found[0]
    return as_text(octets, charset)


def decoded_base64(octets: bytes) -> bytes:
    """Base64 as far as it goes. RFC 2045 §6.8: what is not of its alphabet is passed over."""
    octets = _NOT_BASE64.sub(b"", octets)
    return binascii.a2b_base64(octets[: len(octets) - len(octets) % 4] + _rest(octets[len(octets) - len(octets) % 4 :]))


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def _rest(octets: bytes) -> bytes:
    return b"" if len(octets) < 2 else octets + b"=" * (4 - len(octets))
