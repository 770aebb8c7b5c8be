"""How many attempts run at once, all destinations together, so that those that are never answered block no others.

A destination that has answered lately shares its slots only with such. Of any other nobody knows whether it answers,
and an attempt may last until a time-out: those have lanes of their own, one for mail that was never tried, so that new
mail to a new host waits for no host that has been dead for days, and one for mail that was.
"""

import asyncio
from enum import Enum

PUTTING_OFF = 30.0  # seconds until a probe for which there is no room is worth another look


class Lane(Enum):
    """Whose slots an attempt takes."""

    __hash__ = object.__hash__  # Enum has one in Python, which would be called for each look into a table

    PROVEN = "proven"  # the destination has answered lately
    NEW = "new"  # the destination has not, the message is tried for the first time
    AGAIN = "again"  # the destination has not, and did not the last time either


class Slots:
    """`count` for destinations that answer, and half as many in each of the other lanes."""

    def __init__(self, count: int) -> None:
        others = max(1, count // 2)
        self._sizes = {Lane.PROVEN: count, Lane.NEW: others, Lane.AGAIN: others}
        self._free = {lane: asyncio.Semaphore(size) for lane, size in self._sizes.items()}
        self._taken = dict.fromkeys(Lane, 0)  # those that wait included

    def has_room(self, lane: Lane) -> bool:
        """May one more wait in this lane? In that of the proven always: it is the destinations that bound it."""
        return lane is Lane.PROVEN or self._taken[lane] < 2 * self._sizes[lane]

    async def take(self, lane: Lane) -> None:
        """Wait for a slot; `give` it back."""
        self._taken[lane] += 1
        try:
            await self._free[lane].acquire()
        except BaseException:
            self._taken[lane] -= 1
            raise

    def give(self, lane: Lane) -> None:
        """Somebody else may have it."""
        self._free[lane].release()
        self._taken[lane] -= 1
