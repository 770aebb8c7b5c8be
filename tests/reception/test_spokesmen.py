"""XCLIENT and XFORWARD with a whole server: the pretended client counts, and the queue keeps what was told."""

from heloise.mail.attributes import Attributes
from heloise.policy import Stage, Verdict, refuse
from heloise.policy.views import ConnectView, View
from tests.policy.house import CONTINUE, House, Scripted, at_home

SECTION = """\
[xclient]
networks = ["198.51.100.0/28"]
[xforward]
networks = ["198.51.100.0/28"]
[relay]
networks = ["10.0.0.0/8"]
"""


def test_a_message_is_of_the_client_that_is_spoken_for() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.say("XCLIENT NAME=mail.c.test ADDR=IPV6:2001:db8::7 PORT=4000 PROTO=ESMTP"))[:3] == "220"
        await client.say("EHLO c.test")
        assert (await client.send())[:3] == "250"
        [(message, octets)] = await house.queued()
        assert message.origin.peer_address == "2001:db8::7"
        assert octets.startswith("Received: from c.test (mail.c.test [IPv6:2001:db8::7])")
        [told] = house.events("session.spoken-for")
        assert (told["peer"], house.events("message.accepted")[0]["peer"]) == ("2001:db8::7", "2001:db8::7")

    at_home(play, more=SECTION)


def test_who_may_relay_is_decided_by_the_pretended_address() -> None:
    async def play(house: House) -> None:
        for number, (claim, code) in enumerate(
            (
                ("ADDR=10.1.2.3", "250"),
                ("ADDR=203.0.113.9", "550"),
                ("ADDR=[UNAVAILABLE]", "550"),
                ("ADDR=203.0.113.9 LOGIN=bob", "250"),
                ("ADDR=203.0.113.9 LOGIN=[UNAVAILABLE]", "550"),
            )
        ):
            client = await house.greeted(f"198.51.100.{number + 1}")
            assert (await client.say(f"XCLIENT {claim}"))[:3] == "220"
            await client.all("EHLO c.test", "MAIL FROM:<a@c.test>")
            assert (await client.say("RCPT TO:<b@elsewhere.test>"))[:3] == code, claim
            await client.say("QUIT")

    at_home(play, more=SECTION)


def test_what_the_session_was_before_counts_no_more() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.say("XCLIENT LOGIN=bob")
        await client.say("EHLO c.test")
        assert (await client.say("XCLIENT LOGIN=[UNAVAILABLE]"))[:3] == "220"
        assert (await client.say("MAIL FROM:<a@c.test>"))[:3] == "503"
        await client.all("EHLO c.test", "MAIL FROM:<a@c.test>")
        assert (await client.say("RCPT TO:<b@elsewhere.test>"))[:3] == "550"

    at_home(play, more=SECTION)


def test_a_client_that_nobody_knows_may_do_what_strangers_may() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.say("XCLIENT ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL]")
        await client.say("EHLO c.test")
        assert (await client.say("ETRN away.test"))[:3] == "459"
        assert (await client.send())[:3] == "250"
        [(message, octets)] = await house.queued()
        assert message.origin.peer_address == "unknown"
        assert octets.startswith("Received: from c.test ([unknown])")
        assert not house.events("session.fault")

    at_home(play, more=f'{SECTION}[extensions]\nETRN = "any"\n[etrn]\ndomains = ["home.test"]\n')


def test_nobody_else_may_and_nobody_else_is_offered_it() -> None:
    async def play(house: House) -> None:
        client = await house.connect("203.0.113.9")
        await client.hear()
        offered = await client.say("EHLO c.test")
        assert "XCLIENT" not in offered
        assert "XFORWARD" not in offered
        assert (await client.say("XCLIENT ADDR=10.1.2.3"))[:9] == "550 5.7.0"
        assert (await client.say("XFORWARD ADDR=10.1.2.3"))[:9] == "550 5.7.0"

    at_home(play, more=SECTION)


def test_connections_are_counted_for_the_pretended_client() -> None:
    async def play(house: House) -> None:
        first, second = await house.greeted(), await house.connect("198.51.100.8")
        assert (await second.hear())[:3] == "220"
        assert (await first.say("XCLIENT ADDR=198.51.100.8"))[:9] == "421 4.3.2"
        await second.say("QUIT")
        third = await house.greeted("198.51.100.9")
        assert (await third.say("XCLIENT ADDR=198.51.100.8"))[:3] == "220"
        fourth = await house.greeted("198.51.100.10")
        assert (await fourth.say("XCLIENT ADDR=198.51.100.9"))[:3] == "220"  # the spokesman counts no more

    at_home(play, more=f"{SECTION}[limits]\nconnections_per_client = 1\n")


def test_the_policy_is_asked_about_the_client_that_is_spoken_for() -> None:
    def judge(view: View) -> Verdict:
        assert isinstance(view, ConnectView)
        return refuse("Not you") if view.session.client == "203.0.113.9" else CONTINUE

    asked = Scripted({Stage.CONNECT: judge})

    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.say("XCLIENT ADDR=203.0.113.8 DESTADDR=192.0.2.77 DESTPORT=587"))[:3] == "220"
        other = await house.greeted("198.51.100.8")
        assert (await other.say("XCLIENT ADDR=203.0.113.9"))[0] == "5"
        assert (await other.say("EHLO c.test"))[:3] != "250"

    at_home(play, more=SECTION, filters=[asked])
    seen = [(view.session.client, view.session.local, view.session.local_port) for view in asked.seen]
    assert ("203.0.113.8", "192.0.2.77", 587) in seen


def test_what_xforward_tells_is_kept_with_its_message_and_with_no_other() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.say("XFORWARD NAME=mail.c.test ADDR=203.0.113.9"))[:3] == "250"
        assert (await client.say("XFORWARD HELO=c+2Btest SOURCE=REMOTE"))[:3] == "250"
        assert (await client.send())[:3] == "250"
        assert (await client.send())[:3] == "250"
        told = [message.origin.forwarded for message, _ in await house.queued()]
        assert None in told
        [kept] = [each for each in told if each is not None]
        assert kept == Attributes.parse("NAME=mail.c.test ADDR=203.0.113.9 HELO=c+2Btest SOURCE=REMOTE")
        assert kept.get("HELO") == "c+test"
        [first, second] = house.events("message.accepted")
        assert ("forwarded" in first, "forwarded" in second) == (True, False)

    at_home(play, more=SECTION)
