"""Header fields as octets: read, changed, written, every octet that is not changed kept. RFC 5322 §2.2.

What is no field (a line without a colon) is kept as a field without a name, so that reading loses nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from heloise.policy.changes import AddField, Change, ChangeField, InsertField

_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_FOLD = re.compile(r"\r\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One field with its lines, CRLF at the end. `name` is "" for a line that is none."""

    octets: bytes
    name: str

    @property
    def value(self) -> bytes:
        """What stands behind the colon, still folded, without the last CRLF."""
        return self.octets.partition(b":")[2].removesuffix(b"\r\n") if self.name else self.octets

    @property
    def text(self) -> str:
        """The value unfolded (RFC 5322 §2.2.3), octets that are no UTF-8 replaced, blanks at its ends taken away."""
        return _FOLD.sub("", self.value.decode("utf-8", "replace")).strip(" \t\r\n")

    def is_named(self, name: str) -> bool:
        """Is this its name, in any case of letters?"""
        return self.name.lower() == name.lower()


def read_fields(header: bytes) -> tuple[Field, ...]:
    """The fields of a header; joined again their octets are the header."""
    found: list[bytes] = []
    for line in _lines(header):
        if found and line[:1] in (b" ", b"\t"):
            found[-1] += line
        else:
            found.append(line)
    return tuple([Field(octets, _name_of(octets)) for octets in found])


def _lines(header: bytes) -> list[bytes]:
    """Ended by LF only: bytes.splitlines takes a bare CR for an end, too."""
    *lines, rest = header.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


def _name_of(octets: bytes) -> str:
    named = _NAME.match(octets)
    return "" if named is None else named[1].decode("ascii")


def write_field(name: str, value: str) -> bytes:
    """`name: value` with CRLF. Line breaks in `value` become folds; other control characters are taken out.

    Raises:
        ValueError: `name` is not the name of a field.
    """
    if re.fullmatch(r"[!-9;-~]+", name) is None:
        raise ValueError(f"not the name of a header field: {name!r}")
    lines = [re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", line) for line in re.split(r"\r\n|\r|\n", value)]
    kept = [lines[0].strip(), *[line if line[:1] in (" ", "\t") else f"\t{line}" for line in lines[1:] if line.strip()]]
    return (f"{name}: " + "\r\n".join(kept) + "\r\n").encode("utf-8", "replace")


def change_header(header: bytes, changes: Sequence[Change]) -> bytes:
    """The header after these changes, one after the other; those that are about something else are passed over."""
    fields = list(read_fields(header))
    for each in changes:
        match each:
            case AddField(name=name, value=value):
                fields.append(_made(name, value))
            case InsertField(index=index, name=name, value=value):
                fields.insert(max(index, 0), _made(name, value))
            case ChangeField():
                _change(fields, each)
            case _:
                pass
    return b"".join([one.octets for one in fields])


def _made(name: str, value: str) -> Field:
    return Field(write_field(name, value), name)


def _change(fields: list[Field], wanted: ChangeField) -> None:
    """The `occurrence`th field of the name, counted from 1: another value, or none. One that is not there is added at
    the end, as other servers do for their filters; nothing that is not there is taken away."""
    places = [index for index, each in enumerate(fields) if each.is_named(wanted.name)]
    if 1 <= wanted.occurrence <= len(places):
        place = places[wanted.occurrence - 1]
        if wanted.value is None:
            del fields[place]
        else:
            fields[place] = _made(fields[place].name, wanted.value)
    elif wanted.value is not None:
        fields.append(_made(wanted.name, wanted.value))
