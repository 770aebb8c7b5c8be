"""A whole server in a simulated world, and a client that says lines to it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer, StoreOptions
from heloise.config.load import parse_configuration
from heloise.mail.reply import Reply
from heloise.policy import CONTINUE, Stage, Verdict, View
from heloise.policy.check import OnTrouble
from heloise.policy.filter import Filter
from heloise.queue.model import QueuedMessage, Selection
from heloise.testing import SimulatedHost, SimulatedWorld, run_simulated
from heloise.world import Endpoint, Stream

CONFIGURATION = """\
hostname = "mx.home.test"
state = "/var/lib/heloise"
processes = 1
[[listener]]
address = "192.0.2.1:25"
[local]
domains = ["home.test"]
postmaster = "alice"
[[user]]
name = "alice"
[[user]]
name = "bob"
[[route]]
domains = ["away.test"]
to = "smtp:192.0.2.99:25"
on_request = true
for_strangers = true
"""
HEADER = "From: carol@client.test\r\nTo: user@away.test\r\nSubject: Hello\r\n"
MESSAGE = f"{HEADER}\r\nA line.\r\n"


@dataclass(slots=True)
class Client:
    """Says a line, hears a reply."""

    stream: Stream
    heard: bytes = b""

    async def hear(self) -> str:
        """The next reply, its lines joined; "" when the server has closed."""
        lines: list[str] = []
        while True:
            while b"\r\n" not in self.heard:
                octets = await self.stream.receive()
                if not octets:
                    return "\n".join(lines)
                self.heard += octets
            line, _, self.heard = self.heard.partition(b"\r\n")
            lines.append(line.decode())
            if line[3:4] != b"-":
                return "\n".join(lines)

    async def say(self, line: str) -> str:
        """A command, and its reply."""
        self.stream.send(line.encode() + b"\r\n")
        return await self.hear()

    async def all(self, *lines: str) -> list[str]:
        """Several, one after the other."""
        return [await self.say(line) for line in lines]

    async def send(
        self, message: str = MESSAGE, *, sender: str = "carol@client.test", to: Sequence[str] = ("user@away.test",)
    ) -> str:
        """A whole transaction; the last reply, or the first that is no yes."""
        commands = [f"MAIL FROM:<{sender}>", *[f"RCPT TO:<{each}>" for each in to], "DATA"]
        for command in commands:
            reply = await self.say(command)
            if reply[0] not in "23":
                return reply
        self.stream.send(message.encode())
        return await self.say(".")


@dataclass(slots=True)
class House:
    """The server, and what it has logged."""

    world: SimulatedWorld
    host: SimulatedHost
    server: MailServer
    log: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    hosts: dict[str, SimulatedHost] = field(default_factory=dict)

    async def connect(self, address: str = "198.51.100.7", *, port: int = 25) -> Client:
        """A new client from there, which has not heard the greeting yet."""
        if address not in self.hosts:
            self.hosts[address] = self.world.host(f"client{len(self.hosts) + 1}.test", address)
        host = self.hosts[address]
        return Client(await host.world.network.connect(Endpoint("192.0.2.1", port), timeout=10))

    async def greeted(self, address: str = "198.51.100.7", *, port: int = 25) -> Client:
        """One that has said EHLO."""
        client = await self.connect(address, port=port)
        await client.hear()
        await client.say("EHLO client.test")
        return client

    async def queued(self) -> list[tuple[QueuedMessage, str]]:
        """What is in the queue, with the contents."""
        found = []
        for message in await self.server.queue.list(Selection(), limit=100):
            content = await self.server.queue.content(message.message_id)
            assert content is not None
            found.append((message, b"".join([octets async for octets in content.chunks()]).decode()))
        return found

    def events(self, name: str) -> list[dict[str, object]]:
        """What was logged under this name."""
        return [fields for event, fields in self.log if event == name]


def at_home(
    play: Callable[[House], Awaitable[None]],
    *,
    more: str = "",
    filters: Sequence[Filter] = (),
    seed: int = 1,
    before: Callable[[SimulatedHost], None] = lambda host: None,
) -> None:
    """Run a server with the configuration above and `more`, and `play` with it; `before` may write files."""

    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.home.test", "192.0.2.1")
        before(host)
        log: list[tuple[str, dict[str, object]]] = []
        configuration = parse_configuration(CONFIGURATION + more, file="heloise.toml", directory="/var/lib/heloise")
        server = MailServer(
            configuration,
            host.world,
            Journal(lambda level, event, fields: log.append((event, fields))),
            store=StoreOptions(vfs=host.sqlite_vfs(), exclusive=True),
            filters=filters,
        )
        await server.start()
        try:
            await play(House(world, host, server, log))
        finally:
            await server.stop()

    run_simulated(scenario, seed=seed)


Script = Callable[[View], Verdict | Awaitable[Verdict]]


@dataclass(slots=True)
class Scripted:
    """A filter that says what a test wants it to; see `heloise.policy.filter.Filter`."""

    script: dict[Stage, Script]
    name: str = "scripted"
    deadline: float = 5.0
    on_trouble: OnTrouble = OnTrouble.LATER
    seen: list[View] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    @property
    def stages(self) -> frozenset[Stage]:
        return frozenset(self.script)

    def follow(self, session: str) -> "_Follower":
        return _Follower(self)


class _Follower:
    def __init__(self, scripted: Scripted) -> None:
        self._scripted = scripted

    async def judge(self, view: View) -> Verdict:
        self._scripted.seen.append(view)
        answer: Any = self._scripted.script[view.stage](view)
        return answer if isinstance(answer, Verdict) else await answer

    async def forget(self) -> None:
        self._scripted.ends.append("transaction")

    async def close(self) -> None:
        self._scripted.ends.append("session")


def says(verdict: Verdict) -> Script:
    """Always this."""
    return lambda view: verdict


def cause_of(reply: Reply | None) -> str:
    """The id."""
    return "" if reply is None else reply.cause.id


__all__ = ["CONTINUE", "Client", "House", "Scripted", "at_home", "cause_of", "says"]
