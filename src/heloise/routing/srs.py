"""The Sender Rewriting Scheme: a reverse path in a domain of ours that leads back to the sender's. Pure.

Whoever forwards mail under the sender's own reverse path fails SPF at the next host (RFC 7208 §2.4: it is the reverse
path that is looked at). So the forwarder puts an address of his own there, from which the sender's can be read again
when a report comes back. The format is that of the reference algorithm (Mail::SRS, libsrs2, postsrsd):

    alice@example.com                              the sender
    SRS0=HASH=TT=example.com=alice@one.example     as the first forwarder sends it on
    SRS1=HASH=one.example==HASH=TT=example.com=alice@two.example    as the second does, and every later one

HASH keeps strangers from making such addresses, TT is the day. The second forwarder answers for the first only, and a
third one takes the place of the second, so that addresses grow no longer and a report takes two hops at most.
"""

import hmac
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TypeAlias

from heloise.mail.address import AddressError, Mailbox

HASH_LENGTH = 4  # of base64: what the reference writes, and the shortest that it takes
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_DAY = 86400
_DAYS = len(_BASE32) ** 2  # after 1024 days the two characters begin anew
# Behind the tag is the separator that its forwarder likes best; all others are "=".
_TAGGED = re.compile(r"SRS([01])([=+-].*)", re.IGNORECASE | re.DOTALL)
SEPARATORS = "=+-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How we rewrite: addresses in `domain`, the hash made with the first of `secrets` and checked with all of them.

    `separator` is one of `SEPARATORS`; `max_age` in days, at most three years, since time is told modulo 1024 days.
    """

    domain: str
    secrets: tuple[bytes, ...]
    separator: str = "="
    max_age: int = 21

    def __post_init__(self) -> None:
        if not self.secrets or not all(self.secrets):
            raise ValueError("a scheme needs a secret")
        if len(self.separator) != 1 or self.separator not in SEPARATORS:
            raise ValueError(f"the separator is one of {' '.join(SEPARATORS)}")
        if not 0 < self.max_age < _DAYS:
            raise ValueError(f"max_age is from 1 to {_DAYS - 1} days")


@dataclass(frozen=True, slots=True)
class Forged:
    """The address was not made here, or was changed on its way: `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The address was made here `age` days ago, longer than reports take."""

    age: int


Reversed: TypeAlias = Mailbox | Forged | Expired


def is_rewritten(mailbox: Mailbox) -> bool:
    """Does it look like an address of the scheme, whoever made it?"""
    return _TAGGED.fullmatch(mailbox.local_part) is not None


def rewrite(sender: Mailbox, scheme: Scheme, *, now: float) -> Mailbox:
    """The address in our domain that leads back to `sender`. Raises AddressError when it would be too long."""
    chained = _chained(sender)
    if chained is None:
        tag, stamp = "SRS0", _stamp(now)
        parts: tuple[str, ...] = (stamp, sender.domain, sender.local_part)
    else:
        tag, parts = "SRS1", chained
    text = "=".join((_hash(scheme.secrets[0], parts, HASH_LENGTH), *parts))
    return Mailbox(f"{tag}{scheme.separator}{text}", scheme.domain)


def _chained(sender: Mailbox) -> tuple[str, ...] | None:
    """The first forwarder and what he wrote behind SRS0, when `sender` is a forwarder's address already."""
    found = _TAGGED.fullmatch(sender.local_part)
    if found is None:
        return None
    if found[1] == "0":
        return sender.domain, found[2]
    # Whoever made this one is left out: its hash is his own business, and the host behind it is the first forwarder.
    parts = _split(found[2][1:], 3)
    return None if parts is None else (parts[1], parts[2])


def reverse(mailbox: Mailbox, scheme: Scheme, *, now: float) -> Reversed:
    """The address that `mailbox`, for which `is_rewritten` holds, leads back to."""
    found = _TAGGED.fullmatch(mailbox.local_part)
    if found is None:
        return Forged("it is not an address of the scheme")
    rest = found[2][1:]
    try:
        return _reverse_first(rest, scheme, now) if found[1] == "0" else _reverse_later(rest, scheme)
    except AddressError as error:
        return Forged(str(error))


def _reverse_first(rest: str, scheme: Scheme, now: float) -> Reversed:
    parts = _split(rest, 4)
    if parts is None:
        return Forged("a part of it is missing")
    signed, stamp, host, user = parts
    if not _is_signed(signed, (stamp, host, user), scheme):
        return Forged("the hash is not ours")
    age = _age(stamp, now)
    if age > scheme.max_age:
        return Expired(age)
    return Mailbox(user, host)


def _reverse_later(rest: str, scheme: Scheme) -> Reversed:
    parts = _split(rest, 3)
    if parts is None:
        return Forged("a part of it is missing")
    signed, host, user = parts
    if not _is_signed(signed, (host, user), scheme):
        return Forged("the hash is not ours")
    return Mailbox(f"SRS0{user}", host)  # its own forwarder looks at the day


def _split(text: str, count: int) -> list[str] | None:
    """So many parts, of which only the last one may be empty, or have any character in it."""
    parts = text.split("=", count - 1)
    return parts if len(parts) == count and all(parts[:-1]) else None


def _hash(secret: bytes, parts: tuple[str, ...], length: int) -> str:
    """In lower case goes in what a host on the way may have changed the case of."""
    octets = "".join(parts).lower().encode()
    return b64encode(hmac.digest(secret, octets, "sha1")).decode()[:length]


def _is_signed(given: str, parts: tuple[str, ...], scheme: Scheme) -> bool:
    """Whoever writes longer hashes with one of our secrets is believed too; the case of letters may have been lost."""
    if len(given) < HASH_LENGTH or not given.isascii():
        return False
    return any(
        hmac.compare_digest(given.lower(), _hash(secret, parts, len(given)).lower()) for secret in scheme.secrets
    )


def _stamp(now: float) -> str:
    """The day in two characters, five bits each."""
    day = int(now // _DAY)
    return _BASE32[day >> 5 & 31] + _BASE32[day & 31]


def _age(stamp: str, now: float) -> int:
    """Days since the stamp, modulo 1024. Raises AddressError."""
    day = 0
    for character in stamp.upper():
        position = _BASE32.find(character)
        if position < 0:
            raise AddressError("the day in it can not be read")
        day = day << 5 | position
    return (int(now // _DAY) - day) % _DAYS
