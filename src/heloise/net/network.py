"""Dialling and listening on the sockets of this machine, TCP and Unix. All errors leave as `LinkError`."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from heloise.net.faults import connect_error
from heloise.net.stream import InputSpace, SocketStream
from heloise.net.tls import load_server
from heloise.world.errors import LinkError, LinkFault
from heloise.world.network import AnyEndpoint, Endpoint, Stream, UnixEndpoint
from heloise.world.tls import ServerTls

BACKLOG: Final = 1024
# Linux: choose the local port at connect and not at bind, else 28,000 connections from one address are the end.
_BIND_ADDRESS_NO_PORT: Final[int | None] = getattr(
    socket, "IP_BIND_ADDRESS_NO_PORT", 24 if os.name == "posix" else None
)

_Address: TypeAlias = tuple[Any, ...] | str
Serve: TypeAlias = Callable[[Stream], Awaitable[None]]


class SocketListening:
    """An open listening socket, and the tasks that serve its connections."""

    def __init__(self, endpoint: AnyEndpoint, serve: Serve, *, is_handed: bool = False) -> None:
        self._is_handed = is_handed  # then others made it, and its file is theirs
        self._endpoint = endpoint
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def local(self) -> AnyEndpoint:
        """Where it listens, with the port that was really given."""
        return self._endpoint

    def use(self, serve: Serve) -> None:
        """Serve connections from now on by `serve`."""
        self._serve = serve

    async def start(self, listener: socket.socket, space: InputSpace) -> None:
        """Accept on `listener`, which is bound. Called once, by the network."""
        if isinstance(self._endpoint, Endpoint):
            self._endpoint = Endpoint(*listener.getsockname()[:2])
        loop = asyncio.get_running_loop()
        create = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
        self._server = await create(lambda: SocketStream(space, self._accept), sock=listener, backlog=BACKLOG)

    async def close(self) -> None:
        """Stop accepting. Connections already accepted live on."""
        server, self._server = self._server, None
        if server is None:
            return
        if isinstance(self._endpoint, UnixEndpoint) and not self._is_handed:
            with suppress(OSError):
                os.unlink(self._endpoint.path)
        server.close()
        await asyncio.sleep(0)  # uvloop closes the socket in its next round

    def _accept(self, stream: SocketStream) -> None:
        task = asyncio.get_running_loop().create_task(self._run(stream))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _run(self, stream: SocketStream) -> None:
        try:
            await self._serve(stream)
        finally:
            stream.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            message = f"serving a connection to {self._endpoint} failed"
            task.get_loop().call_exception_handler({"message": message, "exception": error, "task": task})


class SocketNetwork:
    """The network of this machine.

    Args:
        share_ports: let several processes listen on one port (SO_REUSEPORT), the kernel deals out the connections.
        handed: sockets that are bound already, by what is asked for; each is taken once, and then belongs to the one
            who listens.
    """

    def __init__(self, *, share_ports: bool = False, handed: Sequence[tuple[AnyEndpoint, socket.socket]] = ()) -> None:
        self._share_ports = share_ports
        self._handed = list(handed)
        self._space = InputSpace()

    async def connect(self, endpoint: AnyEndpoint, *, timeout: float, local_address: str | None = None) -> Stream:
        """Connect within `timeout` seconds; of a host name all addresses are tried in turn.

        Raises:
            LinkError: REFUSED, UNREACHABLE, TIMED_OUT or LOCAL (no free descriptor or port here).
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(endpoint, local_address)
        except TimeoutError as error:
            raise LinkError(LinkFault.TIMED_OUT, f"no connection to {endpoint}") from error

    async def listen(self, endpoint: AnyEndpoint, serve: Serve) -> SocketListening:
        """Accept connections and run `serve(stream)` for each in a task of its own; the stream is closed after it.

        Of a host name the first address is taken. A Unix socket file that a dead server left is replaced.

        Raises:
            LinkError: LOCAL, the address can not be bound; the detail says why.
        """
        handed = self._take_handed(endpoint)
        listening = SocketListening(endpoint, serve, is_handed=handed is not None)
        try:
            listener = await self._bind(endpoint) if handed is None else handed
            await listening.start(listener, self._space)
        except OSError as error:
            raise LinkError(LinkFault.LOCAL, f"can not listen on {endpoint}: {error.strerror}") from error
        return listening

    def _take_handed(self, endpoint: AnyEndpoint) -> socket.socket | None:
        for index, (address, found) in enumerate(self._handed):
            if address == endpoint:
                del self._handed[index]
                return found
        return None

    def load_tls(self, demand: ServerTls) -> None:
        """Read the files of `demand`, so that `start_tls` need not. Blocks. Raises TlsFileError."""
        load_server(demand)

    async def _connect(self, endpoint: AnyEndpoint, local_address: str | None) -> SocketStream:
        failure = OSError(errno.EHOSTUNREACH, "no address")
        try:
            for family, address in await _targets(endpoint):
                try:
                    return await self._dial(family, address, local_address)
                except OSError as error:
                    failure = error
        except socket.gaierror as error:
            failure = error
        raise connect_error(failure) from failure

    async def _dial(self, family: int, address: _Address, local_address: str | None) -> SocketStream:
        loop = asyncio.get_running_loop()
        connection = _new_socket(family)
        try:
            if local_address is not None and family != socket.AF_UNIX:
                if _BIND_ADDRESS_NO_PORT is not None:
                    connection.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
                connection.bind((local_address, 0))
            await loop.sock_connect(connection, address)
            # A Unix socket with a full backlog says EAGAIN, which asyncio takes for success: getpeername knows better.
            connection.getpeername()
            create = loop.create_unix_connection if family == socket.AF_UNIX else loop.create_connection
            _, stream = await create(lambda: SocketStream(self._space), sock=connection)
        except BaseException:
            connection.close()
            raise
        return stream

    async def _bind(self, endpoint: AnyEndpoint) -> socket.socket:
        if isinstance(endpoint, UnixEndpoint):
            _remove_stale(endpoint.path)
        family, address = (await _targets(endpoint))[0]
        listener = _new_socket(family)
        try:
            if family != socket.AF_UNIX:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if self._share_ports:
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                # Listen on "::" and "0.0.0.0" side by side, and never show a peer as ::ffff:192.0.2.1.
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
        return listener


async def _targets(endpoint: AnyEndpoint) -> list[tuple[int, _Address]]:
    """Family and address of each way to reach `endpoint`. Raises socket.gaierror for a name that has none."""
    if isinstance(endpoint, UnixEndpoint):
        return [(socket.AF_UNIX, endpoint.path)]
    try:
        # Without a thread: an address in numbers is what delivery nearly always asks for.
        found = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def _new_socket(family: int) -> socket.socket:
    # With the protocol named: asyncio sets TCP_NODELAY only on sockets, and those accepted by them, that say TCP.
    made = socket.socket(family, socket.SOCK_STREAM, 0 if family == socket.AF_UNIX else socket.IPPROTO_TCP)
    made.setblocking(False)
    return made


def _remove_stale(path: str) -> None:
    """Remove the socket file of a server that is no more. Raises OSError(EADDRINUSE) when somebody listens there.

    asyncio would remove the file of a living server as well, and leave that server deaf without a word.
    """
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EADDRINUSE, "there is a file of this name and it is no socket")
    except FileNotFoundError:
        return
    with _new_socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its backlog is full, so somebody listens
    raise OSError(errno.EADDRINUSE, "another server listens there")
