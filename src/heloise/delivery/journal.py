"""What the deliverer tells whoever keeps the log. A protocol, so that this room knows no log."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from heloise.delivery.next_hop import Found, NextHop
from heloise.mail.encryption import Encryption
from heloise.mail.outcome import Outcome
from heloise.mail.route import Route
from heloise.queue.model import QueuedMessage, QueuedRecipient, Settlement


class HowTried(Enum):
    """How it went with one next hop."""

    CONNECTED = "connected"
    REUSED = "reused"  # a session was open that another message had left
    FAILED = "failed"  # no connection, or a conversation that ended before MAIL
    SKIPPED = "skipped"  # it did not answer lately, so it was not asked again


@dataclass(frozen=True, slots=True)
class HostTried:
    """One next hop in one attempt; `trouble` when it came to nothing before MAIL, `encryption` what protected it."""

    hop: NextHop
    how: HowTried
    trouble: Outcome | None = None
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """All of one attempt, from where the route led to what is settled. `found` is None for a route that leads to no
    host; `begun` and the moment it is told are seconds since the epoch."""

    message: QueuedMessage
    route: Route
    begun: float
    found: Found | None
    tried: Sequence[HostTried]
    outcomes: Sequence[tuple[QueuedRecipient, Outcome]]
    settlement: Settlement


class DeliveryJournal(Protocol):
    """Is told of each attempt and each fault; never raises, never waits."""

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        """What one attempt did for one recipient."""
        ...

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """The whole of the attempt, just before it is settled."""
        ...

    def delivery_fault(self, message_id: str, error: Exception) -> None:
        """A trouble of our own: an agent raised, the store could not settle, a report has no way."""
        ...


class DeliveryFault(Exception):
    """A trouble that is no exception by itself, told to the journal as one. Never raised."""
