"""Where a session stands is known from the words of a server alone, and it is what its engine says."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from heloise.app.dev.server import CatchOptions, catching
from heloise.app.journal import Journal
from heloise.app.lab import BookInsight, lab_session
from heloise.lab.following import Follower
from heloise.lab.session import Kind
from heloise.mail import causes
from heloise.mail.reply import Reply
from heloise.observe.log import Log
from heloise.reception.door import nobody_watches
from heloise.smtp.registry import discover
from heloise.smtp.states import ServerState
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import ClientTls, Endpoint

SERVER = Endpoint("192.0.2.1", 1025)
COMMANDS = (
    "EHLO c.test",
    "HELO c.test",
    "EHLO",
    "MAIL FROM:<a@b.test>",
    "MAIL FROM:<>",
    "MAIL FROM:<a@b.test> FOO=1",
    "RCPT TO:<you@c.test>",
    "RCPT TO:<450.rcpt@c.test>",
    "RCPT TO:<552.message@c.test>",
    "RCPT TO:<451.data@c.test>",
    "DATA",
    "DATA now",
    "words",
    ".",
    "BDAT 7",
    "BDAT 0 LAST",
    "BDAT 9 LAST",
    "BDAT",
    "RSET",
    "NOOP",
    "VRFY you",
    "ONEX",
    "VERB",
    "AUTH PLAIN AG1lAHNlY3JldA==",
    "AUTH PLAIN",
    "AUTH LOGIN",
    "*",
    "bWU=",
    "HELP",
    "",
    "FOO",
    "QUIT",
)


def stands(lines: Sequence[str], *, lmtp: bool = False) -> list[tuple[str, ServerState, ServerState]]:
    """Each line with the state that follows from the words, and that of the engine."""
    found: list[tuple[str, ServerState, ServerState]] = []

    async def scenario(simulation: SimulatedWorld) -> None:
        server, client = simulation.host("mx.test", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        options = CatchOptions(endpoint=SERVER, users={"me": "secret"}, lmtp=lmtp)
        journal = Journal(Log(lambda octets: None, server.world.clock))
        tls = ClientTls(server_name="mx.test")
        async with (
            catching(server.world, options, journal, nobody_watches) as running,
            lab_session(client.world, SERVER, hear=lambda event: None, tls=tls, lmtp=lmtp) as session,
        ):
            await session.settled()
            (caught,) = running.sessions.sessions
            engine = BookInsight(running.sessions, caught.peer)
            for line in ("", *lines):
                if session.kind is Kind.NOTHING:
                    break
                if line or found:
                    session.say(line.encode())
                    await session.settled()
                found.append((line, session.state, engine.state))

    run_simulated(scenario)
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(COMMANDS), max_size=25))
@example(["EHLO c.test", "ONEX", "MAIL FROM:<>", "RCPT TO:<you@c.test>", "DATA", "words", ".", "MAIL FROM:<>", "RSET"])
@example(["EHLO c.test", "MAIL FROM:<>", "RCPT TO:<you@c.test>", "BDAT 7", "words", "BDAT 0 LAST", "NOOP"])
@example(["EHLO c.test", "MAIL FROM:<>", "RCPT TO:<you@c.test>", "BDAT 7", "words", "DATA", "RSET"])
@example(["EHLO c.test", "MAIL FROM:<>", "RCPT TO:<552.message@c.test>", "DATA", ".", "AUTH LOGIN", "*", "DATA"])
def test_the_words_tell_what_the_engine_says(lines: list[str]) -> None:
    for line, followed, engine in stands(lines):
        assert followed is engine, line


def test_in_lmtp_each_recipient_has_a_reply_after_the_dot() -> None:
    lines = ["LHLO c.test", "MAIL FROM:<>", "RCPT TO:<a@c.test>", "RCPT TO:<b@c.test>", "DATA", ".", "NOOP", "QUIT"]
    told = stands(lines, lmtp=True)
    assert [line for line, _, _ in told][1:] == lines
    assert all(followed is engine for _, followed, engine in told)


def reply(code: int) -> Reply:
    return Reply(code=code, status=None, lines=("words",), cause=causes.PEER_SAID.because())


def test_a_server_that_takes_mail_before_hello_is_followed() -> None:
    follower = Follower(discover().transitions)
    follower.greeted(reply(220))
    follower.answered("MAIL", reply(250))
    assert follower.state is ServerState.MAIL


def test_a_server_that_greets_with_554_is_refusing() -> None:
    follower = Follower(discover().transitions)
    follower.greeted(reply(554))
    assert follower.state is ServerState.REFUSED


def test_421_ends_the_session_wherever_it_stands() -> None:
    follower = Follower(discover().transitions)
    follower.greeted(reply(220))
    follower.answered("NOOP", reply(421))
    assert follower.state is ServerState.CLOSED
