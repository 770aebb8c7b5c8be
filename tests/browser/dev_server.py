"""A development server with its pages, in a thread of its own, for tests in a browser."""

import smtplib
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from heloise.app.dev.api import serving_api
from heloise.app.dev.sample import send_sample
from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.net import real_world
from heloise.observe.log import Log, LogLevel
from heloise.reception.door import nobody_watches
from heloise.testing.mail_server import LoopThread
from heloise.world import Endpoint, World


@dataclass(frozen=True, slots=True)
class DevServer:
    """`url` has no slash at its end; `do` runs a coroutine where the server runs."""

    url: str
    running: Catching
    thread: LoopThread
    world: World

    def do(self, work: Any) -> Any:
        """Run it there, and wait for it."""
        return self.thread.run(work)

    def sample(self) -> None:
        """What the button on the empty page does."""
        self.do(send_sample(self.world, self.running))

    def client(self) -> smtplib.SMTP:
        """The standard library's client, connected."""
        return smtplib.SMTP("127.0.0.1", self.running.endpoint.port, timeout=60)

    def send(self, content: bytes | str, *, to: str = "you@example.test") -> None:
        """Send a message; ends of line of any sort."""
        octets = content.encode() if isinstance(content, str) else content
        with self.client() as client:
            client.sendmail("me@example.test", [to], octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def letter(self, subject: str, *, to: str = "you@example.test") -> None:
        """Send a plain one."""
        self.send(f"From: me@example.test\nTo: {to}\nSubject: {subject}\n\nIt works.\n", to=to)


@contextmanager
def dev_server(**options: Any) -> Iterator[DevServer]:
    """It listens on free ports while the context is open."""
    thread, stack = LoopThread(), AsyncExitStack()
    world = real_world()

    async def begin() -> DevServer:
        journal = Journal(Log(lambda line: None, world.clock, level=LogLevel.ERROR))
        made = CatchOptions(**{"endpoint": Endpoint("127.0.0.1", 0), "users": {"me": "secret"}, **options})
        running = await stack.enter_async_context(catching(world, made, journal, nobody_watches))
        endpoint = await stack.enter_async_context(serving_api(world, running, Endpoint("127.0.0.1", 0), "0.0.0"))
        return DevServer(f"http://{endpoint}", running, thread, world)

    async def end() -> None:
        await stack.aclose()
        await world.blocking.close()

    try:
        yield thread.run(begin())
    finally:
        thread.run(end())
        thread.close()
