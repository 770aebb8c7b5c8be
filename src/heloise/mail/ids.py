"""Message ids: short, sortable by time, unique across machines by chance. They are what an operator types."""

from typing import NewType

MessageId = NewType("MessageId", str)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_message_id(now: float, octets: bytes) -> MessageId:
    """An id of 15 characters: 45 bits of time (`now`, seconds since the epoch) and 30 of four random octets."""
    number = int(now * 1000) << 30 | int.from_bytes(octets[:4], "big") & 0x3FFFFFFF
    return MessageId("".join([_PAIRS[number >> shift & 1023] for shift in range(65, 0, -10)]) + _ALPHABET[number & 31])
