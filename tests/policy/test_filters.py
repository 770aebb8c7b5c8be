"""Who is asked whether mail may pass, what becomes of the answer, and what is stored after changes."""

import asyncio

import pytest

from heloise.mail.path import ForwardPath, ReversePath
from heloise.policy import (
    CONTINUE,
    AddRecipient,
    ChangeField,
    ChangeSender,
    InsertField,
    MessageView,
    RcptView,
    RemoveRecipient,
    ReplaceBody,
    Stage,
    Verdict,
    View,
    add_field,
    change,
    discard,
    hold,
    later,
    points,
    refuse,
    tag,
)
from heloise.policy.check import OnTrouble
from heloise.queue.model import RecipientState
from tests.policy.house import HEADER, MESSAGE, House, Scripted, at_home, says

NO = refuse("Not here")


def test_a_refusal_at_the_greeting_is_554_and_leaves_only_quit() -> None:
    async def play(house: House) -> None:
        client = await house.connect()
        assert await client.hear() == "554 mx.home.test Not here"
        assert (await client.say("EHLO client.test")).startswith("503 5.5.1")

    at_home(play, filters=[Scripted({Stage.CONNECT: says(NO)})])


def test_what_is_only_for_now_is_421_at_the_greeting() -> None:
    async def play(house: House) -> None:
        client = await house.connect()
        assert await client.hear() == "421 4.7.1 Later"
        assert await client.hear() == ""

    at_home(play, filters=[Scripted({Stage.CONNECT: says(later("Later"))})])


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        (Stage.HELLO, "EHLO other.test"),
        (Stage.MAIL, "MAIL FROM:<carol@client.test>"),
        (Stage.LOOKUP, "VRFY bob"),
    ],
)
def test_each_command_can_be_refused(stage: Stage, line: str) -> None:
    async def play(house: House) -> None:
        client = await house.connect()
        await client.hear()
        if stage is not Stage.HELLO:
            await client.say("EHLO client.test")
        assert await client.say(line) == "550 5.7.1 Not here"
        (refused,) = house.events("command.refused")
        assert refused["cause"] == "policy.refused"

    at_home(play, filters=[Scripted({stage: says(NO)})], more='[extensions]\nVRFY = "any"\n')


def test_a_refused_recipient_leaves_the_others() -> None:
    def judge(view: View) -> Verdict:
        assert isinstance(view, RcptView)
        return NO if view.forward_path.domain == "home.test" else CONTINUE

    async def play(house: House) -> None:
        client = await house.greeted()
        said = await client.all("MAIL FROM:<c@client.test>", "RCPT TO:<bob@home.test>", "RCPT TO:<u@away.test>", "DATA")
        assert [reply[:3] for reply in said] == ["250", "550", "250", "354"]
        client.stream.send(MESSAGE.encode())
        assert (await client.say(".")).startswith("250")
        ((message, _),) = await house.queued()
        assert [str(each.recipient.forward_path) for each in message.recipients] == ["<u@away.test>"]

    at_home(play, filters=[Scripted({Stage.RCPT: judge})])


def test_a_recipient_that_the_router_refuses_is_not_asked_about() -> None:
    scripted = Scripted({Stage.RCPT: says(CONTINUE)})

    async def play(house: House) -> None:
        client = await house.greeted()
        await client.all("MAIL FROM:<c@client.test>", "RCPT TO:<nobody@home.test>", "RCPT TO:<x@elsewhere.test>")
        assert scripted.seen == []

    at_home(play, filters=[scripted])


def test_a_message_can_be_refused_at_data_and_at_its_end() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert await client.send() == "550 5.7.1 Not here"
        assert await house.queued() == []

    at_home(play, filters=[Scripted({Stage.DATA: says(NO)})])
    at_home(play, filters=[Scripted({Stage.MESSAGE: says(NO)})])


def test_the_whole_message_is_seen_before_anybody_is_responsible() -> None:
    scripted = Scripted({Stage.MESSAGE: says(CONTINUE)})

    async def play(house: House) -> None:
        client = await house.greeted()
        body = "".join(f"Line {number}\r\n" for number in range(60_000))
        reply = await client.send(f"{HEADER}\r\n{body}")
        ((message, stored),) = await house.queued()
        (view,) = scripted.seen
        assert isinstance(view, MessageView)
        assert view.message_id == message.message_id
        assert str(view.message_id) in reply
        assert view.values("subject") == ("Hello",)
        assert view.body.size == len(body) + 2
        assert stored.endswith(f"\r\n{HEADER}\r\n{body}")
        assert stored.startswith("Received: ")
        names = house.host.world.files.names("/var/lib/heloise/queue/spool")
        assert names == [message.message_id]  # what was held back is gone

    at_home(play, filters=[scripted])


def test_header_body_and_envelope_are_stored_as_they_were_changed() -> None:
    changes = change(
        InsertField(0, "X-First", "1"),
        ChangeField("subject", 1, "Changed"),
        ChangeField("To", 1, None),
        ReplaceBody(b"Another text.\r\n"),
        AddRecipient(ForwardPath.parse(b"<third@away.test>")),
        RemoveRecipient(ForwardPath.parse(b"<second@away.test>")),
        ChangeSender(ReversePath.parse(b"<dave@client.test>")),
    )

    async def play(house: House) -> None:
        client = await house.greeted()
        await client.send(to=("first@away.test", "second@away.test"))
        ((message, stored),) = await house.queued()
        assert str(message.reverse_path) == "<dave@client.test>"
        assert [str(each.recipient.forward_path) for each in message.recipients] == [
            "<first@away.test>",
            "<third@away.test>",
        ]
        text = "X-First: 1\r\nFrom: carol@client.test\r\nSubject: Changed\r\nX-Last: 2\r\n\r\nAnother text.\r\n"
        assert stored.endswith(f"\r\n{text}")
        assert message.facts.size == len(stored)

    at_home(play, filters=[Scripted({Stage.MESSAGE: says(changes | add_field("X-Last", "2"))})])


def test_each_filter_sees_what_the_one_before_has_changed() -> None:
    second = Scripted({Stage.MESSAGE: says(CONTINUE)}, name="second")

    async def play(house: House) -> None:
        await (await house.greeted()).send()
        (view,) = second.seen
        assert isinstance(view, MessageView)
        assert view.values("X-Seen") == ("yes",)
        assert view.session.tags == {"old"}

    first = Scripted({Stage.MAIL: says(tag("old")), Stage.MESSAGE: says(add_field("X-Seen", "yes"))})
    at_home(play, filters=[first, second])


def test_a_recipient_that_a_filter_adds_and_nobody_knows_refuses_the_message() -> None:
    async def play(house: House) -> None:
        assert (await (await house.greeted()).send()).startswith("550 5.1.1")
        assert await house.queued() == []

    added = change(AddRecipient(ForwardPath.parse(b"<nobody@home.test>")))
    at_home(play, filters=[Scripted({Stage.MESSAGE: says(added)})])


def test_fields_that_are_wished_for_before_the_message_stand_below_our_trace() -> None:
    async def play(house: House) -> None:
        await (await house.greeted()).send()
        ((_, stored),) = await house.queued()
        assert f"\r\nX-Client: seen\r\n{HEADER}" in stored

    at_home(play, filters=[Scripted({Stage.CONNECT: says(add_field("X-Client", "seen"))})])


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.MESSAGE])
def test_a_discarded_message_gets_250_and_is_nowhere(stage: Stage) -> None:
    async def play(house: House) -> None:
        assert (await (await house.greeted()).send()).startswith("250 2.0.0")
        assert await house.queued() == []
        (judged,) = house.events("message.judged")
        assert (judged["cause"], judged["inputs"]) == ("policy.discarded", {"why": "a known worm"})

    at_home(play, filters=[Scripted({stage: says(discard("a known worm"))})])


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.MESSAGE])
def test_a_held_message_waits_for_an_operator(stage: Stage) -> None:
    async def play(house: House) -> None:
        await (await house.greeted()).send(to=("bob@home.test",))
        await asyncio.sleep(3600)
        ((message, _),) = await house.queued()
        assert [each.state for each in message.recipients] == [RecipientState.HELD]
        assert house.events("message.judged")[0]["cause"] == "policy.held"

    at_home(play, filters=[Scripted({stage: says(hold("looks odd"))})])


def test_so_many_points_are_too_many_but_postmaster_can_be_written_to() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.say("MAIL FROM:<c@client.test>")
        assert (await client.say("RCPT TO:<bob@home.test>")).startswith("550 5.7.1")
        assert (await client.say("RCPT TO:<postmaster@home.test>")).startswith("250")
        (refused,) = house.events("command.refused")
        assert (refused["cause"], refused["rule"]) == ("policy.points", "heloise.toml:19")
        assert refused["inputs"] == {"points": "5", "limit": "5.0", "told": "+2 odd address; +3 odd name"}

    said = {Stage.CONNECT: says(points(2, "odd address")), Stage.HELLO: says(points(3, "odd name"))}
    at_home(play, filters=[Scripted({**said, Stage.RCPT: says(CONTINUE)})], more="[policy]\nrefuse_at = 5\n")


def test_a_filter_that_takes_too_long_is_451_with_a_cause_or_passed_over() -> None:
    async def endless(view: View) -> Verdict:
        await asyncio.sleep(1000)
        return CONTINUE

    async def refused(house: House) -> None:
        client = await house.greeted()
        assert (await client.say("MAIL FROM:<c@client.test>")).startswith("451 4.3.0")
        assert house.events("command.refused")[0]["cause"] == "policy.overrun"
        assert house.events("policy.trouble")[0]["check"] == "scripted"

    async def passed(house: House) -> None:
        assert (await (await house.greeted()).send()).startswith("250")

    at_home(refused, filters=[Scripted({Stage.MAIL: lambda view: endless(view)})])
    at_home(passed, filters=[Scripted({Stage.MAIL: lambda view: endless(view)}, on_trouble=OnTrouble.IGNORE)])


def test_a_filter_that_fails_is_451_with_an_id_that_is_in_the_log() -> None:
    def fail(view: View) -> Verdict:
        raise RuntimeError("no such table")

    async def play(house: House) -> None:
        client = await house.greeted()
        reply = await client.say("MAIL FROM:<c@client.test>")
        assert reply.startswith("451 4.3.0")
        fault = reply.rpartition(" ")[2].rstrip(")")
        trouble = str(house.events("policy.trouble")[0]["trouble"])
        assert "RuntimeError: no such table" in trouble
        assert fault in trouble
        assert (await client.say("NOOP")).startswith("250")

    at_home(play, filters=[Scripted({Stage.MAIL: fail})])


def test_a_follower_hears_of_each_end_once() -> None:
    scripted = Scripted({Stage.MAIL: says(CONTINUE)})

    async def play(house: House) -> None:
        client = await house.greeted()
        await client.send()
        await client.all("MAIL FROM:<c@client.test>", "RSET", "QUIT")
        assert await client.hear() == ""
        assert scripted.ends == ["transaction", "transaction", "session"]

    at_home(play, filters=[scripted])
