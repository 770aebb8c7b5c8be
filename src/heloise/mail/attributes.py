"""What one server tells another about a client: `NAME=mail.example ADDR=192.0.2.7 ...`, as XCLIENT and XFORWARD do.

Values are xtext (RFC 3461 §4) of UTF-8. Two words stand for what is not known: `[UNAVAILABLE]`, and `[TEMPUNAVAIL]`
for a name that could not be looked up now.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Self

from heloise.mail.xtext import decode_xtext, encode_xtext

UNAVAILABLE: Final = "[UNAVAILABLE]"
_UNKNOWN: Final = (UNAVAILABLE, "[TEMPUNAVAIL]")
_NAME: Final = re.compile(r"[A-Za-z]+", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST_VALUE: Final = 255  # octets, those of the longest host name


@dataclass(frozen=True, slots=True)
class Attributes:
    """Names in upper case, each once, with their values."""

    items: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the argument of a command. Of two with one name the last counts. Raises ValueError."""
        found: dict[str, str] = {}
        for word in text.split():
            name, equals, value = word.partition("=")
            if not equals or _NAME.fullmatch(name) is None:
                raise ValueError(f"{word[:40]!r} is not NAME=value")
            found[name.upper()] = _decoded(value)
        return cls(tuple(found.items()))

    def has(self, name: str) -> bool:
        """Is anything said about it?"""
        return any(known == name for known, _ in self.items)

    def get(self, name: str) -> str | None:
        """The value; None when it is not told, or told to be unknown."""
        for known, value in self.items:
            if known == name:
                return None if not value or value.upper() in _UNKNOWN else value
        return None

    def updated(self, other: "Attributes") -> Self:
        """With the values of `other` in place of these."""
        return replace(self, items=tuple({**dict(self.items), **dict(other.items)}.items()))

    def only(self, names: Collection[str]) -> Self:
        """Those of these names."""
        return replace(self, items=tuple([item for item in self.items if item[0] in names]))

    def words(self) -> list[str]:
        """Each as it is written."""
        return [f"{name}={_encoded(value)}" for name, value in self.items]

    def __str__(self) -> str:
        return " ".join(self.words())

    def __bool__(self) -> bool:
        return bool(self.items)


NO_ATTRIBUTES: Final = Attributes()


def _decoded(value: str) -> str:
    # An octet above 127 that came as itself, and not as xtext, is read as what it is.
    text = decode_xtext(value) if value.isascii() else value
    if value.isascii():
        try:
            text = text.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("a value is not UTF-8") from None
    if _CONTROL.search(text) or len(text.encode()) > LONGEST_VALUE:
        raise ValueError("a value has control characters, or is too long")
    return text


def _encoded(value: str) -> str:
    return encode_xtext(value.encode().decode("latin-1"))
