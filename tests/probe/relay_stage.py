"""A server with every sort of listener, in a simulated world, and a stranger who tries to relay by it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer, StoreOptions
from heloise.config.load import parse_configuration
from heloise.mail.address import Mailbox
from heloise.mail.reply import Reply
from heloise.probe.attempts import Target
from heloise.reception.admission import Admission
from heloise.reception.users import new_login
from heloise.smtp.transcript import Recorder, Transcript
from heloise.testing import SimulatedHost, SimulatedWorld, run_simulated
from heloise.world import Endpoint, World
from tests.certificates import certified

SERVER = "192.0.2.25"
STRANGER = "198.51.100.7"
PORTS = {"mx": 25, "submission": 587, "submissions": 465, "lmtp": 24, "odmr": 366}
TARGET = Target(
    outside=Mailbox("victim", "outside.test"), domain="example.test", host="mx.example.test", address=f"[{SERVER}]"
)
CONFIGURATION = (
    """\
hostname = "mx.example.test"
state = "state"
[[listener]]
address = "0.0.0.0:25"
[[listener]]
address = "0.0.0.0:587"
requires_auth = true
[[listener]]
address = "0.0.0.0:465"
tls = "implicit"
requires_auth = true
[[listener]]
address = "0.0.0.0:24"
protocol = "lmtp"
[[listener]]
address = "0.0.0.0:366"
protocol = "odmr"
[[odmr]]
networks = ["203.0.113.9"]
domains = ["customer.test"]
[local]
domains = ["example.test"]
postmaster = "alice"
[[user]]
name = "alice"
[aliases]
team = ["alice", "eve@elsewhere.test"]
[forwards]
"carol@example.test" = { relay = "carol@elsewhere.test" }
[[route]]
domains = ["elsewhere.test"]
to = "smtp:127.0.0.1:1"
"""
    + certified()
    + '[auth]\nusers = "users"\nsender_login_match = true\n'
)


@dataclass
class Watched:
    """What is going on: the replies of all sessions, with their causes, and the server."""

    server: MailServer
    world: World
    transcripts: list[Transcript] = field(default_factory=list)

    def replies(self) -> list[Reply]:
        """All that was said so far."""
        return [line.reply for transcript in self.transcripts for line in transcript if line.reply is not None]


def beside_the_server(
    work: Callable[[Watched], Awaitable[None]], *, configuration: str = CONFIGURATION, client: str = STRANGER
) -> None:
    """Run `work` with the world of a client at the address `client`."""

    async def scenario(simulation: SimulatedWorld) -> None:
        host = simulation.host("mx.example.test", SERVER)
        other = host if client == SERVER else simulation.host("client.test", client)
        await host.start(_serve(host, other.world, configuration, work))

    run_simulated(scenario, seed=1)


async def _serve(
    host: SimulatedHost, world: World, configuration: str, work: Callable[[Watched], Awaitable[None]]
) -> None:
    transcripts: list[Transcript] = []

    def recorder_for(session_id: str, admission: Admission) -> Recorder:
        transcripts.append(Transcript())
        return transcripts[-1]

    users = host.world.files.create("/var/lib/heloise/users")
    users.write((new_login("alice", "sesame", (), b"salt").encode() + "\n").encode())
    users.close()
    server = MailServer(
        parse_configuration(configuration, file="heloise.toml", directory="/var/lib/heloise"),
        host.world,
        Journal(lambda level, event, fields: None),
        store=StoreOptions(vfs=host.sqlite_vfs(), exclusive=True),
        recorder_for=recorder_for,
    )
    await server.start()
    try:
        await work(Watched(server, world, transcripts))
    finally:
        await server.stop()


def endpoint(listener: str) -> Endpoint:
    """Where one of them is."""
    return Endpoint(SERVER, PORTS[listener])
