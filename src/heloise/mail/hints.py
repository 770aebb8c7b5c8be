"""What a transaction asks of the queue beside delivery: when not before, when no longer, how urgently."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Times in seconds since the epoch. Filled by extensions (FUTURERELEASE, DELIVERBY, MT-PRIORITY).

    Not attempted before `not_before`, nor from `expires_at` on; the sender is told at `warn_at` that it takes long. A
    higher `priority` goes first.
    """

    not_before: float | None = None
    expires_at: float | None = None
    priority: int = 0
    warn_at: float | None = None

    def joined(self, other: "Hints") -> "Hints":
        """Both; where both say something, `other` counts."""
        return Hints(
            not_before=self.not_before if other.not_before is None else other.not_before,
            expires_at=self.expires_at if other.expires_at is None else other.expires_at,
            priority=other.priority or self.priority,
            warn_at=self.warn_at if other.warn_at is None else other.warn_at,
        )


NO_HINTS = Hints()
