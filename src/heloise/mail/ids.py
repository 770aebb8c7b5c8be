"""Message ids: short, sortable by time, unique across machines by chance. They are what an operator types."""

from typing import Final, NewType

MessageId = NewType("MessageId", str)

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_message_id(now: float, octets: bytes) -> MessageId:
    """An id of 15 characters: 45 bits of time (`now`, seconds since the epoch) and 30 of four random octets."""
    # In two numbers that fit into a machine word each: of 45 bits, nine characters, and of 30, six.
    time, chance = int(now * 1000), int.from_bytes(octets[:4], "big")
    return MessageId(
        f"{_PAIRS[time >> 35 & 1023]}{_PAIRS[time >> 25 & 1023]}{_PAIRS[time >> 15 & 1023]}{_PAIRS[time >> 5 & 1023]}"
        f"{_ALPHABET[time & 31]}{_PAIRS[chance >> 20 & 1023]}{_PAIRS[chance >> 10 & 1023]}{_PAIRS[chance & 1023]}"
    )
