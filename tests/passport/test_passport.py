"""The passport of a message, told by a whole server in a simulated world: what an operator reads of its way."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from heloise.app.configured.passports import make_office
from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer, StoreOptions
from heloise.config.load import parse_configuration
from heloise.passport.timeline import Timeline
from heloise.testing import SimulatedHost, SimulatedWorld, run_simulated
from heloise.world import Endpoint, Stream
from tests.delivery.house import Peer, open_peer

CONFIGURATION = """\
hostname = "mx.example.test"
state = "/var/lib/heloise"
[[listener]]
address = "192.0.2.25:25"
[local]
domains = ["example.test"]
[[user]]
name = "alice"
[relay]
networks = ["203.0.113.0/24"]
[retry]
intervals = ["5m", "15m"]
"""
HERE, CLIENT = Endpoint("192.0.2.25", 25), "203.0.113.7"


class House:
    """A server with passports, a client, and whatever peers a test opens."""

    def __init__(self, simulation: SimulatedWorld, more: str = "") -> None:
        self.simulation = simulation
        self.host: SimulatedHost = simulation.host("mx.example.test", HERE.host)
        self.client = simulation.host("client.test", CLIENT)
        self.troubles: list[str] = []
        self._text = CONFIGURATION + more
        self.server = self._made()

    def _made(self) -> MailServer:
        configuration = parse_configuration(self._text, file="heloise.toml", directory="/etc")
        store = StoreOptions(vfs=self.host.sqlite_vfs(), exclusive=True)
        return MailServer(configuration, self.host.world, Journal(self._log), store=store)

    def _log(self, level: str, event: str, fields: dict[str, object]) -> None:
        if event == "passport.trouble":
            self.troubles.append(str(fields["trouble"]))

    async def restart(self) -> None:
        self.server = self._made()
        await self.server.start()

    async def peer(self, domain: str, script: dict[str, str | None] | None = None) -> Peer:
        self.simulation.zones.add_mail_exchanger(domain, 10, f"mx.{domain}")
        return await open_peer(self.simulation, f"mx.{domain}", f"198.51.100.{len(domain)}", script)

    async def say(self, *commands: str) -> list[str]:
        """A session of these commands; the last line of each answer, the greeting first."""
        stream = await self.client.world.network.connect(HERE, timeout=30)
        said = [await _reply(stream)]
        for command in ("EHLO client.test", *commands, "QUIT"):
            stream.send(command.encode() + b"\r\n")
            said.append(await _reply(stream))
        stream.close()
        return said

    async def send(self, *recipients: str, sender: str = "alice@example.test") -> str:
        """A message; its id."""
        names = [f"RCPT TO:<{recipient}>" for recipient in recipients]
        said = await self.say(f"MAIL FROM:<{sender}>", *names, "DATA", "Subject: x\r\n\r\nHello.\r\n.")
        return said[-2].split()[2]

    async def timeline(self, owner: str) -> Timeline:
        assert self.server.passports is not None
        found = await self.server.passports.timeline(owner)
        assert found is not None
        return found

    async def until_gone(self) -> None:
        """An hour of simulated time, after which nothing waits any more."""
        await asyncio.sleep(3600)
        assert (await self.server.queue.counts()).messages == 0


async def _reply(stream: Stream) -> str:
    said = b""
    while not (said.endswith(b"\r\n") and said.splitlines()[-1][3:4] == b" "):
        octets = await stream.receive()
        if not octets:
            break
        said += octets
    return said.decode().splitlines()[-1]


def play(act: Callable[[House], Awaitable[None]], more: str = "") -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = House(simulation, more)
        await house.server.start()
        await act(house)
        await house.server.stop()

    run_simulated(scenario, seed=7)


def kinds(timeline: Timeline) -> list[str]:
    return [facts["event"] for facts in timeline.events]


def attempts(timeline: Timeline) -> list[dict[str, Any]]:
    return [facts for facts in timeline.events if facts["event"] == "attempted"]


def test_a_message_that_was_greylisted_twice_tells_each_attempt_after_it_has_left() -> None:
    async def act(house: House) -> None:
        peer = await house.peer("far.test", {"RCPT": "451 4.7.1 Greylisted"})
        message = await house.send("bob@far.test")
        await asyncio.sleep(420)  # the second attempt is made after about five minutes
        del peer.script["RCPT"]
        await house.until_gone()
        timeline = await house.timeline(message)
        assert kinds(timeline) == ["opened", "hello", "answered", "accepted", "attempted", "attempted", "attempted"]
        first, second, third = attempts(timeline)
        (outcome,) = first["outcomes"]
        assert (outcome["action"], outcome["stage"]) == ("delayed", "rcpt")
        assert outcome["reply"] == "451 4.7.1 Greylisted"
        assert abs(outcome["next_try"] - second["at"]) < 60, "the next try came when it was said to"
        assert [host["host"] for host in first["found"]] == ["mx.far.test"]
        assert [each["how"] for each in first["tried"]] == ["connected"]
        assert third["outcomes"][0]["action"] == "relayed"
        assert timeline.recipients == {"<bob@far.test>": "relayed"}
        assert timeline.events[0]["peer"] == CLIENT
        assert timeline.events[1]["name"] == "client.test"
        assert timeline.events[2]["reply"] == "250 2.1.5 Recipient ok"

    play(act)


def test_a_bounce_is_told_with_the_report_and_the_report_has_a_passport_of_its_own() -> None:
    async def act(house: House) -> None:
        await house.peer("far.test", {"RCPT": "550 5.1.1 No such user"})
        message = await house.send("bob@far.test")
        await house.until_gone()
        timeline = await house.timeline(message)
        assert timeline.recipients == {"<bob@far.test>": "failed"}
        (attempt,) = attempts(timeline)
        assert attempt["outcomes"][0]["cause"] == "peer.said"
        (report,) = attempt["reports"]
        about = await house.timeline(report)
        assert about.session == ""
        assert about.sender == "<>"
        assert about.recipients == {"<alice@example.test>": "delivered"}

    play(act)


def test_a_recipient_refused_at_rcpt_is_found_by_address_with_the_rule_that_decided() -> None:
    async def act(house: House) -> None:
        await house.say("MAIL FROM:<bob@far.test>", "RCPT TO:<Nobody@example.test>")
        assert house.server.passports is not None
        (found,) = await house.server.passports.find(sender=None, recipient="nobody@EXAMPLE.test", limit=5)
        assert found.is_session
        (refused,) = [facts for facts in found.events if facts["event"] == "answered"]
        assert refused["reply"].startswith("550 5.1.1")
        assert refused["cause"] == "recipient.unknown"
        assert refused["rule"] == "heloise.toml:6"
        assert await house.server.passports.find(sender=None, recipient="body@example.test", limit=5) == []

    play(act)


def test_a_redirection_is_told_with_the_old_name_and_the_new_one() -> None:
    async def act(house: House) -> None:
        await house.peer("far.test", {"RCPT": "452 4.2.2 Mailbox full"})
        await house.peer("farther.test")
        message = await house.send("bob@far.test")
        control = house.server.control_desk()
        await asyncio.sleep(30)
        answer = await control.ask(
            {"do": "redirect", "selection": {"recipient": "bob@far.test"}, "recipient": "bob@farther.test"}
        )
        assert answer == {"recipients": 1, "under_way": 0}
        await house.until_gone()
        timeline = await house.timeline(message)
        (command,) = [facts for facts in timeline.events if facts["event"] == "commanded"]
        assert command["command"] == "redirect"
        assert command["recipients"] == ["<bob@far.test>"]
        assert (command["recipient"], command["route"]) == ("<bob@farther.test>", "mx:farther.test")
        assert timeline.recipients == {"<bob@farther.test>": "relayed"}
        for address in ("bob@far.test", "bob@farther.test"):
            answer = await control.ask({"do": "find", "recipient": address, "limit": 5})
            assert [each["id"] for each in answer["timelines"]] == [message], "found by either name"

    play(act)


def test_what_an_operator_does_is_told() -> None:
    async def act(house: House) -> None:
        await house.peer("far.test", {"RCPT": "452 4.2.2 Mailbox full"})
        message = await house.send("bob@far.test", "carol@far.test")
        await asyncio.sleep(30)
        control = house.server.control_desk()
        for command in ("hold", "release", "retry"):
            await control.ask({"do": command, "selection": {"recipient": "bob@far.test"}})
            await asyncio.sleep(30)
        assert (await house.timeline(message)).recipients["<bob@far.test>"] == "waiting"
        await control.ask({"do": "remove"})
        timeline = await house.timeline(message)
        commands = [facts for facts in timeline.events if facts["event"] == "commanded"]
        told = [(facts["command"], len(facts["recipients"])) for facts in commands]
        assert told == [("hold", 1), ("release", 1), ("retry", 1), ("remove", 2)]
        assert set(timeline.recipients.values()) == {"removed"}

    play(act)


def test_of_a_session_each_message_has_its_own_part() -> None:
    async def act(house: House) -> None:
        await house.peer("far.test")
        text = "Subject: x\r\n\r\nHello.\r\n."
        said = await house.say(
            "MAIL FROM:<a@far.test>", "RCPT TO:<one@far.test>", "DATA", text,
            "MAIL FROM:<a@far.test>", "RCPT TO:<two@far.test>", "RCPT TO:<nobody@example.test>", "DATA", text,
        )  # fmt: skip
        first, second = (line.split()[2] for line in said if line.startswith("250 2.0.0") and line.endswith("taken"))
        one, two = await house.timeline(first), await house.timeline(second)
        assert _recipients_said(one) == ["<one@far.test>"]
        assert _recipients_said(two) == ["<two@far.test>", "<nobody@example.test>"]
        assert kinds(two)[:2] == ["opened", "hello"]
        session = await house.timeline(one.session)
        assert session.is_session
        assert [facts["message"] for facts in session.events if facts["event"] == "brought"] == [first, second]
        assert kinds(session)[-1] == "ended"

    play(act)


def _recipients_said(timeline: Timeline) -> list[str]:
    return [facts["argument"] for facts in timeline.events if facts["event"] == "answered"]


def test_a_passport_outlives_a_clean_stop_and_a_killed_process() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = House(simulation)
        await house.host.start(house.server.start())
        first = await house.send("alice@example.test")
        await house.server.stop()  # at once: what was told in the last second is written
        await house.host.start(house.restart())
        assert (await house.timeline(first)).recipients == {"<alice@example.test>": "delivered"}
        second = await house.send("alice@example.test")
        await asyncio.sleep(5)
        await house.host.kill()
        await house.host.start(house.restart())
        assert (await house.timeline(second)).recipients == {"<alice@example.test>": "delivered"}
        assert (await house.timeline(first)).recipients == {"<alice@example.test>": "delivered"}
        assert house.troubles == []
        await house.server.stop()

    run_simulated(scenario, seed=3)


def test_two_runs_tell_the_same_to_the_last_octet() -> None:
    def run() -> list[object]:
        told: list[object] = []

        async def act(house: House) -> None:
            await house.peer("far.test", {"RCPT": "451 4.7.1 Greylisted"})
            message = await house.send("bob@far.test", "alice@example.test")
            await asyncio.sleep(2000)
            told.append(asdict(await house.timeline(message)))

        play(act)
        return told

    assert run() == run()


def test_without_passports_the_server_says_so() -> None:
    async def act(house: House) -> None:
        assert house.server.passports is None
        assert not house.host.disk.exists("/var/lib/heloise/passport")

    play(act, "[passport]\noff = true\n")


def test_passports_are_kept_no_shorter_than_mail_waits() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        text = CONFIGURATION + '[passport]\nkeep = "1d"\n'
        configuration = parse_configuration(text, file="heloise.toml", directory="/etc")
        world = simulation.host("mx.example.test", "192.0.2.25").world
        office = make_office(configuration, world, Journal(lambda level, event, fields: None))
        assert office is not None
        assert office.retention.keep == configuration.retry.expire_after
        await office.close()

    run_simulated(scenario)
