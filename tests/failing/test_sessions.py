"""What a client sees of faults that are made on purpose, and what is kept of its mail all the same."""

import asyncio
import re

import pytest

from heloise.config.faulty import parse_faults
from heloise.faults.phrase import parse_phrase
from heloise.faults.rule import Cut, FaultReply, FaultRule, Per, Stage
from heloise.mail.cause import Rule
from heloise.smtp.transcript import render
from tests.failing.house import Stage as Scene
from tests.failing.house import play


def test_451_twice_then_accept() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert [await client.message("a@b.test") for _ in range(4)] == ["451", "451", "250", "250"]
        assert await client.message("other@b.test") == "451"  # counted by recipient
        assert len(scene.running.inbox.messages) == 2

    play(act, "451 twice, then accept")


def test_a_fault_is_told_with_its_cause_and_the_line_it_is_written_on() -> None:
    rule = FaultRule(reply=FaultReply.parse("450 4.2.1 Busy"), rule=Rule("faults.toml", 7), to="a@*")

    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert await client.say("MAIL FROM:<>", "RCPT TO:<a@b.test>") == "450 4.2.1 Busy"
        assert await client.code("RCPT TO:<c@b.test>") == "250"

    (transcript,) = play(act, rule)
    (reply,) = [line.reply for line in transcript if line.reply is not None and line.reply.code == 450]
    assert str(reply.cause) == "fault.rule [faults.toml:7] (recipient=a@b.test, attempt=1)"


@pytest.mark.parametrize(
    ("stage", "lines"),
    [
        ("hello", ["EHLO client.test"]),
        ("mail", ["EHLO c.test", "MAIL FROM:<a@b.test>"]),
        ("rcpt", ["EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>"]),
        ("data", ["EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA"]),
        ("message", ["EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA", "."]),
        ("vrfy", ["EHLO c.test", "VRFY a"]),
        ("expn", ["EHLO c.test", "EXPN a"]),
        ("etrn", ["EHLO c.test", "ETRN a.test"]),
        ("atrn", ["EHLO c.test", "ATRN a.test"]),
        ("status", ["EHLO c.test", "HELP STATUS"]),
    ],
)
def test_every_stage_can_fail_and_the_next_attempt_goes_well(stage: str, lines: list[str]) -> None:
    async def act(scene: Scene) -> None:
        client = await scene.connect()
        await client.reply()
        assert await client.code(*lines) == "454"
        again = await scene.connect()
        await again.reply()
        assert await again.code(*lines) != "454"

    play(act, f"454 once at {stage}")


def test_connections_above_a_rate_are_421_and_the_time_heals() -> None:
    async def act(scene: Scene) -> None:
        async def greeted() -> str:
            return (await (await scene.connect()).reply())[:3]

        assert [await greeted() for _ in range(4)] == ["220", "220", "421", "421"]
        await asyncio.sleep(31)
        assert [await greeted() for _ in range(2)] == ["220", "421"]

    play(act, "2/1m, else 421 at connect")


@pytest.mark.parametrize(("cut", "end"), [("drop", "closed"), ("reset", "reset"), ("half-close", "closed")])
@pytest.mark.parametrize("stage", ["rcpt", "data", "message"])
def test_a_connection_is_cut_and_nothing_of_it_is_kept(cut: str, end: str, stage: str) -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        try:
            await client.message("a@b.test")
        except IndexError:
            raise AssertionError(client.heard) from None
        assert client.heard[-1] == end or client.heard[-2] == end
        client.stream.close()
        assert not scene.running.inbox.messages
        other = await scene.client()
        assert await other.message("a@b.test") == "250"

    transcripts = play(act, f"{cut} once at {stage}")
    assert f"-- {cut}: fault.rule" in render(transcripts[0])


def test_a_reply_that_is_lost_leaves_the_message_taken() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert await client.message("a@b.test") == "clo"
        assert len(scene.running.inbox.messages) == 1

    play(act, "lose-reply once at message")


def test_a_connection_is_lost_in_the_middle_of_a_content() -> None:
    rule = FaultRule(stage=Stage.CONTENT, cut=Cut.DROP, at=1000)

    async def act(scene: Scene) -> None:
        client = await scene.client()
        await client.say("MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>", "DATA")
        client.stream.send(b"x" * 78 + b"\r\n")
        assert not client.heard[-1].startswith("closed")
        client.stream.send((b"x" * 78 + b"\r\n") * 20)
        assert await client.reply() in ("closed", "reset")
        assert not scene.running.inbox.messages

    play(act, rule)


def test_a_slow_answer_takes_its_time_and_what_was_asked_before_is_answered_at_once() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        client.stream.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<a@b.test>\r\n")
        assert (await client.reply())[:3] == "250"
        assert loop.time() - begun < 1
        assert (await client.reply())[:3] == "250"
        assert loop.time() - begun >= 3

    play(act, "slow 3s at rcpt")


def test_bad_octets_stand_where_a_reply_would() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert await client.say("MAIL FROM:<a@b.test>", "RCPT TO:<a@b.test>") == "\xff\x00oops"
        assert await client.code("RSET") == "250"

    (transcript,) = play(act, FaultRule(octets=b"\xff\x00oops\r\n"))
    assert "S: \\xff?oops\n" in render(transcript)


def test_a_yes_in_other_words_never_makes_a_no_of_the_server_a_yes() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        await client.say("MAIL FROM:<a@b.test>")
        assert await client.say("RCPT TO:<a@b.test>") == "251 2.1.5 Will forward"
        await client.say("RSET")
        assert await client.code("ATRN a.test") == "453"  # no mail there: a 250 would turn the connection around

    play(act, '251 2.1.5 "Will forward"', "250 at atrn")


def test_a_refused_message_leaves_nothing_behind_for_the_next_one() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert await client.message("first@b.test") == "552"
        assert await client.message("second@b.test") == "250"
        (message,) = scene.running.inbox.messages
        assert [str(each.forward_path) for each in message.envelope.recipients] == ["<second@b.test>"]

    play(act, "552 once at message per rule")


def test_lmtp_has_one_reply_for_each_recipient_of_a_refused_message() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.connect()
        await client.reply()
        await client.say("LHLO c.test", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "RCPT TO:<c@b.test>", "DATA", ".")
        assert [client.heard[-1][:3], (await client.reply())[:3]] == ["452", "452"]

    play(act, "452 at message", lmtp=True)


def test_rules_look_at_sender_client_and_hello() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert await client.code("MAIL FROM:<spam@x.test>") == "550"
        assert await client.code("MAIL FROM:<>") == "552"
        assert await client.code("MAIL FROM:<ham@x.test>") == "250"
        await client.code("RSET")
        await client.say("EHLO bad.test")
        assert await client.code("MAIL FROM:<ham@x.test>") == "554"

    rules = [
        parse_phrase("550 at mail from spam@*"),
        FaultRule(stage=Stage.MAIL, sender="", reply=FaultReply.parse("552")),
        FaultRule(stage=Stage.MAIL, hello="bad.*", reply=FaultReply.parse("554")),
    ]
    play(act, *rules)


def test_greylisting_refuses_for_a_time_since_the_first_attempt() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert await client.message("a@b.test") == "451"
        await asyncio.sleep(29)
        assert await client.message("a@b.test") == "451"
        await asyncio.sleep(2)
        assert await client.message("a@b.test") == "250"

    play(act, "451 for 30s")


def test_recipients_of_a_development_server_ask_for_faults_themselves() -> None:
    async def act(scene: Scene) -> None:
        client = await scene.client()
        assert [await client.message("451-twice.me@b.test") for _ in range(3)] == ["451", "451", "250"]
        assert await client.message("450.rcpt@b.test") == "450"
        assert await client.message("552.message@b.test") == "552"
        assert await client.message("me@b.test") == "250"
        assert await client.message("drop.data@b.test") == "clo"
        other = await scene.client()
        assert [await other.message("452-5-times.message@b.test") for _ in range(6)] == ["452"] * 5 + ["250"]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert await other.message("slow-3s.rcpt@b.test") == "250"
        assert loop.time() - begun >= 3

    transcripts = play(act, magic=True)
    told = render(transcripts[0], explained=True)
    assert "fault.rule (fault=451-twice.me@b.test, recipient=451-twice.me@b.test, attempt=2)" in told


def test_without_magic_an_address_is_an_address() -> None:
    async def act(scene: Scene) -> None:
        assert await (await scene.client()).message("451-twice.me@b.test") == "250"

    play(act)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_and_rules_give_the_same_transcripts_octet_for_octet(seed: int) -> None:
    rules = ["30% 451", "20% 421 at mail per session", "10% drop at message", "slow 2s once at data"]

    async def act(scene: Scene) -> None:
        async def send(number: int) -> None:
            for _ in range(5):
                client = await scene.client()
                await client.message(f"user{number}@b.test")
                client.stream.close()

        await asyncio.gather(*map(send, range(6)))

    def once() -> bytes:
        return "".join(render(each, explained=True) for each in play(act, *rules, seed=seed)).encode()

    first = once()
    assert first == once()
    assert b"451 " in first
    assert b"421 " in first


FILE = """\
seed = 11
[[fault]]
probability = 0.3
reply = "451 4.3.0 Not now"
[[fault]]
stage = "mail"
per = "session"
probability = 0.2
reply = "421"
[[fault]]
stage = "message"
to = "user[0-2]@*"
cut = "drop"
times = 1
[[fault]]
stage = "data"
rate = "3/10s"
delay = "2s"
"""


def test_the_same_file_with_its_seed_gives_the_same_transcripts_octet_for_octet() -> None:
    async def act(scene: Scene) -> None:
        async def send(number: int) -> None:
            for _ in range(5):
                client = await scene.client()
                await client.message(f"user{number}@b.test")
                client.stream.close()

        await asyncio.gather(*map(send, range(6)))

    def once() -> bytes:
        plan = parse_faults(FILE)
        return "".join(render(each, explained=True) for each in play(act, *plan.rules, seed=plan.seed)).encode()

    first = once()
    assert first == once()
    assert {b"faults.toml:2]", b"faults.toml:5]", b"faults.toml:10]"} <= set(re.findall(rb"faults\.toml:\d+\]", first))


def test_another_seed_makes_other_choices() -> None:
    codes: dict[int, list[str]] = {}

    async def act(scene: Scene) -> None:
        client = await scene.client()
        codes[scene.running.faults.seed] = [await client.message("a@b.test") for _ in range(40)]

    for seed in (1, 2):
        play(act, FaultRule(reply=FaultReply.parse("451"), probability=0.5, per=Per.RULE), seed=seed)
    assert codes[1] != codes[2]
    assert all(10 < chosen.count("451") < 30 for chosen in codes.values())
