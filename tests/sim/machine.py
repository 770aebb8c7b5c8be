"""A machine that runs a whole heloise, is watched, and dies now and then."""

import asyncio
import json
from collections.abc import Callable

from heloise.app.journal import Journal
from heloise.app.server.mail_server import STOP_PATIENCE, MailServer, StoreOptions
from heloise.config.schema import Configuration
from heloise.delivery.journal import DeliveryFault
from heloise.mail.outcome import Outcome
from heloise.queue.errors import StoreFault
from heloise.queue.model import QueuedMessage, QueuedRecipient, Selection
from heloise.smtp.registry import discover
from heloise.testing import Found, Judge, Queued, SimulatedHost, SimulatedWorld, Unsynced, read_mail

EXTENSIONS = discover()  # once: to look for installed ones takes longer than a simulated day
_EXPECTED = (StoreFault, OSError, DeliveryFault)


class Diary(Journal):
    """Everything the server tells goes into the trace; what excuses a second copy goes to the judge."""

    def __init__(self, name: str, simulation: SimulatedWorld, judge: Judge) -> None:
        super().__init__(self._write)
        self._name = name
        self._trace = simulation.trace
        self._judge = judge
        self._addresses: dict[str, list[str]] = {}
        self._unsettled: dict[str, None] = {}
        self.bugs: list[str] = []
        self.is_open = True

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        super().attempted(message, recipient, outcome)
        address = str(recipient.recipient.forward_path)[1:-1]
        self._addresses.setdefault(message.message_id, []).append(address)
        if outcome.ambiguous:
            self._judge.excuse(address, f"{self._name} heard no reply: {outcome.reply}")

    def delivery_fault(self, message_id: str, error: Exception) -> None:
        super().delivery_fault(message_id, error)
        if isinstance(error, StoreFault):
            self._unsettled[message_id] = None
        elif isinstance(error, DeliveryFault) and "outcome is lost" in str(error):
            self._excuse(message_id, "could not store an outcome")
        self._expect(error)

    def fault(self, session: str, error: Exception) -> None:
        super().fault(session, error)
        self._expect(error)

    def close(self) -> None:
        """The server died, perhaps with outcomes that it had been trying to store for long."""
        self.is_open = False
        for message_id in self._unsettled:
            self._excuse(message_id, "died with an outcome that could not be stored")

    def _excuse(self, message_id: str, why: str) -> None:
        for address in self._addresses.get(message_id, ()):
            self._judge.excuse(address, f"{self._name} {why}")

    def _expect(self, error: Exception) -> None:
        if self.is_open and not isinstance(error, _EXPECTED):
            self.bugs.append(f"{self._name}: {error!r}")

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if self.is_open:
            self._trace.record("log", self._name, level, event, json.dumps(fields, default=str))


class Machine:
    """A host with a mail server on it. `server` is None while it is down."""

    def __init__(
        self,
        simulation: SimulatedWorld,
        host: SimulatedHost,
        configuration: Configuration,
        judge: Judge,
        make: Callable[..., MailServer] = MailServer,
    ) -> None:
        self.host = host
        self.server: MailServer | None = None
        self.bugs: list[str] = []
        self._simulation = simulation
        self._configuration = configuration
        self._judge = judge
        self._make = make
        self._diary: Diary | None = None
        self._found: dict[str, Found] = {}
        self._busy = asyncio.Lock()

    async def start(self) -> bool:
        """Start the server, if it is down; False when it will not start."""
        async with self._busy:
            return self.server is not None or await self._start()

    async def keep_up(self) -> None:
        """Start it, as often as it takes."""
        for _ in range(1000):
            if await self.start():
                return
            await asyncio.sleep(60)
        raise AssertionError(f"{self.host.name} does not start")

    async def _start(self) -> bool:
        self._diary = Diary(self.host.name, self._simulation, self._judge)
        self._diary.bugs = self.bugs
        options = StoreOptions(vfs=self.host.sqlite_vfs(), exclusive=True)
        server = self._make(self._configuration, self.host.world, self._diary, store=options, registry=EXTENSIONS)
        try:
            await self.host.start(server.start())
        except StoreFault as fault:
            self._simulation.trace.record("not started", self.host.name, str(fault))
            # What it left half open would keep the database: a real process would be gone.
            await self.host.kill()
            return False
        self.server = server
        return True

    async def stop(self) -> None:
        """Stop it as an operator does."""
        async with self._busy:
            server, self.server = self.server, None
            if server is not None:
                began = self._simulation.clock.monotonic()
                await self.host.start(server.stop())
                if self._simulation.clock.monotonic() - began >= STOP_PATIENCE:
                    self._judge.crashed(f"{self.host.name} was stopped, and cut off an attempt:")

    async def kill(self) -> None:
        """Kill the process."""
        async with self._busy:
            self._die()
            await self.host.kill()

    async def power_cut(self, unsynced: Unsynced) -> None:
        """Cut the power."""
        async with self._busy:
            self._die()
            await self.host.power_cut(unsynced)

    def _die(self) -> None:
        if self._diary is not None:
            self._diary.close()
        self.server = None
        self._judge.crashed(self.host.name)

    async def queued(self) -> list[Queued] | None:
        """What is in its queue; None when it can not tell."""
        server = self.server
        if server is None:
            return None
        try:
            return await self._queued(server)
        except (StoreFault, OSError, RuntimeError):
            if self.server is server:
                raise
            return None

    async def _queued(self, server: MailServer) -> list[Queued]:
        queued = []
        # Asked before and after, since what is owed may be told in between.
        owed = await self._owed(server)
        messages = await server.queue.list(Selection(), limit=10_000)
        owed |= await self._owed(server)
        for message in messages:
            found = await self._find(server, message)
            recipients = [each for each in message.recipients if not each.state.is_final or each.id in owed]
            if found is not None:
                queued.append(
                    Queued(
                        place=self.host.name,
                        sender=str(message.reverse_path)[1:-1],
                        recipients=tuple(str(each.recipient.forward_path)[1:-1] for each in recipients),
                        found=found,
                    )
                )
        return queued

    async def _owed(self, server: MailServer) -> set[int]:
        """The recipients of whom the sender is still to be told: they are neither lost nor reported."""
        found = [await server.queue.owed(message_id) for message_id in await server.queue.owing()]
        return {debt.recipient_id for owed in found if owed is not None for debt in owed.debts}

    async def _find(self, server: MailServer, message: QueuedMessage) -> Found | None:
        if message.message_id not in self._found:
            content = await server.queue.content(message.message_id)
            if content is None:
                return None  # gone since it was listed
            try:
                octets = b"".join([chunk async for chunk in content.chunks()])
            except FileNotFoundError:
                return None
            self._found[message.message_id] = read_mail(octets)
        return self._found[message.message_id]

    def look_into_maildirs(self) -> None:
        """Tell the judge what lies in the mailboxes."""
        files = self.host.disk
        root = self._configuration.local.maildir.removesuffix("/{user}")
        for user in self._configuration.users:
            self._judge.look_into_maildir(self.host.name, files, f"{root}/{user.name}")
