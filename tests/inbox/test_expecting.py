"""Waiting for mail at the server: at once when it is there, at the moment it comes, with reasons when it does not."""

import asyncio
import re

import pytest

from heloise.inbox.expecting import ExpectationFailed, expect_none, wait_for
from heloise.inbox.inbox import Inbox
from heloise.inbox.sessions import SessionBook
from heloise.inbox.wanted import Wanted
from heloise.smtp import replies
from heloise.testing import SimulatedWorld, run_simulated
from tests.inbox.letters import letter


def test_mail_that_is_there_is_given_at_once_and_mail_that_comes_at_that_moment() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        inbox, book, loop = Inbox(), SessionBook(), asyncio.get_running_loop()
        first, second = letter("a@b.test"), letter("a@b.test")
        inbox.add(first)
        assert await wait_for(inbox, book, Wanted(to="A@b.test")) == (first,)
        begun = loop.time()
        loop.call_later(3, inbox.add, letter("other@b.test"))
        loop.call_later(4, inbox.add, second)
        assert await wait_for(inbox, book, Wanted(to="a@b.test"), count=2, within=60) == (first, second)
        assert loop.time() - begun == pytest.approx(4)

    run_simulated(scenario)


def test_mail_that_does_not_come_is_told_with_the_nearest_misses_and_the_sessions() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        inbox, book = Inbox(), SessionBook()
        near = letter("a@b.test", header="Subject: Hallo")
        inbox.add(letter("far@away.test", header="Subject: Nothing"))
        inbox.add(near)
        for number in range(5):
            session = book.begin(f"S{number}", "192.0.2.9", 0)
            session.taken = 1
            if number == 1:
                session.transcript.command(b"FOO")
                session.transcript.reply(replies.COMMAND_UNKNOWN)
        with pytest.raises(ExpectationFailed) as failed:
            await wait_for(inbox, book, Wanted(to="a@b.test", subject="Hello"), within=2)
        assert failed.value.nearest[0] == (near, ("subject is 'Hallo', wanted 'Hello'",))
        assert [session.session_id for session in failed.value.sessions] == ["S1", "S3", "S4"]
        text = str(failed.value)
        assert text.startswith("no message with to 'a@b.test', subject 'Hello' within 2 s; caught: 2, sessions: 5\n")
        assert "C: FOO\nS: 500 5.5.1 No such command\n     command.unknown, RFC 5321 §4.2.4" in text

    run_simulated(scenario)


def test_nothing_expected_is_told_when_something_comes() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        inbox, book = Inbox(), SessionBook()
        await expect_none(inbox, book, Wanted(to="a@b.test"), within=5)
        inbox.add(letter("a@b.test"))
        with pytest.raises(ExpectationFailed, match="none was expected"):
            await expect_none(inbox, book, Wanted(to="a@b.test"))

    run_simulated(scenario)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(to="alice@b.test"), True),
        (Wanted(to="alice"), False),
        (Wanted(to="*@b.test", sender="a@*"), True),
        (Wanted(sender=""), False),
        (Wanted(subject="order"), True),
        (Wanted(subject="order*"), False),
        (Wanted(subject=re.compile(r"#\d+$")), True),
        (Wanted(body="works"), True),
        (Wanted(headers={"X-Env": "test"}), True),
        (Wanted(headers={"X-Env": "live"}), False),
    ],
)
def test_conditions(wanted: Wanted, fits: bool) -> None:
    message = letter("alice@b.test", header="Subject: Your order #42\nX-Env: test")
    assert (wanted.misses(message) == ()) is fits
