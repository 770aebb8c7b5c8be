"""The envelope: a reverse path and recipients with their parameters, in wire form. RFC 5321 §2.3.1.

This is what the queue keeps: ESMTP itself, so that a new extension never changes the schema.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.xtext import encode_xtext

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*", re.ASCII)
_QUOTE: Final = 0x22
_VALUE = re.compile(r"[^\x00-\x20=\x7f]+")


class RepeatedParameterError(ValueError):
    """A keyword stands twice among the parameters of one command."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`KEYWORD` or `KEYWORD=value`. RFC 5321 §4.1.2 esmtp-param; the keyword in upper case, the value untouched."""

    keyword: str
    value: str | None = None

    def __post_init__(self) -> None:
        if _KEYWORD.fullmatch(self.keyword) is None:
            raise ValueError(f"not a parameter keyword: {self.keyword!r}")
        if not self.keyword.isupper() and not self.keyword.isdigit():
            object.__setattr__(self, "keyword", self.keyword.upper())
        if self.value is not None and _VALUE.fullmatch(self.value) is None:
            raise ValueError(f"not a parameter value: {self.value!r}")

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Read `KEYWORD[=value]`. Raises ValueError."""
        keyword, equals, value = octets.decode("utf-8").partition("=")
        return cls(keyword, value if equals else None)

    def __str__(self) -> str:
        return self.keyword if self.value is None else f"{self.keyword}={self.value}"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one MAIL or RCPT, in order, no keyword twice."""

    items: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        if len(self.items) > 1 and len({item.keyword for item in self.items}) != len(self.items):
            raise RepeatedParameterError("a parameter is given twice")

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Read parameters separated by blanks. Raises ValueError."""
        return cls(tuple(Parameter.parse(item) for item in octets.split())) if octets else cls()

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, keyword: str) -> bool:
        return self.get(keyword) is not None

    def get(self, keyword: str) -> Parameter | None:
        """The parameter of this keyword (upper case), or None."""
        for item in self.items:
            if item.keyword == keyword:
                return item
        return None

    def value(self, keyword: str) -> str | None:
        """The value of this keyword; None when it is absent or has none."""
        found = self.get(keyword)
        return None if found is None else found.value

    def without(self, *keywords: str) -> "Parameters":
        """All but these."""
        return Parameters(tuple(item for item in self.items if item.keyword not in keywords))

    def __str__(self) -> str:
        return " ".join(map(str, self.items))

    def encode(self) -> bytes:
        """The wire form, without a leading blank."""
        return str(self).encode()


NO_PARAMETERS = Parameters()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT."""

    forward_path: ForwardPath
    parameters: Parameters = NO_PARAMETERS

    def encode(self) -> bytes:
        """`<local@domain> NOTIFY=…`."""
        return b" ".join(filter(None, (self.forward_path.encode(), self.parameters.encode())))

    def renamed(self, path: ForwardPath) -> "Recipient":
        """The same recipient under another name: the one we change is kept as ORCPT, unless there is an ORCPT already,
        so that a report names what the sender knows. RFC 3461 §5.2.1, §4.2."""
        if path is self.forward_path:
            return self
        mailbox = self.forward_path.mailbox
        if path == self.forward_path or mailbox is None or not mailbox.is_ascii or "ORCPT" in self.parameters:
            return Recipient(path, self.parameters)
        original = Parameter("ORCPT", f"rfc822;{encode_xtext(str(mailbox))}")
        return Recipient(path, Parameters((*self.parameters.items, original)))

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Read what `encode` wrote. Raises ValueError."""
        path, parameters = split_path(octets)
        return cls(ForwardPath.parse(path), Parameters.parse(parameters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A sealed transaction: from whom, with which parameters, for whom."""

    reverse_path: ReversePath
    parameters: Parameters = NO_PARAMETERS
    recipients: tuple[Recipient, ...] = field(default=())

    def encode_sender(self) -> bytes:
        """`<local@domain> SIZE=… RET=…`: the reverse path with its parameters."""
        return b" ".join(filter(None, (self.reverse_path.encode(), self.parameters.encode())))

    def encode(self) -> bytes:
        """The sender and each recipient, a line each (CRLF)."""
        lines = (self.encode_sender(), *[recipient.encode() for recipient in self.recipients])
        return b"".join([line + b"\r\n" for line in lines])

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Read what `encode` wrote. Raises ValueError."""
        sender, *recipients = octets.removesuffix(b"\r\n").split(b"\r\n")
        path, parameters = split_path(sender)
        return cls(
            reverse_path=ReversePath.parse(path),
            parameters=Parameters.parse(parameters),
            recipients=tuple(Recipient.parse(line) for line in recipients),
        )


def split_path(octets: bytes) -> tuple[bytes, bytes]:
    """Part `<path> parameters`; a `>` in a quoted local part does not end the path. Raises ValueError."""
    if not octets.startswith(b"<"):
        raise ValueError("a path starts with <")
    end = octets.find(b">")
    if _QUOTE in octets[:end]:  # a number: for octets Python first tries, and fails, to make one
        end = _end_of_quoted_path(octets)
    if end < 0:
        raise ValueError("a path ends with >")
    rest = octets[end + 1 :]
    if rest and not rest.startswith(b" "):
        raise ValueError("a blank stands between path and parameters")
    return octets[: end + 1], rest.strip(b" ")


def _end_of_quoted_path(octets: bytes) -> int:
    quoted = False
    skip = False
    for index, octet in enumerate(octets):
        if skip:
            skip = False
        elif octet == 0x5C and quoted:  # a backslash quotes the next octet
            skip = True
        elif octet == 0x22:
            quoted = not quoted
        elif octet == 0x3E and not quoted:
            return index
    return -1
