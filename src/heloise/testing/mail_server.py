"""A mail server for tests: catches everything, fails on purpose, waits for mail without polling, tells what was wrong.

    async with MailServer() as server:
        await program_under_test(server.host, server.port)
        message = await server.expect(to="alice@example.test", subject="Welcome")

`ThreadedMailServer` is the same for tests that are no coroutines: its server lives in a thread. With pytest neither is
made by hand: the fixture `mail_server` gives the one that fits.
"""

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.faults.phrase import parse_phrase
from heloise.faults.rule import FaultRule
from heloise.inbox.expecting import expect_none, wait_for
from heloise.inbox.message import CaughtMessage
from heloise.inbox.sessions import CaughtSession
from heloise.inbox.wanted import Pattern, Wanted
from heloise.mail.violation import Violation
from heloise.net import real_world
from heloise.reception.door import nobody_watches
from heloise.testing.certificate import TestCertificate
from heloise.world import CertificateFiles, Endpoint

T = TypeVar("T")
USER, PASSWORD = "user@example.test", "secret"
WITHIN = 5.0  # seconds
_CLOSING = 15.0


class _Served:
    """What both servers have in common: what one can look at."""

    user = USER
    password = PASSWORD
    hostname = "localhost"

    def __init__(
        self,
        *,
        faults: Iterable[FaultRule | str] = (),
        seed: int = 0,
        certificate: TestCertificate | None = None,
        address: str = "test@example.test",
        pedantic: bool = False,
        lmtp: bool = False,
    ) -> None:
        self.address = address
        self.certificate = certificate
        files = None
        if certificate is not None:
            files = CertificateFiles(chain=str(certificate.chain), key=str(certificate.key))
        self._options = CatchOptions(
            endpoint=Endpoint("127.0.0.1", 0),
            faults=tuple(map(_rule, faults)),
            seed=seed,
            pedantic=pedantic,
            lmtp=lmtp,
            certificate=files,
            tls_endpoint=None if files is None else Endpoint("127.0.0.1", 0),
            users={self.user: self.password},
        )
        self._running: Catching | None = None

    @property
    def _caught(self) -> Catching:
        if self._running is None:
            raise RuntimeError(
                "the mail server does not run yet: in a fixture that is a coroutine, await start() first"
            )
        return self._running

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._caught.endpoint.host

    @property
    def port(self) -> int:
        """For plaintext and STARTTLS."""
        return self._caught.endpoint.port

    @property
    def tls_port(self) -> int:
        """For TLS from the first octet on. Raises RuntimeError without a certificate."""
        endpoint = self._caught.tls_endpoint
        if endpoint is None:
            raise RuntimeError("the mail server has no certificate")
        return endpoint.port

    @property
    def client_tls(self) -> ssl.SSLContext:
        """For a client of the standard library that is to believe it. Raises RuntimeError without a certificate."""
        if self.certificate is None:
            raise RuntimeError("the mail server has no certificate")
        return ssl.create_default_context(cafile=str(self.certificate.ca))

    @property
    def messages(self) -> tuple[CaughtMessage, ...]:
        """What it has caught, oldest first."""
        return self._caught.inbox.messages

    @property
    def mailbox(self) -> tuple[CaughtMessage, ...]:
        """What it has caught for the address of this test."""
        return self._caught.inbox.mailbox(self.address)

    @property
    def sessions(self) -> tuple[CaughtSession, ...]:
        """Those there were and are, also without mail."""
        return self._caught.sessions.sessions

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What clients did against the rules."""
        return tuple(self._caught.violations)

    @property
    def transcript(self) -> str:
        """All sessions as they were said, with the cause of each reply; and what was against the rules."""
        if self._running is None:
            return ""
        return "\n".join((*(session.text for session in self.sessions), *map(str, self.violations)))

    def search(self, query: str) -> tuple[CaughtMessage, ...]:
        """See `heloise.inbox.search`."""
        return self._caught.inbox.search(query)

    def fail(self, *faults: FaultRule | str) -> None:
        """Fail by these rules besides, or as these phrases say."""
        self._caught.faults.add(*map(_rule, faults))

    def clear(self) -> None:
        """Forget messages, sessions and violations, and fail by no rule any more."""
        caught = self._caught
        caught.inbox.clear()
        caught.sessions.clear()
        caught.violations.clear()
        caught.faults.use(())


class MailServer(_Served):
    """A mail server in the running event loop. All that waits is a coroutine."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin to listen, on free ports. Nothing happens when it does already."""
        if self._running is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._open = AsyncExitStack()
        world = real_world()
        self._open.push_async_callback(world.blocking.close)
        journal = Journal(lambda level, event, fields: None)
        self._running = await self._open.enter_async_context(catching(world, self._options, journal, nobody_watches))

    async def stop(self) -> None:
        """End all sessions by 421. What was caught can still be looked at."""
        if self._loop is not None:
            self._loop = None
            await self._open.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def expect(
        self,
        *,
        to: Pattern | None = None,
        subject: Pattern | None = None,
        sender: Pattern | None = None,
        body: Pattern | None = None,
        headers: dict[str, Pattern] | None = None,
        within: float = WITHIN,
    ) -> CaughtMessage:
        """The first message that fits, as soon as it is here; `within` in seconds.

        Text with * or ? is a pattern; without, `to` and `sender` have to be the same, the others have to have it in
        them.

        Raises:
            ExpectationFailed: it did not come; with transcripts, the nearest misses, and what each lacks.
        """
        wanted = Wanted(to=to, sender=sender, subject=subject, body=body, headers=headers or {})
        return (await self.wait_for(wanted, within=within))[0]

    async def wait_for(self, wanted: Wanted, *, count: int = 1, within: float = WITHIN) -> tuple[CaughtMessage, ...]:
        """The first `count` messages that fit. Raises ExpectationFailed."""
        caught = self._caught
        return await wait_for(caught.inbox, caught.sessions, wanted, count=count, within=within)

    async def expect_none(
        self, *, to: Pattern | None = None, subject: Pattern | None = None, within: float = 0
    ) -> None:
        """Nothing that fits is here or comes within so many seconds. Raises ExpectationFailed."""
        caught = self._caught
        await expect_none(caught.inbox, caught.sessions, Wanted(to=to, subject=subject), within=within)


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="heloise mail server", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, and wait for what it gives or raises."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING)
        if not self._thread.is_alive():
            self._loop.close()


class ThreadedMailServer:
    """A `MailServer` in a thread, for tests that are no coroutines. What waits, waits; all else is its own."""

    def __init__(self, server: MailServer, thread: LoopThread) -> None:
        self._server = server
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def start(self) -> None:
        """Begin to listen, on free ports."""
        self._thread.run(self._server.start())

    def stop(self) -> None:
        """End all sessions by 421."""
        self._thread.run(self._server.stop())

    def expect(self, **conditions: Any) -> CaughtMessage:
        """See `MailServer.expect`."""
        return self._thread.run(self._server.expect(**conditions))

    def wait_for(self, wanted: Wanted, *, count: int = 1, within: float = WITHIN) -> tuple[CaughtMessage, ...]:
        """See `MailServer.wait_for`."""
        return self._thread.run(self._server.wait_for(wanted, count=count, within=within))

    def expect_none(self, **conditions: Any) -> None:
        """See `MailServer.expect_none`."""
        self._thread.run(self._server.expect_none(**conditions))

    def fail(self, *faults: FaultRule | str) -> None:
        """See `MailServer.fail`."""
        self._server.fail(*faults)


def _rule(fault: FaultRule | str) -> FaultRule:
    return parse_phrase(fault) if isinstance(fault, str) else fault
