"""Controllers: who listens, in a thread of its own or in the caller's event loop. Parameters are those of aiosmtpd.

Port 0 takes a free one, and `port` then says which. `stop` ends sessions with 421 and returns when nothing is left.
"""

import asyncio
import os
import ssl
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from socket import AF_INET6, SOCK_STREAM, has_ipv6, socket
from typing import Any, Literal
from warnings import warn

from heloise.aiosmtpd.smtp import SMTP

__all__ = [
    "DEFAULT_READY_TIMEOUT",
    "BaseController",
    "BaseThreadedController",
    "BaseUnthreadedController",
    "Controller",
    "UnixSocketController",
    "UnixSocketUnthreadedController",
    "UnthreadedController",
    "get_localhost",
]

DEFAULT_READY_TIMEOUT = 5.0
_STOP_PATIENCE = 1.0  # seconds that sessions get to end by themselves


def get_localhost() -> Literal["::1", "127.0.0.1"]:
    """The loopback address, of IPv6 where the machine has it."""
    if has_ipv6:
        try:
            with socket(AF_INET6, SOCK_STREAM) as tried:
                tried.bind(("::1", 0))
            return "::1"
        except OSError:
            pass
    return "127.0.0.1"


class BaseController(ABC):
    """`SMTP_parameters` are those of `SMTP`; SMTPUTF8 is offered by default."""

    def __init__(
        self,
        handler: Any,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        **SMTP_parameters: Any,
    ) -> None:
        self.handler = handler
        self.loop = loop if loop is not None else asyncio.new_event_loop()
        self.ssl_context = ssl_context
        self.SMTP_kwargs: dict[str, Any] = {}
        if "server_kwargs" in SMTP_parameters:
            warn("server_kwargs is deprecated, give the keyword arguments themselves", DeprecationWarning, stacklevel=3)
            self.SMTP_kwargs = dict(SMTP_parameters.pop("server_kwargs"))
        self.SMTP_kwargs |= SMTP_parameters
        if server_hostname:
            self.SMTP_kwargs["hostname"] = server_hostname
        self.SMTP_kwargs.setdefault("enable_SMTPUTF8", True)
        self.server: asyncio.Server | None = None
        self.smtpd: Any = None
        self._connections: set[Any] = set()

    def factory(self) -> Any:
        """A server for one connection; to be overridden by who wants another class."""
        return SMTP(self.handler, **self.SMTP_kwargs)

    def _factory_invoker(self) -> Any:
        made = self.factory()
        if made is None:
            raise RuntimeError("factory() returned None")
        self.smtpd = made
        self._connections = {each for each in self._connections if not each.is_over}
        self._connections.add(made)
        return made

    @abstractmethod
    async def _create_server(self) -> asyncio.Server:
        """Listen."""

    async def _begin(self) -> None:
        """Listen, after the factory has shown that it works. Raises what it raises, and OSError."""
        self._factory_invoker()
        self.server = await self._create_server()

    async def _end(self) -> None:
        """Listen no more, and end the sessions."""
        server, self.server = self.server, None
        if server is not None:
            server.close()
        connections = list(self._connections)
        for each in connections:
            each.shut_down()
        if connections:
            ends = [asyncio.ensure_future(each.wait_ended()) for each in connections]
            await asyncio.wait(ends, timeout=_STOP_PATIENCE)
        for each in connections:
            each.abort()
        self._connections.clear()
        self.smtpd = None

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        """Cancel everything in the loop, and stop it. By `loop.call_soon_threadsafe`."""
        if stop_loop:
            self.loop.stop()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()


class BaseThreadedController(BaseController):
    """Runs its event loop in a thread. `ready_timeout` in seconds; AIOSMTPD_CONTROLLER_TIMEOUT overrides it."""

    def __init__(
        self,
        handler: Any,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        ready_timeout: float = DEFAULT_READY_TIMEOUT,
        **parameters: Any,
    ) -> None:
        super().__init__(handler, loop, **parameters)
        self.ready_timeout = float(os.getenv("AIOSMTPD_CONTROLLER_TIMEOUT", ready_timeout))
        self._thread: threading.Thread | None = None
        self._trouble: BaseException | None = None

    def start(self) -> None:
        """Listen, and return when connections are taken.

        Raises:
            TimeoutError: it took longer than `ready_timeout`.
            OSError: the address can not be listened on.
            Exception: what `factory` raises.
        """
        assert self._thread is None, "SMTP daemon already running"
        if self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._trouble = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="heloise-aiosmtpd", daemon=True)
        self._thread.start()
        if not ready.wait(self.ready_timeout):
            raise TimeoutError("the server has not started in time; raise ready_timeout on a busy machine")
        if self._trouble is not None:
            raise self._trouble

    def stop(self, no_assert: bool = False) -> None:
        """End sessions, stop listening, end the thread."""
        assert no_assert or self._thread is not None, "SMTP daemon not running"
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._begin())
        except BaseException as error:
            self._trouble = error
            self._connections.clear()
            self.loop.close()
            ready.set()
            return
        try:
            self.loop.call_soon(ready.set)
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self._end())
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()


class BaseUnthreadedController(BaseController):
    """Lives in a loop that somebody else runs. `ended` is set when it has been ended."""

    def __init__(self, handler: Any, loop: asyncio.AbstractEventLoop | None = None, **parameters: Any) -> None:
        super().__init__(handler, loop, **parameters)
        self.ended = threading.Event()

    def begin(self) -> None:
        """Listen; the loop is not running yet."""
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._begin())

    async def finalize(self) -> None:
        """End sessions and stop listening."""
        self.ended.clear()
        await self._end()
        self.ended.set()

    def end(self) -> None:
        """As `finalize`, from outside: at once when the loop does not run, else soon."""
        self.ended.clear()
        if self.loop.is_running():
            self._ending = self.loop.create_task(self.finalize())
        else:
            self.loop.run_until_complete(self.finalize())


class InetMixin(BaseController):
    """Listens on TCP."""

    def __init__(
        self,
        handler: Any,
        hostname: str | None = None,
        port: int = 8025,
        loop: asyncio.AbstractEventLoop | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(handler, loop, **parameters)
        self.hostname = get_localhost() if hostname is None else hostname
        self.port = port

    async def _create_server(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._factory_invoker, host=self.hostname, port=self.port, ssl=self.ssl_context
        )
        self.port = server.sockets[0].getsockname()[1]
        return server


class UnixSocketMixin(BaseController):
    """Listens on a Unix socket."""

    def __init__(
        self,
        handler: Any,
        unix_socket: str | Path,
        loop: asyncio.AbstractEventLoop | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(handler, loop, **parameters)
        self.unix_socket = str(unix_socket)

    async def _create_server(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(self._factory_invoker, path=self.unix_socket, ssl=self.ssl_context)


class Controller(InetMixin, BaseThreadedController):
    """In a thread, on TCP."""


class UnixSocketController(UnixSocketMixin, BaseThreadedController):
    """In a thread, on a Unix socket."""


class UnthreadedController(InetMixin, BaseUnthreadedController):
    """In the caller's loop, on TCP."""


class UnixSocketUnthreadedController(UnixSocketMixin, BaseUnthreadedController):
    """In the caller's loop, on a Unix socket."""
