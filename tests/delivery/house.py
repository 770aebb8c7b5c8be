"""A simulated mail house for the tests of delivery: a queue in memory, a deliverer, and peers that follow a script."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heloise.delivery.attempt import DeliveryDoors, discover_agents
from heloise.delivery.background import Background
from heloise.delivery.deliverer import Deliverer, DeliveryOptions
from heloise.delivery.hook import Hook
from heloise.delivery.journal import AttemptEnded
from heloise.local.accounts import Account
from heloise.local.mailboxes import LocalMailboxes
from heloise.local.program import PipeProgram
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.outcome import Outcome
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.mail.sink import Submission, Taken
from heloise.mail.trace import Origin
from heloise.queue.memory import MemoryStore
from heloise.queue.model import QueuedMessage, QueuedRecipient, QueueStore, Selection
from heloise.queue.queue import Queue
from heloise.queue.sqlite import SqliteStore
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.testing import SimulatedHost, SimulatedWorld
from heloise.world import Endpoint, OutgoingTls, Stream

MAY = OutgoingTls()
CONTENT = b"Subject: lunch\r\n\r\nAt noon?\r\n"


class Journal:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, str, str]] = []
        self.outcomes: list[Outcome] = []
        self.faults: list[str] = []
        self.ended: list[AttemptEnded] = []

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        self.attempts.append((str(recipient.recipient.forward_path), outcome.action.value, str(outcome.reply)))
        self.outcomes.append(outcome)

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        self.ended.append(attempt)

    def delivery_fault(self, message_id: str, error: Exception) -> None:
        self.faults.append(f"{type(error).__name__}: {error}")


class Peer:
    """A server that follows a script: command line (or its beginning) → reply lines, None to hang up, "" to be silent.

    `.` is the end of the text. What is not in the script gets a friendly answer.
    """

    def __init__(self, name: str, script: Mapping[str, str | None] | None = None, *, extensions: Sequence[str] = ()):
        self.name = name
        self.script = dict(script or {})
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self.connections = 0
        ehlo = "\r\n".join(f"250-{line}" for line in (name, *extensions))
        self._friendly = {
            "": f"220 {name} ESMTP sink",
            "EHLO": f"{ehlo}\r\n250 ENHANCEDSTATUSCODES",
            "LHLO": f"{ehlo}\r\n250 ENHANCEDSTATUSCODES",
            "DATA": "354 go ahead",
            ".": "250 2.0.0 queued as SINK",
            "QUIT": "221 2.0.0 bye",
        }

    async def serve(self, stream: Stream) -> None:
        self.connections += 1
        if not self._say(stream, ""):
            return
        buffer, text = b"", None
        while octets := await stream.receive():
            buffer += octets
            while b"\r\n" in buffer:
                line, buffer = buffer.split(b"\r\n", 1)
                if text is not None:
                    text += line + b"\r\n"
                    if line != b".":
                        continue
                    self.messages.append(text[:-3])
                    text, line = None, b"."
                if not self._say(stream, line.decode()):
                    return
                if line.upper() == b"DATA" and self._answer("DATA").startswith("354"):
                    text = b""

    def _answer(self, line: str) -> str:
        known = {**self._friendly, **{key: value or "" for key, value in self.script.items()}}
        keys = [key for key in known if line.upper().startswith(key.upper()) and (key or not line)]
        return known[max(keys, key=len)] if keys else "250 2.1.0 ok"

    def _say(self, stream: Stream, line: str) -> bool:
        if line:
            self.commands.append(line)
        keys = [key for key in self.script if line.upper().startswith(key.upper()) and (key or not line)]
        if keys and self.script[max(keys, key=len)] is None:
            stream.abort()
            return False
        answer = self._answer(line)
        if answer:
            stream.send(answer.encode() + b"\r\n")
        return True

    def said(self, verb: str) -> list[str]:
        """The commands of this verb."""
        return [command for command in self.commands if command.upper().startswith(verb)]


@dataclass
class House:
    """A mail server without its front door."""

    simulation: SimulatedWorld
    host: SimulatedHost
    store: QueueStore
    queue: Queue
    deliverer: Deliverer
    journal: Journal
    background: Background
    ids: list[int] = field(default_factory=lambda: [0])

    async def submit(
        self,
        *recipients: tuple[str, str],
        sender: str = "<a@client.test>",
        content: bytes = CONTENT,
        message_id: str | None = None,
    ) -> MessageId:
        """Put a message into the queue; each recipient is written as on the wire, with its route."""
        self.ids[0] += 1
        identity = MessageId(message_id or f"M{self.ids[0]}")
        lines = "\r\n".join((sender, *(recipient for recipient, _ in recipients)))
        submission = Submission(
            message_id=identity,
            envelope=Envelope.parse(lines.encode()),
            routes=tuple(Route.parse(route) for _, route in recipients),
            origin=Origin(
                hello_name="client.test",
                peer_address="198.51.100.7",
                protocol="ESMTP",
                session="s",
                received_at=self.host.world.clock.now(),
            ),
        )
        deposit = self.queue.begin(submission)
        await deposit.write(content)
        answer = await deposit.commit(content_facts(content))
        assert isinstance(answer, Taken)
        return identity

    async def settled(self, attempts: int) -> None:
        """Wait until the journal has so many attempts, and nothing is in hand."""
        while len(self.journal.attempts) < attempts or self.deliverer.running:  # noqa: ASYNC110 - time is virtual
            await asyncio.sleep(0.1)

    async def waiting(self) -> list[QueuedRecipient]:
        """Everybody who is still in the queue."""
        return [each for message in await self.messages() for each in message.recipients]

    async def messages(self) -> list[QueuedMessage]:
        """Every message in the queue."""
        return list(await self.queue.list(Selection(), limit=100))

    async def stop(self, patience: float = 5.0) -> None:
        """Stop delivering."""
        await self.deliverer.stop(patience)
        await self.background.close()


async def open_house(
    simulation: SimulatedWorld,
    *,
    reports: str | None = "maildir:a",
    options: DeliveryOptions | None = None,
    on_disk: bool = False,
    journal: Journal | None = None,
    programs: Sequence[PipeProgram] = (),
    hooks: Sequence[Hook] = (),
    host: SimulatedHost | None = None,
    tls: OutgoingTls = MAY,
) -> House:
    """A house called mx.example.test; `reports` is the route of reports, None when there is none. `host` is the one of
    an earlier house, after a crash. `tls` is how its mail is protected."""
    host = host if host is not None else simulation.host("mx.example.test", "192.0.2.1")
    world = host.world
    # The store in memory is simple, and slow when there is much in it.
    disk = SqliteStore("/var/lib/heloise/queue", world, vfs=host.sqlite_vfs(), exclusive=True) if on_disk else None
    store = disk or MemoryStore()
    queue = Queue(store, world, spool_directory=None)
    await queue.open()
    accounts = [Account.under("/var/mail", "a"), Account.under("/var/mail", "alice", quota=100_000)]
    background = Background()
    doors = DeliveryDoors(
        world=world,
        hostname="mx.example.test",
        extensions=discover(),
        mailboxes=LocalMailboxes(accounts, world.files, world.clock),
        background=background,
        programs={program.name: program for program in programs},
        hooks={hook.name: hook for hook in hooks},
        tls_for=lambda name: tls,
    )

    async def route_report(path: ForwardPath) -> list[tuple[ForwardPath, Route]]:
        return [] if reports is None else [(path, Route.parse(reports))]

    journal = journal or Journal()
    deliverer = Deliverer(queue, doors, discover_agents(), route_report, journal, options)
    deliverer.start()
    return House(simulation, host, store, queue, deliverer, journal, background)


async def open_peer(
    simulation: SimulatedWorld,
    name: str,
    address: str,
    script: Mapping[str, str | None] | None = None,
    *,
    port: int = 25,
    extensions: Sequence[str] = (),
) -> Peer:
    """A peer that listens."""
    peer = Peer(name, script, extensions=extensions)
    host = simulation.host(name, address)
    await host.world.network.listen(Endpoint(address, port), peer.serve)
    return peer
