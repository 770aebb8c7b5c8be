"""Function calls for each message, accepted or relayed, in one process: the whole server, but for what is outside.

A real `MailServer` with its store, fed with octets by a stream that always has the next ones, and a next hop that
answers each command at once; blocking work is done where it is asked for. So nothing waits, nothing depends on chance,
and two runs make the same calls. Counted are the calls of functions of heloise, and those of functions in C that
heloise calls; not what asyncio does for itself, nor what the simulated world does in place of the real one.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec, TypeVar

import heloise
from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer, StoreOptions
from heloise.config.load import parse_configuration
from heloise.mail.encryption import Encryption
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import AnyEndpoint, Endpoint, Listening, Network, Stream

P = ParamSpec("P")
T = TypeVar("T")

_CONFIGURATION = """\
hostname = "mx.test"
state = "/var/lib/heloise"
processes = 1
[[listener]]
address = "127.0.0.1:25"
[[route]]
domains = ["away.test"]
to = "smtp:127.0.0.1:9"
on_request = {on_request}
"""
_CONTENT = b"From: a@client.test\r\nTo: user@away.test\r\nSubject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 12 + b".\r\n"
_COMMANDS = (b"MAIL FROM:<sender@client.test>\r\n", b"RCPT TO:<user@away.test>\r\n", b"DATA\r\n")
_FEW, _MANY = 20, 60
_SOURCE = str(Path(heloise.__file__).parent)
_TESTING = f"{_SOURCE}/testing"

# For one message: what comes in at a time.
WAYS: dict[str, tuple[bytes, ...]] = {
    "unpipelined": (*_COMMANDS, _CONTENT),
    "pipelined": (b"".join(_COMMANDS), _CONTENT),
}


def count_calls() -> dict[str, float]:
    """Calls per message, for each of `WAYS`; `relayed` from the first octet that comes to the settlement."""
    _calls(WAYS["pipelined"], 1, relayed=True)  # what is worked out once in a process and then known
    accepted = {f"calls, {name}": _per_message(parts) for name, parts in WAYS.items()}
    return {**accepted, "calls, relayed": _per_message(WAYS["pipelined"], relayed=True)}


def _per_message(parts: tuple[bytes, ...], *, relayed: bool = False) -> float:
    # What a session and a server cost in themselves is in both; what is remembered, such as addresses, is known before.
    _calls(parts, 1, relayed=relayed)
    return (_calls(parts, _MANY, relayed=relayed) - _calls(parts, _FEW, relayed=relayed)) / (_MANY - _FEW)


def _calls(parts: tuple[bytes, ...], messages: int, *, relayed: bool) -> int:
    counter = _Counter()

    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.test", "127.0.0.1")
        network = _Listening(host.world.network)
        outside = replace(host.world, blocking=_AtOnce(), network=network)
        text = _CONFIGURATION.format(on_request=str(not relayed).lower())
        configuration = parse_configuration(text, file="heloise.toml", directory="/var/lib/heloise")
        store = StoreOptions(vfs=host.sqlite_vfs(), exclusive=True)
        server = MailServer(configuration, outside, Journal(lambda level, event, fields: None), store=store)
        await server.start()
        try:
            stream = _Fed([b"EHLO client.test\r\n", *parts * messages, b"QUIT\r\n"])
            with counter:
                await network.serve(stream)
                if relayed:
                    await _until_settled(server)
            taken = sum(reply.startswith(b"250 2.0.0 ") for reply in stream.heard)
            kept = network.arrived if relayed else (await server.queue.counts()).messages
            assert taken == kept == messages, f"{messages} were sent, {taken} acknowledged, {kept} kept or passed on"
        finally:
            await server.stop()

    run_simulated(scenario, seed=1)
    return counter.calls


async def _until_settled(server: MailServer) -> None:
    for _ in range(1000):
        if not (await server.queue.counts()).messages:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("what was accepted was not passed on")


class _Counter:
    """Counts calls during its block."""

    def __init__(self) -> None:
        self.calls = 0

    def __enter__(self) -> None:
        sys.setprofile(self._note)

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            name = frame.f_code.co_filename
            if name.startswith(_SOURCE) and not name.startswith(_TESTING):
                self.calls += 1


class _AtOnce:
    """Blocking work without threads and without waiting."""

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    def lane(self, name: str) -> "_AtOnce":
        return self

    async def close(self) -> None:
        """Nothing is under way."""


class _Listening:
    """A network that nobody comes from: what would serve a connection is called by hand. Who is connected to is a
    `_NextHop`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._next_hops: list[_NextHop] = []
        self.serve: Callable[[Stream], Awaitable[None]]

    async def listen(self, endpoint: AnyEndpoint, serve: Callable[[Stream], Awaitable[None]]) -> Listening:
        if isinstance(endpoint, Endpoint):
            self.serve = serve
        return await self._network.listen(endpoint, serve)

    async def connect(self, endpoint: AnyEndpoint, *, timeout: float, local_address: str | None = None) -> Stream:
        self._next_hops.append(_NextHop())
        return self._next_hops[-1]

    @property
    def arrived(self) -> int:
        """How many messages the next hops have taken."""
        return sum(hop.arrived for hop in self._next_hops)

    def load_tls(self, demand: Any) -> None:
        self._network.load_tls(demand)


class _Fed:
    """A stream that always has the next octets, and takes whatever is said."""

    def __init__(self, parts: Iterable[bytes] = ()) -> None:
        self._parts = iter(parts)
        self.heard: list[bytes] = []
        self.local: AnyEndpoint = Endpoint("127.0.0.1", 25)
        self.peer: AnyEndpoint = Endpoint("127.0.0.1", 30000)
        self.peer_certificate = None
        self.is_full = False

    async def receive(self) -> bytes:
        return next(self._parts, b"")

    def put_back(self, octets: bytes) -> None:
        raise NotImplementedError

    def send(self, octets: bytes) -> None:
        self.heard.append(octets)

    async def drain(self) -> None:
        """It never holds up."""

    async def start_tls(self, demand: Any, *, timeout: float, is_first: bool = False) -> Encryption:
        raise NotImplementedError

    def send_end(self) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""

    def abort(self) -> None:
        """Nothing is held."""

    async def wait_closed(self) -> None:
        await asyncio.sleep(0)


class _NextHop(_Fed):
    """The other end of a connection to a mail server that takes everything and pipelines."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = 0
        self._answers = [b"220 sink.test ESMTP\r\n"]
        self._in_text = False

    async def receive(self) -> bytes:
        await asyncio.sleep(0)  # what was said goes out, and what is answered comes in, in another step of the loop
        answers, self._answers = self._answers, []
        assert answers, "somebody waits for a next hop that has nothing to say"
        return b"".join(answers)

    def send(self, octets: bytes) -> None:
        for line in octets.splitlines():
            if self._in_text:
                if line == b".":
                    self._in_text = False
                    self.arrived += 1
                    self._answers.append(b"250 2.0.0 Taken\r\n")
            else:
                self._in_text = line == b"DATA"
                self._answers.append(_ANSWERS.get(line[:4], b"250 2.1.0 Go on\r\n"))


_ANSWERS = {b"EHLO": b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n", b"DATA": b"354 Go on\r\n"}
