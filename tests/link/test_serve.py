"""The serving driver: what a session waits for, and for how long."""

import asyncio
from collections.abc import Callable

from heloise.link.serve import CLOSING_TIME, ServerConversation
from heloise.mail.encryption import Encryption
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.events import ConnectionProposed, Fact, HelloProposed, Proposal, SessionEnded
from heloise.smtp.limits import SessionLimits
from heloise.smtp.registry import discover
from heloise.smtp.server import ServerSession
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Endpoint, LinkError, ServerTls, Stream


class _Polite:
    """Says yes to the greeting and to hello, and remembers what it was told."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    async def answer(self, proposal: Proposal, say: Callable[[str], None]) -> tuple[Reply, ...]:
        match proposal:
            case ConnectionProposed():
                return (replies.greeting("mx.test", "ESMTP"),)
            case HelloProposed(reply=reply):
                return (reply,)
            case _:
                raise AssertionError(f"nobody asked for that: {proposal}")

    async def note(self, fact: Fact) -> None:
        self.facts.append(fact)

    async def mistaken(self) -> None:
        raise AssertionError

    def fault(self, error: Exception) -> None:
        raise error

    def tls(self) -> ServerTls | None:
        return None

    def secured(self, encryption: Encryption) -> None:
        raise AssertionError

    def not_secured(self, error: LinkError) -> None:
        raise AssertionError

    async def turned(self, stream: Stream, is_stopping: Callable[[], bool]) -> None:
        raise AssertionError


def test_a_client_that_never_reads_its_replies_is_hung_up_on() -> None:
    limits = SessionLimits(command_timeout=60.0)

    async def scenario(world: SimulatedWorld) -> None:
        receiver = _Polite()
        ended = asyncio.get_running_loop().create_future()

        async def serve(stream: Stream) -> None:
            session = ServerSession(hostname="mx.test", registry=discover(), limits=limits)
            await ServerConversation(session, stream, receiver).run()
            ended.set_result(asyncio.get_running_loop().time())

        server, client = world.host("mx.test", "192.0.2.1"), world.host("client.test", "192.0.2.2")
        await server.world.network.listen(Endpoint("192.0.2.1", 25), serve)
        stream = await client.world.network.connect(Endpoint("192.0.2.1", 25), timeout=10)
        begun = asyncio.get_running_loop().time()
        for _ in range(40):
            stream.send(b"HELP\r\n" * 2000)
            await asyncio.sleep(0.1)
        # The time of a client begins when something is due from it: here, that it takes what it asked for.
        assert await ended - begun < limits.command_timeout + CLOSING_TIME + 30
        assert receiver.facts == [SessionEnded(False)]

    run_simulated(scenario, seed=1)
