"""What the deliverer tells whoever keeps the log. A protocol, so that this room knows no log."""

from typing import Protocol

from heloise.mail.outcome import Outcome
from heloise.queue.model import QueuedMessage, QueuedRecipient


class DeliveryJournal(Protocol):
    """Is told of each attempt and each fault; never raises, never waits."""

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        """What one attempt did for one recipient."""
        ...

    def delivery_fault(self, message_id: str, error: Exception) -> None:
        """A trouble of our own: an agent raised, the store could not settle, a report has no way."""
        ...


class DeliveryFault(Exception):
    """A trouble that is no exception by itself, told to the journal as one. Never raised."""
