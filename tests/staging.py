"""A stage: a running heloise and a client that has a scripted dialogue with it, over the loopback or simulated.

A `Scenario` is data: what the operator configured, what is said, and what the reply that matters has to be, with its
cause and the line of the configuration that decided it. The lines of a dialogue:

    C: EHLO client.test      the client says this line; several in a row are sent together
    C! a\\nb                  these octets, with Python's escapes and no CRLF
    C# 70000                 so many octets, in lines
    C~ 70000                 so many octets, in one line without an end
    S: 250-mx.example.test   the server says a line that starts so
    S: ...                   the rest of this reply, whatever it is
    S: *                     the same, for one who wants to read it
    S: (closed)              the server closes the connection
    -- words                 something happens: see `ACTS` in `tests.codes.acts`

The tests play all scenarios; the protocol pages are written from what was really said in them.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer, StoreOptions
from heloise.config.load import parse_configuration
from heloise.mail.reply import Reply
from heloise.net import real_world
from heloise.reception.admission import Admission
from heloise.smtp.transcript import Recorder, Transcript
from heloise.testing import SimulatedHost, SimulatedWorld, run_simulated
from heloise.testing.dialogue import CLOSED, REST
from heloise.testing.scripted import ScriptedPeer
from heloise.world import Endpoint, LinkError, Network, Stream, World

CONFIGURATION = """\
hostname = "mx.example.test"
state = "state"
[[listener]]
address = "{listen}"
{listener}[local]
domains = ["example.test"]
postmaster = "alice"
[[user]]
name = "alice"
full_name = "Alice Adams"
[[user]]
name = "bob"
full_name = "Bob Baker"
[[user]]
name = "bert"
full_name = "Bert Baker"
[aliases]
team = ["alice", "bob", "eve@elsewhere.test"]
round = ["about"]
about = ["round"]
abuse = ["alice"]
[forwards]
"carol@example.test" = {{ relay = "carol@elsewhere.test" }}
"dave@example.test" = {{ tell = "dave@elsewhere.test" }}
[[route]]
domains = ["elsewhere.test"]
to = "smtp:{peer}"
[relay]
networks = ["127.0.0.1", "203.0.113.0/24"]
"""
FILE = "heloise.toml"
NOBODY = "127.0.0.1:1"  # nobody listens there, ever
_CLIENT = ("C:", "C!", "C#", "C~")
DEADLINE = 30.0  # seconds a play may take; a deadline, not a wait
SERVER_NAME, SERVER_ADDRESS = "mx.example.test", "192.0.2.25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way to one reply.

    `rule` is the line of the configuration that decides, as it is written; `configuration` is added to the one above,
    `listener` to its listener.
    `client` is the address the client comes from. `peer` has the scripts of the next hop for elsewhere.test, one for
    each connection; without them nobody answers there. `simulated` plays it in a simulated world, where time costs
    nothing and clients come from anywhere.
    """

    title: str
    code: int
    cause: str
    play: str
    status: str | None = None
    rule: str | None = None
    configuration: str = ""
    listener: str = ""
    client: str = "127.0.0.1"
    peer: tuple[str, ...] = ()
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """What was said: the lines of the play as they really were, and the replies with their causes.

    `relayed` are the messages that the next hop got, with their transparency dots.
    """

    lines: tuple[str, ...]
    replies: tuple[Reply, ...]
    configuration: str
    relayed: tuple[bytes, ...]


class PlayError(AssertionError):
    """The server said something else than the play has."""


class Stage:
    """A running server with what belongs to it. `world` is the server's; `reports` tells when something is logged."""

    def __init__(self, *, world: World, near: Network, far: Network, directory: str) -> None:
        self.world = world
        self.directory = directory
        self.server: MailServer
        self.peer: ScriptedPeer | None = None
        self.transcripts: list[Transcript] = []
        self.logged: list[tuple[str, dict[str, object]]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.at_end: list[Callable[[], None]] = []
        self._near = near
        self._far = far
        self._clients: list[Client] = []
        self._news = asyncio.Event()

    @property
    def state(self) -> str:
        """The state directory of the server."""
        return f"{self.directory}/state"

    async def connect(self, address: str) -> "Client":
        """A client that comes from `address`."""
        network = self._near if address.startswith("127.") else self._far
        (endpoint, *_) = self.server.endpoints
        assert isinstance(endpoint, Endpoint)
        if endpoint.host == "0.0.0.0":
            endpoint = Endpoint(address if address.startswith("127.") else SERVER_ADDRESS, endpoint.port)
        client = Client(await network.connect(endpoint, timeout=10, local_address=address))
        self._clients.append(client)
        return client

    async def until_logged(self, event: str, count: int = 1) -> None:
        """Wait until the server has logged so many of these."""
        while sum(each == event for each, _ in self.logged) < count:
            self._news.clear()
            await self._news.wait()

    async def stop_server(self) -> None:
        """As an operator does, while the play goes on."""
        self.tasks.append(asyncio.create_task(self.server.stop()))

    @property
    def first_client(self) -> "Client":
        """Who plays."""
        return self._clients[0]

    def hang_up(self) -> None:
        """All clients are gone."""
        for client in self._clients:
            client.hang_up()

    async def close(self) -> None:
        """The play is over."""
        for undo in self.at_end:
            undo()
        self.hang_up()
        if not self.tasks:
            await self.stop_server()
        await asyncio.gather(*self.tasks)

    def emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        """The server's log."""
        self.logged.append((event, fields))
        self._news.set()

    def recorder_for(self, session_id: str, admission: Admission) -> Recorder:
        """A transcript of every session."""
        transcript = Transcript()
        self.transcripts.append(transcript)
        return transcript


class Client:
    """The client's end of a connection."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._input = b""

    def say(self, octets: bytes) -> None:
        """Send."""
        self._stream.send(octets)

    async def line(self) -> str | None:
        """The next line; None when the server has closed."""
        while b"\n" not in self._input:
            try:
                octets = await self._stream.receive()
            except LinkError:
                octets = b""
            if not octets:
                return None
            self._input += octets
        line, _, self._input = self._input.partition(b"\n")
        return line.removesuffix(b"\r").decode()

    async def reply(self) -> list[str]:
        """All lines of the next reply."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            line = await self.line()
            if line is None:
                raise PlayError(f"the server closed the connection; {lines} was said before")
            lines.append(line)
        return lines

    async def talk(self, *commands: str) -> list[list[str]]:
        """Say each command and hear its reply (which may come before the next one is said)."""
        heard = []
        for command in commands:
            self.say(command.encode() + b"\r\n")
            heard.append(await self.reply())
        return heard

    def hang_up(self) -> None:
        """Close at once."""
        self._stream.abort()


Act = Callable[[Stage], Awaitable[None]]


class _Player:
    """Plays one dialogue."""

    def __init__(self, stage: Stage, address: str, acts: Mapping[str, Act]) -> None:
        self._stage = stage
        self._address = address
        self._client: Client
        self._acts = acts
        self._unfinished = False
        self.said: list[str] = []

    async def play(self, text: str) -> None:
        lines = [line for line in text.splitlines() if line.strip()]
        acts = lines[: _first_word(lines)]
        for line in acts:
            await self._hear(line)
        self._client = await self._stage.connect(self._address)
        for is_client, group in groupby(lines[len(acts) :], key=lambda line: line[:2] in _CLIENT):
            if is_client:
                self._say(list(group))
            else:
                for line in group:
                    await self._hear(line)

    def _say(self, lines: Sequence[str]) -> None:
        self._client.say(b"".join(map(_octets, lines)))
        self.said += lines

    async def _hear(self, line: str) -> None:
        kind, _, text = line.partition(" ")
        if kind == "--":
            self.said.append(line)
            await self._acts[text](self._stage)
        elif kind != "S:":
            raise ValueError(f"not a line of a play: {line!r}")
        elif text == REST:
            if self._unfinished:
                self.said.append(line)
            while self._unfinished:
                await self._next(text)
        elif text == "*":
            while self._unfinished:
                self.said.append(f"S: {await self._next(text)}")
        elif text == CLOSED:
            self.said.append(line)
            if (said := await self._client.line()) is not None:
                raise PlayError(f"the server does not close, it says {said!r}")
        else:
            said = await self._next(text)
            self.said.append(f"S: {said}")
            if not said.startswith(text):
                raise PlayError(f"the server said {said!r}, {text!r} was due, after\n" + "\n".join(self.said))

    async def _next(self, due: str) -> str:
        said = await self._client.line()
        if said is None:
            raise PlayError(f"the server closed, {due!r} was due, after\n" + "\n".join(self.said))
        self._unfinished = said[3:4] == "-"
        return said


def _first_word(lines: Sequence[str]) -> int:
    """What happens before anybody speaks happens before the client connects."""
    return next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))


def _octets(line: str) -> bytes:
    kind, text = line[:2], line[3:]
    match kind:
        case "C!":
            return text.encode().decode("unicode_escape").encode("latin-1")
        case "C~":
            return b"x" * int(text)
        case "C#":
            return (b"x" * 78 + b"\r\n") * (int(text) // 80) + b"x" * (int(text) % 80)
        case _:
            return text.encode() + b"\r\n"


async def _perform(scenario: Scenario, stage: Stage, acts: Mapping[str, Act], listen: str, simulated: bool) -> Played:
    async with AsyncExitStack() as stack:
        peer = NOBODY
        if scenario.peer:
            stage.peer = await stack.enter_async_context(ScriptedPeer(stage.world.network, *scenario.peer))
            peer = str(stage.peer.endpoint)
        text = CONFIGURATION.format(listen=listen, listener=scenario.listener, peer=peer) + scenario.configuration
        configuration = parse_configuration(text, file=FILE, directory=stage.directory)
        store = None
        if isinstance(stage, _SimulatedStage):
            store = StoreOptions(vfs=stage.host.sqlite_vfs(), exclusive=True)
        stage.server = MailServer(
            configuration, stage.world, Journal(stage.emit), store=store, recorder_for=stage.recorder_for
        )
        await stage.server.start()
        try:
            player = _Player(stage, scenario.client, acts)
            async with asyncio.timeout(None if simulated else DEADLINE):
                await player.play(scenario.play)
        finally:
            await stage.close()
    replies = [line.reply for transcript in stage.transcripts for line in transcript if line.reply is not None]
    heard = () if stage.peer is None else tuple(stage.peer.messages)
    return Played(tuple(player.said), tuple(replies), text, heard)


class _SimulatedStage(Stage):
    """A stage in a simulated world."""

    host: SimulatedHost


async def _perform_here(scenario: Scenario, acts: Mapping[str, Act]) -> Played:
    # Short, since the control socket below it has a path too.
    directory = Path(tempfile.mkdtemp(prefix="heloise-"))
    world = real_world()
    try:
        stage = Stage(world=world, near=world.network, far=world.network, directory=str(directory))
        return await _perform(scenario, stage, acts, "127.0.0.1:0", simulated=False)
    finally:
        await world.blocking.close()
        shutil.rmtree(directory)


async def _perform_simulated(scenario: Scenario, acts: Mapping[str, Act], simulation: SimulatedWorld) -> Played:
    host = simulation.host(SERVER_NAME, SERVER_ADDRESS, "127.0.0.2")
    far = host.world.network
    if not scenario.client.startswith("127."):
        far = simulation.host("client.test", scenario.client).world.network
    stage = _SimulatedStage(world=host.world, near=host.world.network, far=far, directory="/var/lib/heloise")
    stage.host = host
    return await host.start(_perform(scenario, stage, acts, "0.0.0.0:25", simulated=True))


def perform(scenario: Scenario, acts: Mapping[str, Act]) -> Played:
    """Play a scenario. Raises PlayError when the server says something else."""
    if scenario.simulated:
        return run_simulated(lambda world: _perform_simulated(scenario, acts, world), seed=1)
    return asyncio.run(_perform_here(scenario, acts))


def check(scenario: Scenario, played: Played) -> None:
    """The reply that matters has the code, the status, the cause and the rule that the scenario names."""
    matching = [reply for reply in played.replies if reply.code == scenario.code and reply.cause.id == scenario.cause]
    assert matching, f"nobody said {scenario.code} because of {scenario.cause}: {[str(r) for r in played.replies]}"
    reply = matching[-1]
    assert scenario.status == (None if reply.status is None else str(reply.status))
    rule = None
    if reply.cause.rule is not None:
        assert reply.cause.rule.file == FILE
        rule = played.configuration.splitlines()[reply.cause.rule.line - 1]
    assert rule == scenario.rule
