"""The door to connections: dial one, listen for some, and a `Stream` of octets each.

A stream owns its input buffer, so that what came in before a TLS handshake can be refused (RFC 3207 §4.2) and a
test can cut the octets wherever it likes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from heloise.mail.encryption import Encryption
from heloise.world.tls import ServerTls, TlsDemand


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address (text, IPv6 without brackets) or host name, and a TCP port. Port 0 listens on a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A Unix domain socket, for LMTP and the control socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


AnyEndpoint: TypeAlias = Endpoint | UnixEndpoint


class Stream(Protocol):
    """One connection. Not safe for two readers at once; sending while another task receives is fine."""

    @property
    def local(self) -> AnyEndpoint:
        """Our end."""
        ...

    @property
    def peer(self) -> AnyEndpoint:
        """Their end; for a Unix socket the path we are connected by."""
        ...

    @property
    def is_full(self) -> bool:
        """Does too much that was sent still wait here? Then `drain` before more is sent."""
        ...

    async def receive(self) -> bytes:
        """The next octets, at least one; `b""` when the peer has closed its side (and from then on).

        Raises:
            LinkError: the connection was lost (RESET) or closed by `abort`.
        """
        ...

    def put_back(self, octets: bytes) -> None:
        """What was received and is for somebody else: it is received next, or is the beginning of a first handshake."""
        ...

    def send(self, octets: bytes) -> None:
        """Give octets to the connection without waiting. Ignored when the connection is gone: `receive` tells."""
        ...

    async def drain(self) -> None:
        """Wait while too much that was sent still waits here. Raises `LinkError` when the connection was lost."""
        ...

    async def start_tls(self, demand: TlsDemand, *, timeout: float, is_first: bool = False) -> Encryption:
        """Shake hands for TLS on this connection within `timeout` seconds; what is sent and received after it is
        protected. Nobody receives meanwhile. `is_first`: nothing was said before, so what was received already is the
        beginning of the handshake (RFC 8314 §3).

        Raises:
            LinkError: TLS (no agreement, or the peer hung up), UNVERIFIED, TIMED_OUT; INJECTED when octets were
                received before and not taken: they may be an attacker's (RFC 3207 §6). The connection is then gone.
        """
        ...

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate (DER) that the other side has shown; None without TLS, or when it has shown none."""
        ...

    def send_end(self) -> None:
        """Send what was given, then say that no more comes; receiving goes on. Nothing may be sent after it. Under TLS,
        which has no half-closed connections here, it closes."""
        ...

    def reset(self) -> None:
        """Close at once, so that the other side sees the connection reset (RST) and not its end."""
        ...

    def close(self) -> None:
        """Send what was given, then close. Idempotent."""
        ...

    def abort(self) -> None:
        """Close at once and throw away what was not sent. Idempotent."""
        ...

    async def wait_closed(self) -> None:
        """Wait until the connection is closed on our side; never raises."""
        ...


class Listening(Protocol):
    """An open listening socket."""

    @property
    def local(self) -> AnyEndpoint:
        """Where it listens, with the port that was really given."""
        ...

    def use(self, serve: Callable[[Stream], Awaitable[None]]) -> None:
        """Connections that are accepted from now on are served by `serve`."""
        ...

    async def close(self) -> None:
        """Stop accepting. Connections already accepted live on."""
        ...


class Network(Protocol):
    """Makes and accepts connections."""

    async def connect(self, endpoint: AnyEndpoint, *, timeout: float, local_address: str | None = None) -> Stream:
        """Connect within `timeout` seconds.

        Raises:
            LinkError: REFUSED, UNREACHABLE, TIMED_OUT or LOCAL (no free descriptor or port here).
        """
        ...

    async def listen(self, endpoint: AnyEndpoint, serve: Callable[[Stream], Awaitable[None]]) -> Listening:
        """Accept connections and run `serve(stream)` for each in a task of its own; the stream is closed after it.

        Raises:
            LinkError: LOCAL, the address can not be bound; the detail says why.
        """
        ...

    def load_tls(self, demand: ServerTls) -> None:
        """Read the files of `demand`, so that `start_tls` need not. Blocks.

        Raises:
            TlsFileError: one can not be used.
        """
        ...
