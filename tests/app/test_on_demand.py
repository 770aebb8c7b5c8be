"""On-Demand Mail Relay, RFC 2645: a provider and a customer, both heloise, over the loopback, with real queues."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heloise.app.fetching import Fetched
from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.config.load import parse_configuration
from heloise.link.send import send
from heloise.mail.envelope import Envelope
from heloise.net import real_world
from heloise.queue.model import Selection
from heloise.smtp.registry import discover
from heloise.smtp.transaction import ClientOptions
from heloise.world import Endpoint, Stream, World

PROVIDER = """\
hostname = "provider.test"
state = "provider"
[[listener]]
address = "127.0.0.1:0"
[[listener]]
address = "127.0.0.1:0"
protocol = "odmr"
[local]
domains = ["provider.test"]
[[user]]
name = "sender"
[[odmr]]
networks = ["127.0.0.1"]
domains = ["site.test", "annex.test"]
[relay]
networks = []
[limits]
minimum_free = 0
"""
CUSTOMER = """\
hostname = "mail.site.test"
state = "customer"
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["site.test", "annex.test"]
[[user]]
name = "alice"
[[user]]
name = "bob"
[limits]
minimum_free = 0
"""


@dataclass(slots=True)
class Town:
    """A provider, its customer, and what both logged."""

    world: World
    directory: Path
    provider: MailServer
    customer: MailServer
    logged: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def odmr(self) -> Endpoint:
        endpoint = self.provider.endpoints[1]
        assert isinstance(endpoint, Endpoint)
        return endpoint

    async def post(self, *recipients: str, subject: str = "hello") -> None:
        """A stranger brings mail for the customer to the provider."""
        endpoint = self.provider.endpoints[0]
        envelope = Envelope.parse(
            b"<sender@provider.test>\r\n" + b"".join(b"<%s>\r\n" % r.encode() for r in recipients)
        )
        octets = f"Subject: {subject}\n\nText\n".encode()
        options = ClientOptions(hello_name="elsewhere.test")
        await send(self.world, endpoint, envelope, octets, options=options, registry=discover())

    async def fetch(self, *domains: str) -> Fetched:
        return await self.customer.fetch(self.odmr, domains)

    def count(self, event: str, **fields: object) -> int:
        return sum(each == event and fields.items() <= told.items() for each, told in self.logged)

    async def until_logged(self, event: str, count: int, **fields: object) -> None:
        while self.count(event, **fields) < count:
            self.news.clear()
            await self.news.wait()

    async def delivered(self, count: int) -> None:
        """Wait until the customer has so many messages in his mailboxes."""
        await self.until_logged("delivery.attempted", count, action="delivered")

    def letters(self, user: str) -> list[str]:
        directory = self.directory / "customer" / "mail" / user / "Maildir" / "new"
        return sorted(path.read_text() for path in directory.iterdir()) if directory.exists() else []

    async def waiting(self) -> int:
        return (await self.provider.queue.counts()).waiting


def in_town(directory: Path, play: Callable[[Town], Coroutine[Any, Any, None]], provider: str = PROVIDER) -> None:
    async def run() -> None:
        world = real_world()
        town: Town

        def emit(level: str, event: str, fields: dict[str, object]) -> None:
            town.logged.append((event, fields))
            town.news.set()

        servers = [
            MailServer(parse_configuration(text, directory=str(directory)), world, Journal(emit))
            for text in (provider, CUSTOMER)
        ]
        town = Town(world, directory, servers[0], servers[1])
        for server in servers:
            await server.start()
        try:
            async with asyncio.timeout(30):
                await play(town)
        finally:
            for server in servers:
                await server.stop()
            await world.blocking.close()

    asyncio.run(run())


def test_a_site_fetches_its_mail_over_the_connection_it_made(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("alice@site.test", subject="one")
        await town.post("alice@site.test", "bob@annex.test", subject="two")
        assert await town.waiting() == 3
        fetched = await town.fetch()
        assert fetched == Fetched(reply=fetched.reply, taken=3)
        assert await town.provider.queue.list(Selection(), limit=9) == ()
        await town.delivered(3)
        assert [text.partition("Subject: ")[2].split()[0] for text in town.letters("alice")] == ["one", "two"]
        assert "Received: from provider.test" in town.letters("bob")[0]

    in_town(tmp_path, play)


def test_only_the_domains_that_are_named_are_fetched(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("alice@site.test", "bob@annex.test")
        assert (await town.fetch("annex.test")).taken == 1
        assert await town.waiting() == 1
        (message,) = await town.provider.queue.list(Selection(), limit=9)
        assert [str(each.recipient.forward_path) for each in message.recipients if not each.state.is_final] == [
            "<alice@site.test>"
        ]

    in_town(tmp_path, play)


def test_a_site_without_mail_is_told_so_by_453(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        fetched = await town.fetch("site.test")
        assert fetched.reply is not None
        assert str(fetched.reply) == "453 4.2.0 You have no mail"
        assert not fetched.is_turned

    in_town(tmp_path, play)


def test_one_domain_that_is_not_its_own_gets_a_site_no_mail_at_all(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("alice@site.test")
        fetched = await town.fetch("site.test", "provider.test")
        assert fetched.reply is not None
        assert fetched.reply.code == 450
        assert await town.waiting() == 1

    in_town(tmp_path, play)


def test_a_client_that_nobody_knows_is_asked_who_it_is(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("alice@site.test")
        fetched = await town.fetch("site.test")
        assert fetched.reply is not None
        assert fetched.reply.code == 530
        assert await town.waiting() == 1

    in_town(tmp_path, play, PROVIDER.replace('networks = ["127.0.0.1"]', 'networks = ["192.0.2.0/24"]'))


def test_a_server_without_atrn_is_not_asked(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        fetched = await town.customer.fetch(town.provider.endpoints[0], ["site.test"])
        assert fetched == Fetched(offered=False)

    in_town(tmp_path, play)


def test_the_provider_may_bring_mail_for_our_own_domains_only(tmp_path: Path) -> None:
    """It would be an open relay else: whoever a site asks for its mail could send through it."""

    async def play(town: Town) -> None:
        heard = asyncio.get_running_loop().create_future()

        async def serve(stream: Stream) -> None:
            stream.send(b"220 provider.test\r\n")
            await stream.receive()
            stream.send(b"250-provider.test\r\n250 ATRN\r\n")
            await stream.receive()
            stream.send(b"250 OK now reversing the connection\r\n")
            said = [await stream.receive()]
            for line in (b"EHLO provider.test", b"MAIL FROM:<x@y.test>", b"RCPT TO:<z@elsewhere.test>", b"QUIT"):
                stream.send(line + b"\r\n")
                said.append(await stream.receive())
            heard.set_result(said)

        listening = await town.world.network.listen(Endpoint("127.0.0.1", 0), serve)
        assert isinstance(listening.local, Endpoint)
        fetched = await town.customer.fetch(listening.local, [])
        greeting, hello, _, refusal, _ = await heard
        assert greeting.startswith(b"220 mail.site.test ")
        assert b"ATRN" not in hello
        assert b"ETRN" not in hello
        assert refusal.startswith(b"550 5.7.1")
        assert fetched.taken == 0
        await listening.close()

    in_town(tmp_path, play)


def test_mail_that_a_site_refuses_for_now_waits_until_it_comes_again(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("alice@site.test")
        (before,) = await town.provider.queue.list(Selection(), limit=9)
        asked = await town.world.network.connect(town.odmr, timeout=5)
        for say, until in (
            (b"", b"220 "),
            (b"EHLO site\r\n", b"250 "),
            (b"ATRN\r\n", b"250 "),
            (b"220 site\r\n", b"EHLO"),
            (b"250 site\r\n", b"MAIL"),
            (b"451 not now\r\n", b"QUIT"),
        ):
            if say:
                asked.send(say)
            heard = b""
            while until not in heard:
                heard += await asked.receive()
        asked.send(b"221 bye\r\n")
        while await asked.receive():
            pass
        asked.close()
        (after,) = await town.provider.queue.list(Selection(), limit=9)
        (recipient,) = after.recipients
        assert recipient.attempts == 1
        assert recipient.due >= before.recipients[0].due
        assert (await town.fetch()).taken == 1
        assert await town.provider.queue.list(Selection(), limit=9) == ()

    in_town(tmp_path, play)


def test_a_connection_that_breaks_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """Cut after every reply of the customer in turn; what it did not take waits, what it took is gone."""

    async def play(town: Town) -> None:
        replies = (b"220 site\r\n", b"250 site\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n", b"250 taken\r\n")
        for answered in range(len(replies) + 1):
            await town.post("alice@site.test", subject=str(answered))
            before, ended = await town.waiting(), town.count("session.ended")
            stream = await town.world.network.connect(town.odmr, timeout=5)
            for line in (b"", b"EHLO site\r\n", b"ATRN site.test\r\n"):
                if line:
                    stream.send(line)
                heard = b""
                while not any(each[3:4] == b" " for each in heard.split(b"\r\n")[:-1]):
                    heard += await stream.receive()
            for reply in replies[:answered]:
                stream.send(reply)
                heard = b""
                while not heard.endswith(b"\r\n" if reply[:3] != b"354" else b"\r\n.\r\n"):
                    heard += await stream.receive()
            stream.abort()
            await town.until_logged("session.ended", ended + 1)
            left = before - 1 if answered == len(replies) else before
            assert await town.waiting() == left, answered
        assert (await town.fetch()).taken == left

    in_town(tmp_path, play)


def test_nothing_may_follow_atrn_before_its_reply(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        await town.post("alice@site.test")
        stream = await town.world.network.connect(town.odmr, timeout=5)
        stream.send(b"EHLO site\r\nATRN\r\n220 site\r\n250 site\r\nQUIT\r\n")
        heard = b""
        while octets := await stream.receive():
            heard += octets
        assert b"\r\n503 5.5.1 Nothing may follow ATRN before its reply\r\n" in heard
        assert await town.waiting() == 1
        stream.close()

    in_town(tmp_path, play)


def test_mail_is_not_brought_to_where_it_is_fetched(tmp_path: Path) -> None:
    async def play(town: Town) -> None:
        stream = await town.world.network.connect(town.odmr, timeout=5)
        stream.send(b"EHLO site\r\nMAIL FROM:<a@b.test>\r\nETRN site.test\r\nQUIT\r\n")
        heard = b""
        while octets := await stream.receive():
            heard += octets
        offers = {line[4:] for line in heard.split(b"\r\n") if line.startswith(b"250")}
        assert offers == {b"provider.test greets site", b"ATRN", b"ENHANCEDSTATUSCODES", b"HELP", b"PIPELINING"}
        assert b"\r\n502 5.5.1 Mail is fetched here, not brought\r\n502 5.7.0 " in heard
        stream.close()

    in_town(tmp_path, play)
