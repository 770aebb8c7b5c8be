"""The header of a message or of a part: read for what MIME says in it, changed in the fields that have to be.

RFC 2045 §5, §6; RFC 2046 §5.1.1. Octets in, octets out; what is not changed stays as it is.
"""

import re
from collections.abc import Sequence

_TYPE = re.compile(r"\s*([\w!#$&^.+-]+)\s*/\s*([\w!#$&^.+-]+)", re.ASCII)
_PARAMETER = re.compile(r""";\s*([^\s=;"]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;"]*))""", re.DOTALL)
_COMMENT = re.compile(r"\([^()]*\)")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

ENCODING = b"content-transfer-encoding"
TYPE = b"content-type"
VERSION = b"mime-version"


class PartHeader:
    """One header; `octets` with the empty line that ends it, when there is one."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        ended = octets == b"\r\n" or octets.endswith(b"\r\n\r\n")
        self._end = b"\r\n" if ended else b""
        self._fields = _fields(octets.removesuffix(b"\r\n") if ended else octets)

    def has(self, name: bytes) -> bool:
        """Is there a field of this name (lower case)?"""
        return any(_name(field) == name for field in self._fields)

    @property
    def is_mime(self) -> bool:
        """Does it say anything of MIME?"""
        return any(map(self.has, (VERSION, TYPE, ENCODING)))

    @property
    def media_type(self) -> tuple[str, str] | None:
        """Such as ("text", "plain"), in lower case; None when there is none, or none that can be read."""
        found = _TYPE.match(self._value(TYPE))
        return None if found is None else (found[1].lower(), found[2].lower())

    @property
    def boundary(self) -> bytes | None:
        """The parameter of that name. One in pieces (RFC 2231 §3) is not put together."""
        for name, quoted, token in _PARAMETER.findall(self._value(TYPE)):
            if name.lower() == "boundary":
                text: str = _QUOTED_PAIR.sub(r"\1", quoted) or token
                return text.rstrip().encode("latin-1") or None
        return None

    @property
    def encoding(self) -> str:
        """The Content-Transfer-Encoding in lower case; 7bit when there is none. RFC 2045 §6.1."""
        return _COMMENT.sub("", self._value(ENCODING)).strip().lower() or "7bit"

    def with_encoding(self, encoding: str, added: Sequence[bytes] = ()) -> bytes:
        """The header with this encoding in place of the one it has, or at its end, where the fields `added` go too."""
        line = b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n"
        fields: list[bytes] = []
        placed = False
        for field in self._fields:
            if _name(field) != ENCODING:
                fields.append(field)
            elif not placed:  # a second one would contradict the first
                fields.append(line)
                placed = True
        return b"".join((*fields, *added, b"" if placed else line, self._end))

    def _value(self, name: bytes) -> str:
        """The first field of this name, unfolded."""
        for field in self._fields:
            if _name(field) == name:
                return field.partition(b":")[2].replace(b"\r\n", b"").decode("latin-1")
        return ""


def _fields(octets: bytes) -> list[bytes]:
    """The fields with their folding and CRLF; what is no field stays with the one before it."""
    fields: list[bytes] = []
    for line in octets.split(b"\r\n")[:-1] if octets.endswith(b"\r\n") else octets.split(b"\r\n"):
        if fields and line[:1] in (b" ", b"\t"):
            fields[-1] += line + b"\r\n"
        else:
            fields.append(line + b"\r\n")
    return fields if octets else []


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].rstrip().lower()
