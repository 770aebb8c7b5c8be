"""A POP3 command. RFC 1939 §3, RFC 2449 §4. Pure."""

from dataclasses import dataclass
from typing import Self

LONGEST = 255  # octets with the end of line


@dataclass(frozen=True, slots=True)
class Pop3Command:
    """`verb` in upper case; `rest` is what follows it, for passwords, and `arguments` its words."""

    verb: str
    rest: str = ""

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """A line without its end. What is not UTF-8 (RFC 6856 §2) is replaced and fits nothing."""
        verb, _, rest = line.decode("utf-8", "replace").partition(" ")
        return cls(verb.upper(), rest)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Parted by blanks."""
        return tuple(self.rest.split())

    def number(self, place: int) -> int | None:
        """The argument at this place as a number; None when it is none."""
        arguments = self.arguments
        if place >= len(arguments):
            return None
        text = arguments[place]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
