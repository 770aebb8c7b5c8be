"""Releasing caught mail: giving it to recipients for whom it may leave, and to nobody else."""

from collections.abc import Sequence
from typing import Protocol

from heloise.inbox.message import CaughtMessage


class NotReleased(Exception):
    """It was not released; the text says why."""


class Release(Protocol):
    """Who releases mail. `shown` is where it goes, `allowed` the patterns of addresses it may go to."""

    shown: str
    allowed: tuple[str, ...]

    async def release(self, message: CaughtMessage, recipients: Sequence[str]) -> str:
        """Give the message to a queue for these recipients; the id it has there. Raises NotReleased."""
        ...
