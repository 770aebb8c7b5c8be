"""Mail for programs: what they are given, and what becomes of the mail when they end in one way or another."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from heloise.local.program import PipeProgram
from heloise.testing import ProgramRun, SimulatedWorld, run_simulated
from heloise.world import ProgramEnd
from tests.delivery.house import CONTENT, House, open_house

PROCMAIL = PipeProgram(name="procmail", command=("/bin/procmail", "-f", "{sender}", "--", "{recipient}"), user="mail")


def in_a_house(scenario: Callable[[House], Awaitable[None]], *programs: PipeProgram) -> None:
    async def run(world: SimulatedWorld) -> None:
        house = await open_house(world, programs=programs)
        await scenario(house)
        await house.stop()

    run_simulated(run, seed=3)


def test_a_program_gets_the_message_on_its_input_and_the_envelope_as_arguments() -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/procmail", lambda run: 0)
        await house.submit(("<alice+lists@example.test>", "pipe:procmail"))
        await house.settled(1)
        assert house.journal.attempts == [("<alice+lists@example.test>", "delivered", "250 2.0.0 Taken by procmail")]
        (run,) = house.host.programs.runs
        assert run.program.command == ("/bin/procmail", "-f", "a@client.test", "--", "alice+lists@example.test")
        assert run.program.user == "mail"
        assert run.program.environment == {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "SENDER": "a@client.test",
            "RECIPIENT": "alice+lists@example.test",
            "LOCAL": "alice",
            "EXTENSION": "lists",
            "DOMAIN": "example.test",
            "MESSAGE_ID": "M1",
        }
        top = b"Return-Path: <a@client.test>\nDelivered-To: alice+lists@example.test\n"
        assert run.content == top + CONTENT.replace(b"\r\n", b"\n")

    in_a_house(scenario, PROCMAIL)


def test_a_program_that_knows_crlf_gets_the_octets_as_they_came() -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/p", lambda run: 0)
        await house.submit(("<x@example.test>", "pipe:p"))
        await house.settled(1)
        assert house.host.programs.runs[0].content.endswith(CONTENT)

    in_a_house(scenario, PipeProgram(name="p", command=("/bin/p",), line_feeds=False))


def test_a_report_comes_from_mailer_daemon() -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/procmail", lambda run: 0)
        await house.submit(("<alice@example.test>", "pipe:procmail"), sender="<>")
        await house.settled(1)
        (run,) = house.host.programs.runs
        assert run.program.command[2] == "MAILER-DAEMON"
        assert run.program.environment["SENDER"] == ""
        assert run.content.startswith(b"Return-Path: <>\n")

    in_a_house(scenario, PROCMAIL)


def test_an_address_that_looks_like_an_option_is_given_in_brackets() -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/p", lambda run: 0)
        await house.submit(("<-oQ/tmp@example.test>", "pipe:p"), sender="<-X@client.test>")
        await house.settled(1)
        assert house.host.programs.runs[0].program.command == ("/bin/p", "<-X@client.test>", "<-oQ/tmp@example.test>")

    in_a_house(scenario, PipeProgram(name="p", command=("/bin/p", "{sender}", "{recipient}")))


@pytest.mark.parametrize(
    ("argument", "recipient"), [("{user}", "<-rf@example.test>"), ("{extension}", "<x+-rf@example.test>")]
)
def test_a_part_that_looks_like_an_option_is_never_given(argument: str, recipient: str) -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/p", lambda run: 0)
        await house.submit((recipient, "pipe:p"), ("<y+ok@example.test>", "pipe:p"))
        await house.settled(2)
        assert [(action, reply[:9]) for _, action, reply in house.journal.attempts[:2]] == [
            ("failed", "553 5.1.3"),
            ("delivered", "250 2.0.0"),
        ]
        assert len(house.host.programs.runs) == 1

    in_a_house(scenario, PipeProgram(name="p", command=("/bin/p", argument)))


def test_whatever_is_in_an_address_stays_one_argument() -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/p", lambda run: 0)
        await house.submit(('<"$(reboot) {sender}; x"@example.test>', "pipe:p"))
        await house.settled(1)
        command = house.host.programs.runs[0].program.command
        assert command == ("/bin/p", '"$(reboot) {sender}; x"@example.test', "$(reboot) {sender}; x")

    in_a_house(scenario, PipeProgram(name="p", command=("/bin/p", "{recipient}", "{user}")))


def test_each_recipient_has_a_run_and_an_outcome_of_his_own() -> None:
    async def scenario(house: House) -> None:
        codes = {"a": 0, "b": 67, "c": 75}
        house.host.programs.install("/bin/procmail", lambda run: codes[run.program.environment["LOCAL"]])
        await house.submit(*((f"<{name}@example.test>", "pipe:procmail") for name in codes))
        await house.settled(3)
        assert [(path, action, reply[:9]) for path, action, reply in house.journal.attempts[:3]] == [
            ("<a@example.test>", "delivered", "250 2.0.0"),
            ("<b@example.test>", "failed", "550 5.1.1"),
            ("<c@example.test>", "delayed", "451 4.3.0"),
        ]

    in_a_house(scenario, PROCMAIL)


def test_a_program_for_several_recipients_runs_once_without_delivered_to() -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/p", lambda run: 0)
        await house.submit(("<x@example.test>", "pipe:p"), ("<y@example.test>", "pipe:p"))
        await house.settled(2)
        (run,) = house.host.programs.runs
        assert run.program.command == ("/bin/p", "x@example.test", "y@example.test")
        assert "RECIPIENT" not in run.program.environment
        assert b"Delivered-To" not in run.content

    in_a_house(scenario, PipeProgram(name="p", command=("/bin/p", "{recipient}"), one_recipient=False))


def test_a_message_that_comes_back_from_a_program_goes_in_circles() -> None:
    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/procmail", lambda run: 0)
        content = b"Received: by x\r\ndelivered-to:  Alice@Example.test \r\nSubject: again\r\n\r\nDelivered-To: b@x\r\n"
        await house.submit(("<alice@example.test>", "pipe:procmail"), ("<b@x>", "pipe:procmail"), content=content)
        await house.settled(2)
        assert [(action, reply[:9]) for _, action, reply in house.journal.attempts[:2]] == [
            ("failed", "554 5.4.6"),
            ("delivered", "250 2.0.0"),
        ]

    in_a_house(scenario, PROCMAIL)


def test_a_program_that_takes_too_long_is_run_again_later() -> None:
    async def sleep(run: ProgramRun) -> int:
        await asyncio.sleep(10_000)
        return 0

    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/procmail", sleep)
        await house.submit(("<x@example.test>", "pipe:procmail"))
        await house.settled(1)
        assert house.journal.attempts == [
            ("<x@example.test>", "delayed", "451 4.3.0 procmail took more than 300 seconds")
        ]
        house.host.programs.install("/bin/procmail", lambda run: 0)
        await house.settled(2)
        assert await house.messages() == []

    in_a_house(scenario, PROCMAIL)


def test_a_program_that_is_not_there_delays_the_mail_and_says_why() -> None:
    async def scenario(house: House) -> None:
        await house.submit(("<x@example.test>", "pipe:procmail"))
        await house.settled(1)
        (outcome,) = house.journal.outcomes
        assert str(outcome.reply) == "451 4.3.5 procmail can not be run: No such file or directory"
        assert outcome.reply.cause.id == "program.not-started"

    in_a_house(scenario, PROCMAIL)


def test_mail_for_a_program_that_the_configuration_lost_waits() -> None:
    async def scenario(house: House) -> None:
        await house.submit(("<x@example.test>", "pipe:gone"), ("<y@example.test>", "http:gone"))
        await house.settled(2)
        assert {reply for _, _, reply in house.journal.attempts} == {
            "451 4.3.5 There is no pipe:gone in the configuration",
            "451 4.3.5 There is no http:gone in the configuration",
        }
        assert len(await house.waiting()) == 2

    in_a_house(scenario)


def test_no_more_runs_at_a_time_than_are_allowed() -> None:
    running, most = 0, 0

    async def work(run: ProgramRun) -> ProgramEnd:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(10)
        running -= 1
        return ProgramEnd(exit_code=0)

    async def scenario(house: House) -> None:
        house.host.programs.install("/bin/p", work)
        for number in range(12):
            await house.submit((f"<x{number}@example.test>", "pipe:p"))
        await house.settled(12)
        assert most == 3

    in_a_house(scenario, PipeProgram(name="p", command=("/bin/p",), concurrency=3))
