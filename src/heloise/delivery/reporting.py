"""Reports to senders: where they go, what of the original they return, and one for all who end in the same round.

The recipients of a message that lead to different next hops are attempted and settled apart, since what was delivered
must be known to the disk at once. What the sender is to be told of them is owed then, durably (`Settlement.owed`), and
told in one report when the last of them is settled, or some minutes later. What a crash leaves owed is told at the
next start. A message for one next hop owes nothing: its report is in its settlement.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from heloise.delivery.applying import insist
from heloise.delivery.debts import read_debts
from heloise.delivery.journal import DeliveryFault, DeliveryJournal
from heloise.delivery.settle import Reporting, octets_wanted, pay
from heloise.dsn.submission import RouteReport
from heloise.mail.content import Content
from heloise.mail.ids import MessageId, new_message_id
from heloise.mail.path import ForwardPath
from heloise.queue.errors import StoreFault
from heloise.queue.model import QueuedMessage
from heloise.queue.queue import Queue
from heloise.routing.lookup import LookupFailed
from heloise.world import World

REPORT_PATIENCE = 180.0  # seconds that a sender waits to be told of some recipients until the others are decided
LEFTOVER_PAUSE = 300.0  # until what could not be told is tried again


class Round:
    """The groups of one lease: each leaves when it is settled."""

    def __init__(self, groups: int) -> None:
        self._left = groups
        self._over = asyncio.Event()
        self._reports = False

    def owes(self) -> bool:
        """Something is owed by now; True for the first who says so since the last report."""
        first, self._reports = not self._reports, True
        return first

    def leave(self) -> None:
        """One group less."""
        self._left -= 1
        if not self._left:
            self._over.set()

    async def over(self, patience: float) -> None:
        """Wait for the last group, for so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._over.wait()
        self._reports = False


class Reports:
    """Makes reports. `route_report` says where one goes."""

    def __init__(
        self,
        queue: Queue,
        world: World,
        hostname: str,
        route_report: RouteReport,
        journal: DeliveryJournal,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._world = world
        self._hostname = hostname
        self._route_report = route_report
        self._journal = journal
        self._is_stopping = is_stopping
        self._has_leftovers = asyncio.Event()
        self._has_leftovers.set()  # perhaps, from the last time

    def use(self, hostname: str, route_report: RouteReport) -> None:
        """From now on reports come from this host and go this way."""
        self._hostname = hostname
        self._route_report = route_report

    async def reporting(self, message: QueuedMessage) -> Reporting | None:
        """Who reports about `message`, and where to; None when it can not be told now where reports go."""
        now = self._world.clock.now()
        reporting = Reporting(hostname=self._hostname, report_id=new_message_id(now, self._world.entropy.octets(4)))
        sender = message.reverse_path.mailbox
        if sender is None:
            return reporting
        try:
            routed = await self._route_report(ForwardPath(sender))
        except LookupFailed as trouble:
            self._fault(message, f"where a report to <{sender}> goes can not be looked up now: {trouble}")
            return None
        return replace(reporting, routed=routed)

    async def beginning(self, message: QueuedMessage, content: Content, size: int) -> bytes:
        """The first `size` octets of the content; what can not be read is left out, a report without it is one too."""
        taken = bytearray()
        if size <= 0:
            return b""
        try:
            async for chunk in content.chunks():
                taken += chunk
                if len(taken) >= size:
                    break
        except (OSError, StoreFault) as error:
            self._journal.delivery_fault(message.message_id, error)
        return bytes(taken[:size])

    def unreachable(self, message: QueuedMessage) -> None:
        """Somebody is owed a report and can not be reached."""
        self._fault(message, f"there is no way to send a report to {message.reverse_path}")

    async def pay(self, message_id: MessageId) -> None:
        """Tell the sender of a message what is owed to him, in one report. What can not be done now is done later."""
        try:
            if not await self._pay(message_id):
                self._has_leftovers.set()
        except (StoreFault, ValueError) as error:
            self._journal.delivery_fault(message_id, error)
            self._has_leftovers.set()

    async def pay_leftovers(self) -> None:
        """Pay what an earlier process left owed, and now and then what could not be paid; never ends by itself."""
        while True:
            await self._has_leftovers.wait()
            self._has_leftovers.clear()
            try:
                for message_id in await self._queue.owing():
                    await self.pay(message_id)
            except StoreFault as fault:
                self._journal.delivery_fault("-", fault)
                self._has_leftovers.set()
            await asyncio.sleep(LEFTOVER_PAUSE)

    async def _pay(self, message_id: MessageId) -> bool:
        owed = await self._queue.owed(message_id)
        if owed is None:
            return True
        items = read_debts(owed)
        reporting, original = None, b""
        if items:
            reporting = await self.reporting(owed.message)
            if reporting is None:
                return False
            original = await self.beginning(owed.message, owed.content, octets_wanted(owed.message, items))
        settlement = pay(owed, items, reporting, original, now=self._world.clock.now())
        if items and not settlement.reports:
            self.unreachable(owed.message)
        return await insist(self._queue, settlement, self._journal, is_stopping=self._is_stopping)

    def _fault(self, message: QueuedMessage, words: str) -> None:
        self._journal.delivery_fault(message.message_id, DeliveryFault(words))
