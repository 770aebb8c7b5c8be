"""Lists and forwards between whole servers over the loopback: who gets the mail, and whom the reports reach."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.config.load import parse_configuration
from heloise.link.errors import SmtpRefusal
from heloise.link.send import send
from heloise.mail.envelope import Envelope
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.transaction import ClientOptions
from heloise.world import AnyEndpoint, Endpoint, Listening, Network, Stream, World
from heloise.world.tls import ServerTls

COMMON = """\
hostname = "mail.{name}.test"
state = "{name}"
[[listener]]
address = "127.0.0.1:0"
[relay]
networks = []
[limits]
minimum_free = 0
[[route]]
domains = ["one.test"]
to = "smtp:127.0.0.1:1"
[[route]]
domains = ["two.test"]
to = "smtp:127.0.0.1:2"
[[route]]
domains = ["three.test"]
to = "smtp:127.0.0.1:3"
"""
ONE = """\
[srs]
secrets = "one.secrets"
[local]
domains = ["one.test"]
[[user]]
name = "olga"
[[user]]
name = "alice"
[[list]]
name = "team"
owner = "olga"
members = ["alice", "zoe@two.test", "nobody@two.test"]
[forwards]
carol = { relay = "zoe@two.test" }
lost = { relay = "nobody@two.test" }
long = { relay = "dora@two.test" }
"""
TWO = """\
[srs]
secrets = "two.secrets"
separator = "+"
[local]
domains = ["two.test"]
[[user]]
name = "zoe"
[forwards]
dora = { relay = "ghost@three.test" }
"""
THREE = """\
[local]
domains = ["three.test"]
[[user]]
name = "bob"
"""


@dataclass(frozen=True, slots=True)
class Loopback:
    """The port a configuration names is a number in the town; this knows the real one."""

    network: Network
    ports: dict[int, AnyEndpoint]

    async def connect(self, endpoint: AnyEndpoint, *, timeout: float, local_address: str | None = None) -> Stream:
        known = self.ports.get(endpoint.port, endpoint) if isinstance(endpoint, Endpoint) else endpoint
        return await self.network.connect(known, timeout=timeout, local_address=local_address)

    async def listen(self, endpoint: AnyEndpoint, serve: Callable[[Stream], Awaitable[None]]) -> Listening:
        return await self.network.listen(endpoint, serve)

    def load_tls(self, demand: ServerTls) -> None:
        self.network.load_tls(demand)


@dataclass(slots=True)
class Town:
    """Three servers and what they logged."""

    world: World
    directory: Path
    logged: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, sender: str, recipient: str, *, to: int) -> None:
        """A stranger brings mail; each may have parameters."""
        envelope = Envelope.parse(f"{sender}\r\n{recipient}".encode())
        options = ClientOptions(hello_name="stranger.test")
        content = b"Subject: hello\r\nTo: you\r\n\r\nText\r\n"
        await send(self.world, Endpoint("127.0.0.1", to), envelope, content, options=options, registry=discover())

    def emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.logged.append((event, fields))
        self.news.set()

    async def until_logged(self, count: int, **wanted: object) -> None:
        """Wait for so many attempts that ended so."""
        while (
            sum(event == "delivery.attempted" and wanted.items() <= told.items() for event, told in self.logged) < count
        ):
            self.news.clear()
            await self.news.wait()

    def letters(self, server: str, user: str) -> list[str]:
        directory = self.directory / server / "mail" / user / "Maildir" / "new"
        return sorted(path.read_text() for path in directory.iterdir()) if directory.exists() else []


def in_town(directory: Path, play: Callable[[Town], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        ports: dict[int, AnyEndpoint] = {}
        real = real_world()
        town = Town(replace(real, network=Loopback(real.network, ports)), directory)
        servers = []
        for number, (name, text) in enumerate((("one", ONE), ("two", TWO), ("three", THREE)), start=1):
            (directory / f"{name}.secrets").write_text(f"# only {name} knows\nthe secret of {name}\n")
            configuration = parse_configuration(_text(name, text), directory=str(directory))
            servers.append(MailServer(configuration, town.world, Journal(town.emit)))
            await servers[-1].start()
            ports[number] = servers[-1].endpoints[0]
        try:
            async with asyncio.timeout(30):
                await play(town)
        finally:
            for server in servers:
                await server.stop()
            await real.blocking.close()

    asyncio.run(run())


def _text(name: str, text: str) -> str:
    """Without the route to itself: a local domain can not be routed elsewhere as well."""
    blocks = COMMON.replace("{name}", name).split("[[route]]\n")
    return "[[route]]\n".join(block for block in blocks if f'domains = ["{name}.test"]' not in block) + text


def test_a_list_reaches_its_members_and_its_owner_hears_of_the_one_it_does_not(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("<bob@three.test>", "<team@one.test>", to=1)
        await town.until_logged(3, action="delivered")  # alice, zoe, and the report
        (alice,), (zoe,) = town.letters("one", "alice"), town.letters("two", "zoe")
        for letter in (alice, zoe):
            assert letter.startswith("Return-Path: <olga@one.test>\n")
            assert letter.endswith("Subject: hello\nTo: you\n\nText\n"), "nothing is added to the header but trace"
        (report,) = town.letters("one", "olga")
        assert "Final-Recipient: rfc822; nobody@two.test" in report
        assert "Action: failed" in report
        assert town.letters("three", "bob") == [], "the sender has nothing to do with it"

    in_town(tmp_path, play)


def test_whoever_asks_hears_that_the_list_has_the_message(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("<bob@three.test> ENVID=E7", "<team@one.test> NOTIFY=SUCCESS", to=1)
        await town.until_logged(4, action="delivered")  # alice, zoe, the owner's report, and this one
        (report,) = town.letters("three", "bob")
        assert "Original-Envelope-Id: E7" in report
        assert "Final-Recipient: rfc822; team@one.test\nAction: delivered\nStatus: 2.0.0" in report

    in_town(tmp_path, play)


def test_a_forward_goes_on_under_an_address_of_the_forwarder(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("<bob@three.test>", "<carol@one.test>", to=1)
        await town.until_logged(1, action="delivered")
        (letter,) = town.letters("two", "zoe")
        first, *_ = letter.split("\n", 1)
        assert first.startswith("Return-Path: <SRS0=")
        assert first.endswith("=three.test=bob@one.test>")

    in_town(tmp_path, play)


@pytest.mark.parametrize("name", ["lost", "long"], ids=["refused-by-the-next", "through-two-forwarders"])
def test_the_report_on_a_forward_finds_the_sender(tmp_path: Path, name: str) -> None:
    """`long` goes one → two → three, where nobody takes it; the report goes two → one → three, by SRS1 and SRS0."""

    async def play(town: Town) -> None:
        await town.post("<bob@three.test>", f"<{name}@one.test>", to=1)
        await town.until_logged(1, action="delivered")
        (report,) = town.letters("three", "bob")
        assert "Return-Path: <>" in report
        assert "Action: failed" in report
        assert f"Original-Recipient: rfc822; {name}@one.test" in report

    in_town(tmp_path, play)


def test_nobody_can_use_a_forged_address_as_a_relay(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        with pytest.raises(SmtpRefusal) as refused:
            await town.post("<>", "<SRS0=abcd=2W=three.test=bob@one.test>", to=1)
        assert (refused.value.reply.code, str(refused.value.reply.status)) == (550, "5.7.1")

    in_town(tmp_path, play)
