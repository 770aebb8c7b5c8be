"""Dialling and conversing with scripted peers, over real loopback and in simulated time. RFC 5321 §3.1, §4.5.3.2."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest

from heloise.link.converse import Conversation
from heloise.link.dial import DialFailure, dial
from heloise.link.errors import SmtpRefusal
from heloise.link.send import send
from heloise.mail.content import CHUNK, Content, ContentFacts, MemoryContent
from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.transaction import ClientOptions, RecipientAnswer
from heloise.smtp.transcript import Transcript, render
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.scripted import ScriptedPeer
from heloise.world import Endpoint, LinkError, LinkFault, World
from tests.smtp.clients import envelope

T = TypeVar("T")
REGISTRY = discover()
OPTIONS = ClientOptions(hello_name="client.test")
MAIL = envelope("<u@x.test>")
SMALL = MemoryContent(b"hi\r\n")
LARGE = MemoryContent(b".234567\r\n" * 250_000)
HELLO = """
S: 220 x.test
C: EHLO client.test
S: 250-x.test
S: 250 PIPELINING
"""
GROUP = """
C: MAIL FROM:<a@client.test>
C: RCPT TO:<u@x.test>
C: DATA
S: 250 ok
S: 250 ok
S: 354 go
"""


def really(scenario: Callable[[World], Awaitable[T]]) -> T:
    """Run against the sockets of this machine."""

    async def main() -> T:
        world = real_world()
        try:
            return await scenario(world)
        finally:
            await world.blocking.close()

    return asyncio.run(main())


def simulated(scenario: Callable[[World], Awaitable[T]]) -> T:
    """Run on one host of a simulated world: minutes of waiting take none."""

    async def main(simulation: SimulatedWorld) -> T:
        return await scenario(simulation.host("client.test", "192.0.2.7").world)

    return run_simulated(main)


BOTH = pytest.mark.parametrize("run", [really, simulated])


async def dialled(world: World, peer: ScriptedPeer, options: ClientOptions = OPTIONS) -> Conversation:
    assert isinstance(peer.endpoint, Endpoint)
    conversation = await dial(world, peer.endpoint, options, REGISTRY)
    assert isinstance(conversation, Conversation)
    return conversation


async def refused(world: World, peer: ScriptedPeer) -> DialFailure:
    assert isinstance(peer.endpoint, Endpoint)
    failure = await dial(world, peer.endpoint, OPTIONS, REGISTRY)
    assert isinstance(failure, DialFailure)
    return failure


async def delivered(world: World, script: str, content: Content = SMALL) -> RecipientAnswer:
    async with ScriptedPeer(world.network, script) as peer:
        conversation = await dialled(world, peer)
        (answer,) = await conversation.deliver(MAIL, content, ContentFacts(size=content.size))
        await conversation.quit()
        return answer


@BOTH
def test_a_message_is_delivered_and_quit_said(run: Callable[[Callable[[World], Awaitable[None]]], None]) -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, HELLO + GROUP + "! message\nS: 250 2.0.0 taken") as peer:
            conversation = await dialled(world, peer)
            (answer,) = await conversation.deliver(MAIL, MemoryContent(b".hi\r\n"), ContentFacts(size=5))
            assert answer.is_taken
            assert (conversation.usable, conversation.peer_name) == (True, "x.test")
            await conversation.quit()
        assert peer.messages == [b"..hi\r\n"]
        assert peer.commands[-1] == "QUIT"

    run(scenario)


@BOTH
def test_a_large_message_arrives_whole(run: Callable[[Callable[[World], Awaitable[None]]], None]) -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, HELLO + GROUP + "! message\nS: 250 ok") as peer:
            conversation = await dialled(world, peer)
            (answer,) = await conversation.deliver(MAIL, LARGE, ContentFacts(size=LARGE.size))
            assert answer.is_taken
            await conversation.quit()
        assert peer.messages == [LARGE.octets.replace(b".2", b"..2")]

    run(scenario)


@BOTH
def test_one_conversation_takes_several_messages(run: Callable[[Callable[[World], Awaitable[None]]], None]) -> None:
    async def scenario(world: World) -> None:
        body = GROUP + "! message\nS: 250 ok\n"
        async with ScriptedPeer(world.network, HELLO + body + body) as peer:
            conversation = await dialled(world, peer)
            for _ in range(2):
                (answer,) = await conversation.deliver(MAIL, SMALL, ContentFacts(size=4))
                assert answer.is_taken
            assert conversation.transactions == 2
            await conversation.quit()

    run(scenario)


@BOTH
@pytest.mark.parametrize("end", ["! drop", "! reset", "S: 502 no\n! drop"])
def test_a_peer_that_hangs_up_on_ehlo_is_called_again_and_spoken_to_with_helo(
    run: Callable[[Callable[[World], Awaitable[None]]], None], end: str
) -> None:
    async def scenario(world: World) -> None:
        scripts = (f"S: 220 x.test\nC: EHLO\n{end}", "S: 220 x.test\nC: HELO client.test\nS: 250 x.test")
        async with ScriptedPeer(world.network, *scripts) as peer:
            conversation = await dialled(world, peer)
            assert not conversation.offers.is_esmtp
            await conversation.quit()
        assert peer.connections == 2

    run(scenario)


@pytest.mark.parametrize("code", [500, 501, 502, 504, 550, 554])
def test_a_refused_ehlo_is_followed_by_helo_on_the_same_connection(code: int) -> None:
    async def scenario(world: World) -> None:
        script = f"S: 220 x.test\nC: EHLO\nS: {code} no\nC: HELO client.test\nS: 250 x.test"
        async with ScriptedPeer(world.network, script) as peer:
            await (await dialled(world, peer)).quit()
        assert peer.connections == 1

    simulated(scenario)


@pytest.mark.parametrize(
    ("script", "stage", "code", "cause", "by_peer"),
    [
        ("S: 554 no\nC: QUIT\nS: 221 bye", Stage.GREETING, 554, "peer.said", True),
        ("S: 421 later\n! drop", Stage.GREETING, 421, "peer.said", True),
        ("! drop", Stage.GREETING, 421, "link.lost", False),
        ("! reset", Stage.GREETING, 421, "link.lost", False),
        ("! silence", Stage.GREETING, 421, "link.timed-out", False),
        ("! raw SSH-2.0\\r\\n\n! silence", Stage.GREETING, 451, "peer.nonsense", False),
        ("S: 220 x\nC: EHLO\n! silence", Stage.HELLO, 421, "link.timed-out", False),
        ("S: 220 x\nC: EHLO\nS: 451 later\nC: QUIT\nS: 221 bye", Stage.HELLO, 451, "peer.said", True),
    ],
)
def test_what_goes_wrong_before_hello_is_done_is_a_value(
    script: str, stage: Stage, code: int, cause: str, by_peer: bool
) -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, script) as peer:
            failure = await refused(world, peer)
        assert (failure.stage, failure.reply.code, failure.reply.cause.id) == (stage, code, cause)
        assert (failure.said_by_peer, failure.fault) == (by_peer, None)

    simulated(scenario)


def test_a_port_nobody_listens_on_is_a_value() -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, "") as peer:
            pass
        failure = await refused(world, peer)
        assert (failure.stage, failure.fault) == (Stage.CONNECT, LinkFault.REFUSED)
        assert (str(failure.reply.status), failure.reply.cause.id) == ("4.4.1", "link.refused")

    really(scenario)


@pytest.mark.parametrize(
    ("script", "stage", "cause", "ambiguous"),
    [
        ("C: MAIL\n! drop", Stage.MAIL, "link.lost", False),
        ("C: MAIL\n! silence", Stage.MAIL, "link.timed-out", False),
        ("C: MAIL\nS: 250 ok\n! silence", Stage.RCPT, "link.timed-out", False),
        ("C: MAIL\nS: 250 ok\nS: 250 ok\n! silence", Stage.DATA, "link.timed-out", False),
        (GROUP + "! message\n! drop", Stage.CONTENT, "link.lost-after-dot", True),
        (GROUP + "! message\n! reset", Stage.CONTENT, "link.lost-after-dot", True),
        (GROUP + "! message\n! silence", Stage.CONTENT, "link.lost-after-dot", True),
        (GROUP + "! message\nS: 050 on it\n! silence", Stage.CONTENT, "link.lost-after-dot", True),
        (GROUP + "! message\n! raw 250 tak\n! drop", Stage.CONTENT, "link.lost-after-dot", True),
    ],
)
def test_trouble_with_the_link_is_an_answer(script: str, stage: Stage, cause: str, ambiguous: bool) -> None:
    async def scenario(world: World) -> None:
        answer = await delivered(world, HELLO + script)
        assert (answer.stage, answer.reply.cause.id, answer.ambiguous) == (stage, cause, ambiguous)
        assert not answer.said_by_peer

    simulated(scenario)


@BOTH
def test_a_refusal_in_the_middle_of_a_large_text_is_heard(
    run: Callable[[Callable[[World], Awaitable[None]]], None],
) -> None:
    async def scenario(world: World) -> None:
        answer = await delivered(world, HELLO + GROUP + "! octets 100000\nS: 552 5.3.4 enough\n! silence", LARGE)
        assert (str(answer.reply), answer.said_by_peer, answer.stage) == ("552 5.3.4 enough", True, Stage.CONTENT)

    run(scenario)


@BOTH
@pytest.mark.parametrize("end", ["! drop", "! reset"])
def test_a_connection_lost_in_the_middle_of_a_large_text_is_sure(
    run: Callable[[Callable[[World], Awaitable[None]]], None], end: str
) -> None:
    async def scenario(world: World) -> None:
        answer = await delivered(world, HELLO + GROUP + f"! octets 100000\n{end}", LARGE)
        assert (answer.reply.cause.id, answer.ambiguous) == ("link.lost", False)

    run(scenario)


def test_a_peer_that_stops_reading_is_a_timeout() -> None:
    async def scenario(world: World) -> None:
        answer = await delivered(world, HELLO + GROUP + "! wait 4000\n! reset", LARGE)
        assert (answer.reply.cause.id, answer.stage, answer.ambiguous) == ("link.timed-out", Stage.CONTENT, False)

    simulated(scenario)


def test_a_peer_that_drips_progress_lines_is_waited_for() -> None:
    async def scenario(world: World) -> None:
        drip = "! wait 590\nS: 050 still working\n" * 3
        answer = await delivered(world, HELLO + GROUP + "! message\n" + drip + "S: 250 ok")
        assert answer.is_taken

    simulated(scenario)


def test_a_peer_that_drips_octets_of_one_line_is_not() -> None:
    async def scenario(world: World) -> None:
        drip = "! wait 290\n! raw 2\n" * 4
        answer = await delivered(world, HELLO + GROUP + "! message\n" + drip + "! silence")
        assert answer.ambiguous

    simulated(scenario)


def test_a_large_message_goes_by_bdat_to_a_peer_without_pipelining() -> None:
    async def scenario(world: World) -> None:
        content = MemoryContent(b"1234567\r\n" * 20_000)
        rest = content.size - 2 * CHUNK
        script = f"""
        S: 220 x.test
        C: EHLO
        S: 250-x.test
        S: 250 CHUNKING
        C: MAIL
        S: 250 ok
        C: RCPT
        S: 250 ok
        C: BDAT {CHUNK}
        ! octets {CHUNK}
        S: 250 ok
        C: BDAT {CHUNK}
        ! octets {CHUNK}
        S: 250 ok
        C: BDAT {rest} LAST
        ! octets {rest}
        S: 250 2.0.0 taken
        """
        async with ScriptedPeer(world.network, script) as peer:
            conversation = await dialled(world, peer, ClientOptions(hello_name="client.test", chunking=True))
            (answer,) = await conversation.deliver(MAIL, content, ContentFacts(size=content.size))
            await conversation.quit()
        assert answer.is_taken
        assert b"".join(peer.octets) == content.octets

    simulated(scenario)


def test_a_conversation_that_went_stale_answers_instead_of_raising() -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, HELLO + "S: 421 idle\n! drop") as peer:
            conversation = await dialled(world, peer)
            (answer,) = await conversation.deliver(MAIL, SMALL, ContentFacts(size=4))
            assert (answer.reply.code, answer.stage) == (421, Stage.MAIL)
            await conversation.quit()

    simulated(scenario)


@dataclass
class Unreadable:
    """A content whose second piece can not be read."""

    size: int = 10

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"hi\r\n"
        raise OSError("the disk is on fire")


def test_a_content_that_can_not_be_read_is_never_ended_with_a_dot() -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, HELLO + GROUP + "! silence") as peer:
            conversation = await dialled(world, peer)
            with pytest.raises(OSError, match="on fire"):
                await conversation.deliver(MAIL, Unreadable(), ContentFacts(size=10))
            assert not conversation.usable

    simulated(scenario)


def test_quit_does_not_wait_for_a_silent_peer() -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, HELLO + "C: QUIT\n! silence") as peer:
            conversation = await dialled(world, peer)
            before = world.clock.monotonic()
            await conversation.quit()
            assert world.clock.monotonic() - before == pytest.approx(OPTIONS.timeouts.quit)

    simulated(scenario)


def test_progress_lines_are_passed_on_and_all_is_in_the_transcript() -> None:
    async def scenario(world: World) -> None:
        transcript = Transcript()
        seen: list[str] = []

        def progress(reply: Reply) -> None:
            seen.append(reply.text)

        hello = "S: 220 x.test\nC: EHLO\nS: 250-x.test\nS: 250 VERB\nC: VERB\nS: 250 ok\n"
        body = "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\n! message\nS: 050 at it\nS: 250 ok"
        async with ScriptedPeer(world.network, hello + body) as peer:
            options = ClientOptions(hello_name="client.test", verbose=True)
            conversation = await dial(world, peer.endpoint, options, REGISTRY, recorder=transcript, progress=progress)
            assert isinstance(conversation, Conversation)
            await conversation.deliver(MAIL, SMALL, ContentFacts(size=4))
            await conversation.quit()
        assert seen == ["at it"]
        assert render(transcript).splitlines()[-5:] == [
            "C: [message, 4 octets]",
            "S: 050 at it",
            "S: 250 ok",
            "C: QUIT",
            "S: 221 bye",
        ]

    simulated(scenario)


def test_send_returns_answers_and_mends_line_endings() -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, HELLO + GROUP + "! message\nS: 250 ok") as peer:
            answers = await send(world, peer.endpoint, MAIL, b"a\nb\r\nc", options=OPTIONS, registry=REGISTRY)
        assert answers[0].is_taken
        assert peer.messages == [b"a\r\nb\r\nc\r\n"]

    simulated(scenario)


def test_send_raises_a_refusal_with_the_peers_words() -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(
            world.network, HELLO + "C: MAIL\nC: RCPT\nC: DATA\nS: 550 no\nS: 503 x\nS: 503 x"
        ) as peer:
            with pytest.raises(SmtpRefusal) as caught:
                await send(world, peer.endpoint, MAIL, b"a", options=OPTIONS, registry=REGISTRY)
        assert (str(caught.value.reply), caught.value.stage, len(caught.value.answers)) == ("550 no", Stage.MAIL, 1)

    simulated(scenario)


def test_send_raises_a_link_error_when_the_connection_is_lost() -> None:
    async def scenario(world: World) -> None:
        async with ScriptedPeer(world.network, HELLO + GROUP + "! message\n! drop") as peer:
            with pytest.raises(LinkError) as caught:
                await send(world, peer.endpoint, MAIL, b"a", options=OPTIONS, registry=REGISTRY)
        assert caught.value.fault is LinkFault.CLOSED

    simulated(scenario)
