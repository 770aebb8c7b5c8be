"""A development server in a simulated world that fails by given rules, and a client that speaks line by line."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.faults.phrase import parse_phrase
from heloise.faults.rule import FaultRule
from heloise.reception.admission import Admission
from heloise.smtp.transcript import Transcript
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Endpoint, LinkError, Stream

SERVER = Endpoint("192.0.2.1", 1025)


@dataclass(slots=True)
class Client:
    """Says a line, hears the reply."""

    stream: Stream
    heard: list[str] = field(default_factory=list)
    _rest: bytes = b""

    async def reply(self) -> str:
        """The next reply; `closed` or `reset` at the end of the connection."""
        lines: list[bytes] = []
        while True:
            while b"\n" not in self._rest:
                try:
                    octets = await self.stream.receive()
                except LinkError:
                    octets, self._rest = b"", b""
                    return self._keep("reset")
                if not octets:
                    return self._keep("closed")
                self._rest += octets
            line, _, self._rest = self._rest.partition(b"\n")
            lines.append(line.rstrip(b"\r"))
            if line[3:4] != b"-":
                return self._keep("\n".join(each.decode("latin-1") for each in lines))

    def _keep(self, text: str) -> str:
        self.heard.append(text)
        return text

    async def say(self, *lines: str) -> str:
        """Say the lines, each after the reply to the one before; the last reply."""
        answer = ""
        for line in lines:
            self.stream.send(line.encode() + b"\r\n")
            answer = await self.reply()
        return answer

    async def code(self, *lines: str) -> str:
        """The code of the last reply."""
        return (await self.say(*lines))[:3]

    async def message(self, recipient: str) -> str:
        """A whole transaction; the code of the reply that it ended with."""
        content = "Subject: hi\r\n\r\nIt works.\r\n."
        for line in ("MAIL FROM:<me@client.test>", f"RCPT TO:<{recipient}>", "DATA", content):
            code = await self.code(line)
            if code[0] not in "23":
                break
        if code[0] in "45":
            await self.code("RSET")
        return code


@dataclass(frozen=True, slots=True)
class Stage:
    """What a test has: the server, its transcripts, and new clients."""

    running: Catching
    transcripts: list[Transcript]
    connect: Callable[[], Awaitable[Client]]

    async def client(self) -> Client:
        """One that has said EHLO."""
        client = await self.connect()
        await client.reply()
        await client.say("EHLO client.test")
        return client


Play = Callable[[Stage], Awaitable[None]]


def play(
    act: Play,
    *rules: FaultRule | str,
    seed: int = 0,
    magic: bool = False,
    lmtp: bool = False,
    pedantic: bool = False,
) -> list[Transcript]:
    """Run `act` beside a server that fails by `rules`; what was said in all sessions, in the order they came."""
    transcripts: list[Transcript] = []

    def recorder_for(session_id: str, admission: Admission) -> Transcript:
        transcripts.append(Transcript())
        return transcripts[-1]

    async def scenario(simulation: SimulatedWorld) -> None:
        server, host = simulation.host("mx.test", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        options = CatchOptions(
            endpoint=SERVER, faults=read(rules), seed=seed, magic=magic, lmtp=lmtp, pedantic=pedantic
        )
        journal = Journal(lambda level, event, fields: None)

        async def connect() -> Client:
            return Client(await host.world.network.connect(SERVER, timeout=10))

        async with catching(server.world, options, journal, recorder_for) as running:
            await act(Stage(running, transcripts, connect))

    run_simulated(scenario)
    return transcripts


def read(rules: Sequence[FaultRule | str]) -> tuple[FaultRule, ...]:
    """Phrases are rules, too."""
    return tuple(parse_phrase(rule) if isinstance(rule, str) else rule for rule in rules)
