"""What a transaction asks of the queue beside delivery: when not before, when no longer, how urgently."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Times in seconds since the epoch. Filled by extensions (FUTURERELEASE, DELIVERBY, MT-PRIORITY)."""

    not_before: float | None = None
    expires_at: float | None = None
    priority: int = 0


NO_HINTS = Hints()
