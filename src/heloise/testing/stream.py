"""A simulated connection: two streams and the wire between them.

Theory of operation. What one side sends is put on the wire as one parcel and arrives after a delay; parcels never
overtake each other. On arrival it is cut into pieces, and `receive` hands out one piece at a time. What was sent and
not yet received counts against `WINDOW`, above which `drain` waits. A fault sits on the wire and strikes in `carry`;
the streams themselves know only what TCP would tell them. As in TCP, closing with unread octets, and octets that
arrive after the close, answer with a reset; as on Linux, what arrived before a reset can still be read.

A TLS handshake is a line from each side, that of the server with the names its certificates are for; what is sent after
it looks as before. A client that verifies believes those names.
"""

import asyncio
import random
import zlib
from collections import deque
from enum import Enum
from typing import Final, TypeAlias

from heloise.mail.encryption import Encryption
from heloise.testing.faults import ConnectionFault, Side, Trouble
from heloise.testing.trace import Trace
from heloise.world.errors import LinkError, LinkFault
from heloise.world.network import AnyEndpoint
from heloise.world.tls import ClientTls, ServerTls, TlsDemand

WINDOW: Final = 64 * 1024
FINE_CUTS: Final = 4096  # so many octets of a connection are cut finely, what follows coarsely, for the sake of speed
_HELLO: Final = b"\x16simulated TLS "  # 0x16 begins a real handshake as well


class _End(Enum):
    """A parcel without octets."""

    CLOSED = "closed"
    RESET = "reset"


_Parcel: TypeAlias = bytes | _End


class Wire:
    """What lies between the two streams of one connection.

    Args:
        number: of the connection, from 1.
        latency: seconds one way.
        cut: whether octets arrive in pieces of their own.
    """

    def __init__(
        self,
        *,
        number: int,
        latency: float,
        cut: bool,
        fault: ConnectionFault | None,
        generator: random.Random,
        trace: Trace,
    ) -> None:
        self.number = number
        self.generator = generator
        self._latency = latency
        self._cut = cut
        self._fault = fault
        self._trace = trace
        self._octets = {Side.CLIENT: 0, Side.SERVER: 0}
        self._sends = {Side.CLIENT: 0, Side.SERVER: 0}
        self._dead = False

    def carry(self, sender: "SimulatedStream", octets: bytes) -> None:
        """Take octets from `sender` to the other side, unless the fault of this connection strikes."""
        # The checksum and not the octets: the trace keeps what it is given.
        self.record("send", sender.side.value, len(octets), zlib.crc32(octets))
        fault = self._fault
        if fault is None or fault.sender is not sender.side or self._dead or fault.trouble is Trouble.HANDSHAKE:
            self.post(sender.other, octets)
            return
        passed = self._octets[sender.side]
        self._octets[sender.side] += len(octets)
        self._sends[sender.side] += 1
        if fault.trouble is Trouble.LOSE_REPLY:
            room = len(octets) if self._sends[sender.side] <= fault.after else 0
            strikes = room == 0
        else:
            room = fault.after - passed
            strikes = len(octets) >= room
        if octets[:room]:
            self.post(sender.other, octets[:room])
        if strikes:
            self._strike(fault, sender)

    def post(self, target: "SimulatedStream", parcel: _Parcel) -> None:
        """Put a parcel on the way to `target`."""
        if isinstance(parcel, bytes):
            target.expect(len(parcel))
        if self._dead:
            return
        target.parcels.append(parcel)
        delay = self._latency * self.generator.uniform(1.0, 1.5)
        # Each timer takes the oldest parcel, so parcels keep their order though timers need not.
        asyncio.get_running_loop().call_later(delay, target.arrive)

    def cut(self, octets: bytes, seen: int) -> list[bytes]:
        """`octets` in the pieces in which they arrive; `seen` came before them."""
        if not self._cut or len(octets) < 2:
            return [octets]
        pieces, at = [], 0
        while at < len(octets):
            fine = seen + at < FINE_CUTS
            size = self.generator.choice((1, 1, 2, 3, 7, 80, 512) if fine else (1448, 4096, 16384))
            pieces.append(octets[at : at + size])
            at += size
        return pieces

    @property
    def spoils_handshakes(self) -> bool:
        """Is it the fault of this connection that TLS can not be agreed upon?"""
        return self._fault is not None and self._fault.trouble is Trouble.HANDSHAKE

    def kill(self) -> None:
        """Let nothing come through any more."""
        self._dead = True

    def record(self, what: str, *details: str | int) -> None:
        """Note in the trace what happened to this connection."""
        self._trace.record(what, self.number, *details)

    def _strike(self, fault: ConnectionFault, sender: "SimulatedStream") -> None:
        self._fault = None
        self.record("fault", fault.trouble.name)
        match fault.trouble:
            case Trouble.RESET | Trouble.LOSE_REPLY:
                self.post(sender.other, _End.RESET)
                self.post(sender, _End.RESET)
            case Trouble.HALF_CLOSE:
                self.post(sender.other, _End.CLOSED)
                sender.lose_voice()
            case _:
                self.kill()


class SimulatedStream:
    """One side of a simulated connection; a `heloise.world.Stream` with `send_end` besides."""

    def __init__(self, wire: Wire, side: Side, local: AnyEndpoint, peer: AnyEndpoint) -> None:
        self.side = side
        self.parcels: deque[_Parcel] = deque()
        self.other = self  # until `join`
        self._wire = wire
        self._local = local
        self._peer = peer
        self._pieces: deque[bytes] = deque()
        self._seen = 0
        self._pending = 0  # octets on their way to us or not yet received
        self._mute = False  # we have said that we send no more, or nobody hears it
        self._end = False
        self._closed = False
        self._fault: LinkError | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def join(self, other: "SimulatedStream") -> None:
        """Make the two the ends of one connection."""
        self.other, other.other = other, self

    @property
    def local(self) -> AnyEndpoint:
        """Our end."""
        return self._local

    @property
    def peer(self) -> AnyEndpoint:
        """Their end."""
        return self._peer

    @property
    def gone(self) -> bool:
        """Closed here, or broken."""
        return self._closed or self._fault is not None

    async def receive(self) -> bytes:
        """The next octets; `b""` at the end."""
        if self._wire.generator.random() < 0.1:
            await asyncio.sleep(0)  # before anything is taken, so that nothing is lost when we are cancelled here
        while not self._pieces:
            if self._end or self._closed:
                return b""
            self._raise_fault()
            await self._change()
        piece = self._pieces.popleft()
        self._pending -= len(piece)
        self.other.wake()
        return piece

    def put_back(self, octets: bytes) -> None:
        """What was received and is for somebody else."""
        if octets:
            self._pieces.appendleft(octets)
            self._pending += len(octets)

    def send(self, octets: bytes) -> None:
        """Give octets to the wire."""
        if octets and not (self._mute or self.gone):
            self._wire.carry(self, bytes(octets))

    @property
    def is_full(self) -> bool:
        """Are more than `WINDOW` octets not received at the other side, and is there anything to be sent yet?"""
        return not self._closed and self._is_held_up()

    async def drain(self) -> None:
        """Wait while more than `WINDOW` octets are not received at the other side."""
        while self.is_full:
            await self._change()
        self._raise_fault()

    async def start_tls(self, demand: TlsDemand, *, timeout: float, is_first: bool = False) -> Encryption:
        """Say our line of the handshake and hear theirs."""
        try:
            async with asyncio.timeout(timeout):
                await self._shake_hands(demand, is_first)
        except TimeoutError:
            self.abort()
            raise LinkError(LinkFault.TIMED_OUT, f"no TLS handshake within {timeout:g} seconds") from None
        except LinkError:
            self.abort()
            raise
        return Encryption("TLSv1.3", "SIMULATED", isinstance(demand, ClientTls) and demand.verify)

    @property
    def peer_certificate(self) -> bytes | None:
        """None: a simulated handshake shows names only."""
        return None

    async def _shake_hands(self, demand: TlsDemand, is_first: bool) -> None:
        if self._pieces and not is_first:
            raise LinkError(LinkFault.INJECTED)
        if self._wire.spoils_handshakes:
            raise LinkError(LinkFault.TLS, "handshake failure")
        if isinstance(demand, ServerTls):
            await self._hear_hello()
            names = [name for files in demand.certificates for name in files.names]
            self.send(_HELLO + " ".join(names).encode() + b"\n")
            return
        self.send(_HELLO + demand.server_name.encode() + b"\n")
        heard = await self._hear_hello()
        if demand.verify and demand.server_name not in heard:
            raise LinkError(LinkFault.UNVERIFIED, f"the certificate is not for {demand.server_name}")

    async def _hear_hello(self) -> list[str]:
        """The names in the other side's line of the handshake."""
        line = b""
        while not line.endswith(b"\n"):
            octets = await self.receive()
            line += octets
            if not octets or not line.startswith(_HELLO[: len(line)]):
                raise LinkError(LinkFault.TLS, "the peer hung up" if not octets else "wrong version number")
            line, newline, rest = line.partition(b"\n")
            line += newline
            if rest:  # said behind the handshake already, as TLS allows
                self._pieces.appendleft(rest)
                self._pending += len(rest)
        return line[len(_HELLO) :].decode().split()

    def send_end(self) -> None:
        """Say that we send no more; receiving goes on."""
        if not (self._mute or self.gone):
            self._mute = True
            self._wire.record("end", self.side.value)
            self._wire.post(self.other, _End.CLOSED)

    def close(self) -> None:
        """Close; what was sent still arrives. With unread octets the peer sees a reset after it."""
        if self.gone:
            return
        self._closed = True
        self._wire.record("close", self.side.value)
        if self._pieces:
            self._wire.post(self.other, _End.RESET)
        elif not self._mute:
            self._wire.post(self.other, _End.CLOSED)
        self._give_up_input()
        self.wake()

    def reset(self) -> None:
        """Close at once; the peer sees a reset."""
        if not self.gone:
            self._wire.post(self.other, _End.RESET)
        self.abort()

    def abort(self) -> None:
        """Close at once; the peer sees the end or a reset, whichever comes."""
        if self._fault is not None or (self._closed and not self._is_held_up()):
            return
        self._wire.record("abort", self.side.value)
        self._fault = LinkError(LinkFault.LOCAL, "aborted here")
        self._wire.post(self.other, self._wire.generator.choice((_End.CLOSED, _End.RESET)))
        self._give_up_input()

    async def wait_closed(self) -> None:
        """Wait until what we sent before closing is on its way."""
        while not self._fault and (not self._closed or self._is_held_up()):
            await self._change()

    # What follows is for the wire.

    def expect(self, count: int) -> None:
        """So many octets are on their way to us."""
        self._pending += count

    def lose_voice(self) -> None:
        """Nothing we send is heard any more, and we do not know."""
        self._mute = True

    def arrive(self) -> None:
        """The oldest parcel is here."""
        if not self.parcels:
            return
        parcel = self.parcels.popleft()
        if parcel is _End.RESET:
            self.break_off(LinkFault.RESET)
        elif parcel is _End.CLOSED:
            self._end = True
            self.wake()
        elif self.gone:
            self._give_up_input()
            self._wire.post(self.other, _End.RESET)  # as TCP answers octets that nobody will read
        else:
            self._take(parcel)

    def break_off(self, fault: LinkFault) -> None:
        """The connection is no more."""
        if self._fault is None:
            self._wire.record("broken", self.side.value)
            self._fault = LinkError(fault)
        self.wake()

    def kill(self) -> None:
        """Our host lost its power: we break, and the peer hears nothing."""
        self._wire.kill()
        self.break_off(LinkFault.LOCAL)

    def wake(self) -> None:
        """Something changed; let all who wait look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _take(self, octets: bytes) -> None:
        self._pieces.extend(self._wire.cut(octets, self._seen))
        self._seen += len(octets)
        self.wake()

    def _is_held_up(self) -> bool:
        return self._fault is None and self.other._pending > WINDOW

    def _give_up_input(self) -> None:
        """We read no more: whoever waits to send to us waits in vain no longer."""
        self._pending = 0
        self.wake()
        self.other.wake()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise LinkError(self._fault.fault, self._fault.detail)

    def _change(self) -> "asyncio.Future[None]":
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter
