"""How many messages and recipients there are, counted along: nobody counts a million rows to show four numbers."""

from heloise.queue.model import QueueCounts, RecipientState


class Tally:
    """The numbers of a store, or what one operation adds to them."""

    __slots__ = ("_recipients", "messages")

    def __init__(self, messages: int = 0) -> None:
        self.messages = messages
        self._recipients = [0] * len(RecipientState)  # by the number of the state

    def move(self, old: RecipientState | None, new: RecipientState | None, count: int = 1) -> None:
        """`count` recipients went from one state to another; None is outside of the store."""
        if old is not None:
            self._recipients[old.value] -= count
        if new is not None:
            self._recipients[new.value] += count

    def add(self, other: "Tally") -> None:
        """Put the numbers of `other` on top."""
        self.messages += other.messages
        for state, count in enumerate(other._recipients):
            self._recipients[state] += count

    def counts(self) -> QueueCounts:
        """As they are shown."""
        return QueueCounts(
            messages=self.messages,
            waiting=self._recipients[RecipientState.WAITING.value],
            leased=self._recipients[RecipientState.LEASED.value],
            held=self._recipients[RecipientState.HELD.value],
        )
