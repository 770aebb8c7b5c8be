"""The fields of message/delivery-status: clean, folded, addresses with their type. RFC 3464 §2.1, RFC 6533 §3."""

import re
from collections.abc import Iterator

from heloise.mail.path import ForwardPath
from heloise.mail.reply import printable
from heloise.mail.xtext import decode_xtext

_LINE = 76  # RFC 5322 §2.1.1 wants at most 78 characters
_LONGEST_WORD = 900  # octets; RFC 5322 §2.1.1: at most 998, the field name included
_VALUE_LIMIT = 4000
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_NOT_QCHAR = re.compile(r"[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]")


def clean(text: str, *, utf8: bool = False) -> str:
    """`text` without control characters and, unless `utf8`, without anything outside ASCII.

    What peers say is never trusted to be either.
    """
    fit = printable(text, _VALUE_LIMIT)
    return fit if utf8 else fit.encode("ascii", "replace").decode("ascii")


def field(name: str, value: str, *, utf8: bool = False) -> str:
    """`Name: value` folded at blanks, with CRLF; a word too long for any line is cut."""
    lines, line = [], f"{name}:"
    for word in words_of(clean(value, utf8=utf8)):
        if len(line) + 1 + len(word) > _LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join((*lines, line)) + "\r\n"


def words_of(value: str) -> list[str]:
    """The words of `value`, each short enough for a line."""
    return [piece for word in value.split() for piece in _pieces(word)]


def _pieces(word: str) -> Iterator[str]:
    """RFC 6532 §3.4: a line is measured in octets, of which a character has up to four."""
    width = _LONGEST_WORD if len(word.encode()) <= _LONGEST_WORD or word.isascii() else _LONGEST_WORD // 4
    yield from (word[start : start + width] for start in range(0, len(word), width))


def final_recipient(path: ForwardPath, *, reporting_mta: str, unitext: bool) -> str:
    """The value of Final-Recipient. `unitext` writes UTF-8 as it is, else in seven bits (RFC 6533 §3)."""
    address = f"Postmaster@{reporting_mta}" if path.mailbox is None else str(path.mailbox)
    return _typed("rfc822" if path.is_ascii else "utf-8", address, unitext=unitext)


def original_recipient(orcpt: str, *, unitext: bool) -> str:
    """The value of Original-Recipient: ORCPT with its xtext decoded and its type kept. RFC 3461 §5.2.1 (e)."""
    address_type, _, encoded = orcpt.partition(";")
    if address_type.lower() == "utf-8":
        return _typed(address_type, _EMBEDDED.sub(_embedded_character, encoded), unitext=unitext)
    return f"{address_type}; {decoded(encoded)}"


def decoded(text: str) -> str:
    """What xtext stands for; what is no xtext stands for itself."""
    try:
        return decode_xtext(text)
    except ValueError:
        return text


def _typed(address_type: str, address: str, *, unitext: bool) -> str:
    if address_type.lower() == "utf-8" and not unitext:
        address = _NOT_QCHAR.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", address)
    return f"{address_type}; {address}"


def _embedded_character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\N{REPLACEMENT CHARACTER}"
