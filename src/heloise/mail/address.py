"""Mailboxes: `local-part@domain`. RFC 5321 §4.1.2, RFC 6531 §3.3.

The one place where address octets become text. A local part is kept as it is meant, without quoting; `encode` quotes
where it has to. It keeps its case and compares by it; a domain keeps its case and compares without it (§2.4).
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff-]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e\x80-\U0010ffff]|\\[\x20-\x7e])*)"')
_QUOTED_PAIR = re.compile(r"\\(.)")
# RFC 5321 has no underscore in a domain, real hosts have: read it, as every peer does.
_LABEL = r"[A-Za-z0-9_\x80-\U0010ffff](?:[A-Za-z0-9_\x80-\U0010ffff-]*[A-Za-z0-9_\x80-\U0010ffff])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# RFC 5321 §4.1.3 lets < and > stand in a tagged literal; no tag is registered, and they would end a path.
_TAGGED_LITERAL = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9]:[\x21-\x3b\x3d\x3f-\x5a\x5e-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

MAXIMUM_LOCAL_PART = 255  # RFC 5321 §4.5.3.1.1 asks for at least 64; VERP addresses need more
MAXIMUM_DOMAIN = 255  # RFC 5321 §4.5.3.1.2


class AddressError(ValueError):
    """An address is not written as RFC 5321 §4.1.2 asks."""


@lru_cache(maxsize=4096)
def check_domain(text: str) -> str:
    """`text` if it is a domain or an address literal. Raises AddressError."""
    if text.startswith("["):
        return _check_literal(text)
    if len(text.encode()) > MAXIMUM_DOMAIN:
        raise AddressError(f"the domain is longer than {MAXIMUM_DOMAIN} octets")
    if _DOMAIN.fullmatch(text) is None or _CONTROL.search(text):
        raise AddressError(f"not a domain: {text!r}")
    return text


def _check_literal(text: str) -> str:
    """RFC 5321 §4.1.3."""
    if not text.endswith("]"):
        raise AddressError(f"an address literal ends with a bracket: {text!r}")
    inner = text[1:-1]
    try:
        if inner[:5].upper() == "IPV6:":
            if "%" in inner:
                raise AddressValueError("a zone")  # RFC 5321 §4.1.3 has none; IPv6Address takes anything in it
            IPv6Address(inner[5:])
        elif _TAGGED_LITERAL.fullmatch(inner) is None:
            IPv4Address(inner)
    except AddressValueError as error:
        raise AddressError(f"not an address literal: {text!r}") from error
    return text


def _check_local_part(text: str) -> str:
    if len(text) <= MAXIMUM_LOCAL_PART and text.isascii() and text.isprintable():
        return text  # as nearly all are
    if len(text.encode()) > MAXIMUM_LOCAL_PART:
        raise AddressError(f"the local part is longer than {MAXIMUM_LOCAL_PART} octets")
    if _CONTROL.search(text):
        raise AddressError("a local part has no control characters")
    return text


@dataclass(frozen=True, slots=True, eq=False)
class Mailbox:
    """An address. `local_part` as meant (unquoted, may be empty only when it was quoted), `domain` as written."""

    local_part: str
    domain: str
    is_ascii: bool = field(init=False, repr=False)
    """False when the address can be sent only under SMTPUTF8. RFC 6531 §3.2."""
    _text: str = field(init=False, repr=False)
    """As it is written: asked for several times, by causes, trace, queue and log."""

    def __post_init__(self) -> None:
        _check_local_part(self.local_part)
        check_domain(self.domain)
        object.__setattr__(self, "is_ascii", self.local_part.isascii() and self.domain.isascii())
        object.__setattr__(self, "_text", f"{_written(self.local_part)}@{self.domain}")

    @classmethod
    def parse(cls, octets: bytes) -> "Mailbox":
        """Read `local-part@domain` from the wire. Raises AddressError."""
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError as error:
            raise AddressError("an address is ASCII or UTF-8") from error  # RFC 6531 §3.3
        return Mailbox.from_text(text)

    @classmethod
    def from_text(cls, text: str) -> "Mailbox":
        """Read `local-part@domain` from text. Raises AddressError."""
        if text.startswith('"'):
            found = _QUOTED.match(text)
            if found is None:
                raise AddressError(f"the quoted local part does not end: {text!r}")
            local_part, rest = _QUOTED_PAIR.sub(r"\1", found[1]), text[found.end() :]
        else:
            found = _DOT_STRING.match(text)
            if found is None:
                raise AddressError(f"no local part: {text!r}")
            local_part, rest = found[0], text[found.end() :]
        if not rest.startswith("@"):
            raise AddressError(f"no @ after the local part: {text!r}")
        return Mailbox(local_part, rest[1:])

    @property
    def key(self) -> tuple[str, str]:
        """What two mailboxes are compared by. RFC 5321 §2.4: the local part by case, the domain not."""
        return self.local_part, self.domain.lower()

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Mailbox) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self._text

    def encode(self) -> bytes:
        """The wire form, with as little quoting as there can be. RFC 5321 §4.1.2."""
        return self._text.encode()


@lru_cache(maxsize=4096)
def _written(local_part: str) -> str:
    if _DOT_STRING.fullmatch(local_part):
        return local_part
    escaped = local_part.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
