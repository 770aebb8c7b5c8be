"""A connection as a `Stream`, on an asyncio transport with an input buffer of its own.

Theory of operation. The transport reads into one buffer that all connections share (reading and copying out happen in
one step of the loop, so nobody sees another's octets), and `buffer_updated` appends what came to `_input`. An idle
connection therefore holds no buffer at all. `receive` takes all of `_input` at once; only when it is empty does it
wait. The transport stops reading above as many unread octets as `InputSpace` gives each connection, `HIGH_WATER` of
them unless there are many; above `HIGH_WATER` unsent ones `drain` waits.

The end of a connection is one of: `_eof` (they closed their side), `_closed` without `_fault` (we closed), `_fault`
(it broke). Octets that came before the end are always given out first.

`start_tls` puts TLS between the transport and this protocol: `_transport` is another object then. Whatever came in
plaintext before is refused, since the buffer is ours to look into (RFC 3207 §6).
"""

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final, cast

from heloise.mail.encryption import Encryption
from heloise.net.asyncio_tls import adapt
from heloise.net.faults import link_error
from heloise.net.tls import certificate_of, context_for, encryption_of, tls_error
from heloise.world.errors import LinkError, LinkFault
from heloise.world.network import AnyEndpoint, Endpoint, UnixEndpoint
from heloise.world.tls import ClientTls, TlsDemand, TlsFileError

HIGH_WATER: Final = 256 * 1024
RECEIVE_BUFFER: Final = 256 * 1024
INPUT_TOGETHER: Final = 16 * 1024 * 1024
LEAST_INPUT: Final = 16 * 1024  # of one connection, however many there are
TLS_FAREWELL: Final = 5.0  # seconds the peer gets to answer close_notify; few do
_NO_LINGERING: Final = struct.pack("ii", 1, 0)
_UNKNOWN: Final = Endpoint("0.0.0.0", 0)

adapt()


class InputSpace:
    """Scratch space for reading, shared by the connections of one event loop, and how much each may leave unread there.

    All together hardly more than `INPUT_TOGETHER`, however many senders nobody gets round to: so each gets less when
    there are many, and more is read only when what came has been taken and worked through.
    """

    __slots__ = ("_buffer", "_connections", "is_ample", "share", "window")

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER))
        self._connections = 0
        self.window = self._buffer  # where to read to
        self.share = HIGH_WATER
        self.is_ample = True

    def enter(self) -> None:
        """One connection more."""
        self._connections += 1
        self._divide()

    def leave(self) -> None:
        """One less."""
        self._connections -= 1
        self._divide()

    def _divide(self) -> None:
        share = min(max(INPUT_TOGETHER // max(self._connections, 1), LEAST_INPUT), HIGH_WATER)
        if share != self.share:
            self.share, self.window, self.is_ample = share, self._buffer[:share], share == HIGH_WATER


class SocketStream(asyncio.BufferedProtocol):
    """One TCP or Unix connection.

    Args:
        space: for reading, shared by all connections of one event loop.
        made: called with the stream when the connection stands.
    """

    __slots__ = (
        "_closed",
        "_eof",
        "_fault",
        "_full",
        "_input",
        "_leaving",
        "_loop",
        "_made",
        "_paused",
        "_reader",
        "_space",
        "_transport",
        "_waiters",
    )

    _transport: asyncio.Transport  # asyncio sets it, by `connection_made`, before it calls anything else
    _loop: asyncio.AbstractEventLoop  # likewise; to ask for the running one is a system call each time

    def __init__(self, space: InputSpace, made: Callable[["SocketStream"], None] | None = None) -> None:
        self._space = space
        self._made = made
        self._input = b""
        self._reader: asyncio.Future[None] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self._fault: LinkError | None = None
        self._paused = False  # too much of what they sent waits here
        self._full = False  # too much of what we sent still waits here
        self._eof = False
        self._leaving = False  # we have said `close`
        self._closed = False

    @property
    def local(self) -> AnyEndpoint:
        """Our end."""
        return self._endpoint("sockname", "peername")

    @property
    def peer(self) -> AnyEndpoint:
        """Their end; for a Unix socket the path we are connected by."""
        return self._endpoint("peername", "sockname")

    @property
    def transport(self) -> asyncio.Transport:
        """What asyncio has given; another one after a handshake."""
        return self._transport

    @property
    def is_full(self) -> bool:
        """Does too much that was sent still wait here?"""
        return self._full and not self._closed and not self._leaving

    async def receive(self) -> bytes:
        """The next octets, at least one; `b""` at the end. See `heloise.world.Stream`."""
        while not self._input:
            if self._eof:
                return b""
            if self._fault is not None:
                # A new one each time: raising one object twice would pile up its traceback.
                raise LinkError(self._fault.fault, self._fault.detail)
            if self._closed or self._leaving:
                return b""  # who closes hears no more, also while the peer does not take our last words
            if self._paused:
                self._read_on()
            await self._wait_for_input()
        octets = self._input
        self._input = b""
        if self._paused and self._space.is_ample:
            self._read_on()  # while these are worked through; else not before
        return octets

    def put_back(self, octets: bytes) -> None:
        """What was received and is for somebody else: the next to be received."""
        self._input = octets + self._input

    def send(self, octets: bytes) -> None:
        """Give octets to the connection without waiting."""
        # asyncio logs a warning for each write after the end; to us it is no event, `receive` tells.
        if not self._transport.is_closing():
            self._transport.write(octets)

    async def drain(self) -> None:
        """Wait while too much that was sent still waits here. Raises `LinkError` when the connection was lost."""
        while self.is_full:
            await self._wait_for_change()
        if self._fault is not None:
            raise LinkError(self._fault.fault, self._fault.detail)

    async def start_tls(self, demand: TlsDemand, *, timeout: float, is_first: bool = False) -> Encryption:
        """Shake hands for TLS. See `heloise.world.Stream`."""
        try:
            transport = await self._shake_hands(demand, timeout, is_first)
        except BaseException as error:
            failure = _handshake_error(error, timeout)
            # During the handshake asyncio tells us nothing, not even that the connection is lost.
            self._transport.abort()
            self._input = b""
            self.connection_lost(None)
            if failure is None:
                raise
            self._fault = failure
            raise LinkError(failure.fault, failure.detail) from error
        self._transport, self._paused = transport, False
        transport.set_write_buffer_limits(high=HIGH_WATER)
        return encryption_of(transport.get_extra_info("ssl_object"), demand)

    @property
    def peer_certificate(self) -> bytes | None:
        """What the other side has shown. See `heloise.world.Stream`."""
        return certificate_of(self._transport.get_extra_info("ssl_object"))

    async def _shake_hands(self, demand: TlsDemand, timeout: float, is_first: bool) -> asyncio.Transport:
        if self._input and not is_first:
            raise LinkError(LinkFault.INJECTED)
        if self._eof or self._closed or self._transport.is_closing():
            raise LinkError(LinkFault.TLS, "the peer hung up")
        loop = asyncio.get_running_loop()
        is_client = isinstance(demand, ClientTls)
        handshake = loop.start_tls(
            self._transport,
            self,
            context_for(demand),
            server_side=not is_client,
            server_hostname=demand.server_name if isinstance(demand, ClientTls) else None,
            ssl_handshake_timeout=timeout,
            ssl_shutdown_timeout=TLS_FAREWELL,
        )
        if is_first:
            # Octets may be here, or come before the task runs. In its round reading pauses, and in the next one first
            # the protocol of TLS is told of the transport, then reading goes on, then those octets are handed over.
            task = loop.create_task(handshake)
            loop.call_soon(loop.call_soon, self._hand_over)
            transport = await task
        else:
            # Nothing is read from the look at the input to this wait, so no octet can come in between.
            transport = await handshake
        if transport is None:
            raise LinkError(LinkFault.TLS, "the peer hung up")
        return transport

    def _hand_over(self) -> None:
        octets, self._input = self._input, b""
        protocol = cast(asyncio.BufferedProtocol, self._transport.get_protocol())
        while octets:
            space = memoryview(protocol.get_buffer(len(octets)))
            count = min(len(space), len(octets))
            space[:count] = octets[:count]
            protocol.buffer_updated(count)
            octets = octets[count:]

    def close(self) -> None:
        """Send what was given, then close. Idempotent."""
        # A second close would make asyncio's TLS transport forget what it is about, so that abort did nothing.
        self._leaving = True
        if not self._transport.is_closing():
            self._transport.close()
        self._wake_reader()
        self._wake_waiters()

    def abort(self) -> None:
        """Close at once and throw away what was not sent. Idempotent."""
        if not self._closed and self._fault is None:
            self._fault = LinkError(LinkFault.LOCAL, "aborted here")
        self._transport.abort()

    def send_end(self) -> None:
        """Say that no more comes. See `heloise.world.Stream`."""
        if self._is_secured:
            self.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()

    def reset(self) -> None:
        """Close at once, by RST. See `heloise.world.Stream`."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.abort()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed on our side; never raises."""
        while not self._closed:
            await self._wait_for_change()

    # What follows is called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is ours; it has set TCP_NODELAY already."""
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._space.enter()
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        if self._made is not None:
            made, self._made = self._made, None
            made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._space.window

    def buffer_updated(self, nbytes: int) -> None:
        """`nbytes` octets have come."""
        octets = self._space.window[:nbytes].tobytes()
        if not self._input:
            self._input = octets
        else:
            # Quadratic, but only up to HIGH_WATER, and only while nobody reads.
            self._input += octets
        if len(self._input) >= self._space.share and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        """They closed their side; ours stays open, there may be a reply to give."""
        self._eof = True
        self._wake_reader()
        return not self._is_secured  # TLS has no half-closed connections that asyncio knew of

    def pause_writing(self) -> None:
        """Too much waits."""
        self._full = True

    def resume_writing(self) -> None:
        """No longer too much waits."""
        self._full = False
        self._wake_waiters()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, for whatever reason."""
        if exc is not None and self._fault is None:
            self._fault = link_error(exc) if isinstance(exc, OSError) else LinkError(LinkFault.LOCAL, str(exc))
            if not self._is_secured:
                self._take_last_words()
        if not self._closed:
            self._closed = True
            self._space.leave()
        self._wake_reader()
        self._wake_waiters()

    def _take_last_words(self) -> None:
        """Read what they said before the connection broke.

        A server that refuses in the middle of a pipelined group replies and closes; our next write then fails, and
        asyncio would throw away the reply that says why.
        """
        connection = self._transport.get_extra_info("socket")
        descriptor = -1 if connection is None else connection.fileno()
        try:
            while not self._eof and descriptor >= 0 and len(self._input) < HIGH_WATER:
                octets = os.read(descriptor, RECEIVE_BUFFER)
                if not octets:
                    return
                self._input += octets
        except OSError:
            return

    @property
    def _is_secured(self) -> bool:
        return self._transport.get_extra_info("sslcontext") is not None

    def _read_on(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _wait_for_input(self) -> asyncio.Future[None]:
        if self._reader is not None and not self._reader.done():
            raise RuntimeError("two tasks receive from one stream")
        self._reader = self._loop.create_future()
        return self._reader

    def _wait_for_change(self) -> asyncio.Future[None]:
        waiter = self._loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        return waiter

    def _wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    def _wake_waiters(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _endpoint(self, name: str, other: str) -> AnyEndpoint:
        # Not kept: it is asked for once or twice, and ten thousand idle connections would each hold it.
        address = self._transport.get_extra_info(name)
        if isinstance(address, tuple):
            host = address[0]
            if host.startswith("::ffff:") and "." in host:  # by a socket for both, which we never make but may be given
                host = host[7:]
            return Endpoint(host, address[1])
        if isinstance(address, str):
            return UnixEndpoint(address or self._transport.get_extra_info(other))
        return _UNKNOWN  # the peer was gone before anybody could ask


def _handshake_error(error: BaseException, timeout: float) -> LinkError | None:
    """What a failed handshake is in our words; None when that is no matter of the link."""
    match error:
        case LinkError():
            return error
        case TlsFileError():
            return LinkError(LinkFault.LOCAL, str(error))
        case TimeoutError():
            return LinkError(LinkFault.TIMED_OUT, f"no TLS handshake within {timeout:g} seconds")
        case ssl.SSLError():
            return tls_error(error)
        case OSError():
            # asyncio says by one and the same class that the peer hung up and that time is over.
            silent = "is taking longer than" in str(error)
            detail = f"no TLS handshake within {timeout:g} seconds"
            return LinkError(LinkFault.TIMED_OUT, detail) if silent else tls_error(error)
        case _:
            return None
