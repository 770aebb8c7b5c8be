"""Which command has its place where. Everything that decides it is in this table. RFC 1939 §4, §5, §6."""

from enum import Enum


class State(Enum):
    """Where a session stands."""

    AUTHORIZATION = "authorization"
    NAMED = "named"  # USER was said
    RESPONDING = "responding"  # the next line is a response to AUTH
    JUDGING = "judging"  # somebody finds out whose mailbox it is
    TRANSACTION = "transaction"
    FETCHING = "fetching"  # somebody brings a message
    SECURING = "securing"  # STLS was agreed to
    UPDATE = "update"
    ENDED = "ended"


_BEFORE = (State.AUTHORIZATION, State.NAMED)
_INSIDE = (State.TRANSACTION,)

PLACES: dict[str, tuple[State, ...]] = {
    "USER": _BEFORE,
    "PASS": (State.NAMED,),
    "APOP": _BEFORE,
    "AUTH": _BEFORE,
    "STLS": _BEFORE,  # RFC 2595 §4: in no other state
    "CAPA": (*_BEFORE, *_INSIDE),
    "QUIT": (*_BEFORE, *_INSIDE),
    "STAT": _INSIDE,
    "LIST": _INSIDE,
    "UIDL": _INSIDE,
    "RETR": _INSIDE,
    "TOP": _INSIDE,
    "DELE": _INSIDE,
    "RSET": _INSIDE,
    "NOOP": _INSIDE,
}

READING = (*_BEFORE, State.RESPONDING, State.TRANSACTION)
"""In these the next line is read; in the others somebody else has something to do first."""
