"""Applying a settlement, and insisting: an outcome that is not stored is an attempt made again, and a duplicate."""

import asyncio
from collections.abc import Callable

from heloise.delivery.journal import DeliveryFault, DeliveryJournal
from heloise.queue.errors import StoreFault, StoreFull
from heloise.queue.model import Settlement
from heloise.queue.queue import Queue

STORE_PAUSE = 1.0  # seconds between two tries of a store in trouble, at first
LONGEST_STORE_PAUSE = 8.0
_STORE_TRIES = 30


async def insist(
    queue: Queue,
    settlement: Settlement,
    journal: DeliveryJournal,
    *,
    is_stopping: Callable[[], bool],
    can_wait: bool = False,
) -> bool:
    """Settle, at once or when it `can_wait` some milliseconds later; False when that was given up."""
    tries, pause = 0, STORE_PAUSE
    while tries < _STORE_TRIES:
        try:
            await queue.settle(settlement, can_wait=can_wait)
            return True
        except StoreFault as error:
            fault = error
        journal.delivery_fault(settlement.message_id, fault)
        queue.renew(settlement)
        # A full disk ends when somebody makes room, however long that takes; meanwhile the slot is held, and nothing
        # else is attempted whose outcome could not be kept either.
        if isinstance(fault, StoreFull) and not is_stopping():
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_STORE_PAUSE)
        else:
            tries += 1
            await asyncio.sleep(STORE_PAUSE)
    given_up = DeliveryFault("the outcome is lost, the attempt will be made again")
    journal.delivery_fault(settlement.message_id, given_up)
    return False
