"""The simulated internet: hosts by name and address, what listens on them, and the connections between them.

`Internet` is shared by all hosts of a world; `SimulatedNetwork` is the door of one host. An address nobody has is
unreachable, a port nobody listens on refuses, a host without power is silent.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Iterable
from contextvars import copy_context
from typing import Final, NoReturn, TypeAlias

from heloise.testing.faults import AT_CONNECT, ConnectionFault, FaultPlan, Side, Trouble
from heloise.testing.stream import SimulatedStream, Wire
from heloise.testing.trace import Trace
from heloise.world.errors import LinkError, LinkFault
from heloise.world.network import AnyEndpoint, Endpoint, Stream, UnixEndpoint
from heloise.world.tls import ServerTls

Serve: TypeAlias = Callable[[Stream], Awaitable[None]]

FIRST_FREE_PORT: Final = 40_000
_ANY: Final = frozenset({"0.0.0.0", "::"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Internet:
    """All hosts and connections of a simulated world."""

    def __init__(self, *, seed: int, plan: FaultPlan, trace: Trace) -> None:
        self.trace = trace
        self._seed = seed
        self._plan = plan
        self._networks: dict[str, SimulatedNetwork] = {}
        self._connections = itertools.count(1)
        self._ports = itertools.count(FIRST_FREE_PORT)

    def attach(self, name: str, addresses: Iterable[str]) -> "SimulatedNetwork":
        """The door of a new host, reached by `name` and by each of `addresses`."""
        network = SimulatedNetwork(self, name, tuple(addresses))
        for key in (name, *network.addresses):
            if key in self._networks:
                raise ValueError(f"{key} is taken by the host {self._networks[key].name}")
            self._networks[key] = network
        return network

    def change_plan(self, plan: FaultPlan) -> None:
        """Let other faults strike from the next connection on."""
        self._plan = plan

    def find(self, host: str) -> "SimulatedNetwork | None":
        """The host that has this name or address."""
        return self._networks.get(host)

    def free_port(self) -> int:
        """A port that was never used in this world."""
        return next(self._ports)

    def new_wire(self, client: AnyEndpoint, server: AnyEndpoint) -> tuple[Wire, float, ConnectionFault | None]:
        """The wire for the next connection, its latency, and the fault it meets at connect if any."""
        number = next(self._connections)
        generator = random.Random(f"{self._seed}/connection/{number}")
        local = isinstance(server, UnixEndpoint)
        fault = None if local else self._plan.for_connection(number, generator)
        latency = 0.0 if local else generator.uniform(*self._plan.rates.latency)
        at_connect = fault if fault is not None and fault.trouble in AT_CONNECT else None
        self.trace.record("connect", number, str(client), str(server), at_connect.trouble.name if at_connect else "")
        wire = Wire(
            number=number,
            latency=latency,
            cut=generator.random() < self._plan.rates.cuts,
            fault=None if at_connect else fault,
            generator=generator,
            trace=self.trace,
        )
        return wire, latency, at_connect


class SimulatedListening:
    """A place where a host listens."""

    def __init__(self, network: "SimulatedNetwork", endpoint: AnyEndpoint, serve: Serve) -> None:
        self._network = network
        self._endpoint = endpoint
        self._serve = serve
        self._context = copy_context()  # who serves belongs to the program that listens, not to the one that connects

    @property
    def local(self) -> AnyEndpoint:
        """Where it listens."""
        return self._endpoint

    def use(self, serve: Serve) -> None:
        """Serve connections from now on by `serve`."""
        self._serve = serve

    async def close(self) -> None:
        """Stop accepting."""
        self._network.forget(self)

    def accept(self, stream: SimulatedStream) -> None:
        """Serve a connection in a task of its own."""
        loop = asyncio.get_running_loop()
        self._network.adopt(stream, loop.create_task(self._run(stream), context=self._context.copy()))

    async def _run(self, stream: SimulatedStream) -> None:
        try:
            await self._serve(stream)
        finally:
            stream.close()


class SimulatedNetwork:
    """The network as one host sees it."""

    def __init__(self, internet: Internet, name: str, addresses: tuple[str, ...]) -> None:
        self.name = name
        self.addresses = addresses
        self._internet = internet
        self._listening: dict[AnyEndpoint, SimulatedListening] = {}
        # Dicts and not sets: a set's order follows addresses in memory, and a run must be repeatable.
        self._streams: dict[SimulatedStream, None] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._tidy_at = 64
        self._up = True

    async def connect(self, endpoint: AnyEndpoint, *, timeout: float, local_address: str | None = None) -> Stream:
        """Connect as the door says. The client's stream is a `SimulatedStream`."""
        client = self._client_endpoint(endpoint, local_address)
        wire, latency, fault = self._internet.new_wire(client, endpoint)
        if fault is not None:
            await self._fail(fault.trouble, latency, timeout, endpoint)
        if 2 * latency > timeout:
            await self._fail(Trouble.TIME_OUT, latency, timeout, endpoint)
        await asyncio.sleep(latency)
        host = self._route(endpoint)
        if not (host._up and self._up):
            await self._fail(Trouble.TIME_OUT, latency, timeout - latency, endpoint)
        listening = host._listening_at(endpoint)
        if listening is None:
            await self._fail(Trouble.REFUSE, latency / 2, timeout, endpoint)
        near, far = _join(wire, client, host._numeric(endpoint))
        self._remember(near)
        listening.accept(far)
        try:
            await asyncio.sleep(latency)
        except asyncio.CancelledError:
            near.abort()
            raise
        return near

    async def listen(self, endpoint: AnyEndpoint, serve: Serve) -> SimulatedListening:
        """Listen as the door says, on an address of this host or on all ("0.0.0.0", "::", or its name)."""
        if isinstance(endpoint, Endpoint):
            if endpoint.host not in {self.name, *self.addresses, *_LOOPBACK, *_ANY}:
                raise LinkError(LinkFault.LOCAL, f"{self.name} does not have the address {endpoint.host}")
            endpoint = Endpoint(endpoint.host, endpoint.port or self._internet.free_port())
        if endpoint in self._listening:
            raise LinkError(LinkFault.LOCAL, f"can not listen on {endpoint}: another server listens there")
        listening = SimulatedListening(self, endpoint, serve)
        self._listening[endpoint] = listening
        return listening

    def load_tls(self, demand: ServerTls) -> None:
        """There are no files."""

    def adopt(self, stream: SimulatedStream, task: "asyncio.Task[None]") -> None:
        """Remember a connection that was accepted, and the task that serves it."""
        self._remember(stream)
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def forget(self, listening: SimulatedListening) -> None:
        """Accept no more there."""
        if self._listening.get(listening.local) is listening:
            del self._listening[listening.local]

    def power_cut(self) -> None:
        """All connections die without a word, nothing listens, and the host is silent until `power_on`."""
        self._internet.trace.record("power cut", self.name)
        self._up = False
        self._stop(SimulatedStream.kill)

    def power_on(self) -> None:
        """The host can be reached again; nothing listens yet."""
        self._up = True

    def kill(self) -> None:
        """The process dies and the kernel lives: peers see their connections end, ports refuse."""
        self._internet.trace.record("kill", self.name)
        self._stop(SimulatedStream.abort)

    def _stop(self, end: Callable[[SimulatedStream], None]) -> None:
        self._listening.clear()
        streams, self._streams = self._streams, {}
        for stream in streams:
            end(stream)
        for task in self._tasks:
            task.cancel()

    def _remember(self, stream: SimulatedStream) -> None:
        self._streams[stream] = None
        if len(self._streams) >= self._tidy_at:
            self._streams = {stream: None for stream in self._streams if not stream.gone}
            self._tidy_at = 64 + 2 * len(self._streams)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            message = f"serving a connection to {self.name} failed"
            task.get_loop().call_exception_handler({"message": message, "exception": error, "task": task})

    def _client_endpoint(self, endpoint: AnyEndpoint, local_address: str | None) -> AnyEndpoint:
        if isinstance(endpoint, UnixEndpoint):
            return endpoint
        if local_address is not None and local_address not in (*self.addresses, *_LOOPBACK):
            raise LinkError(LinkFault.LOCAL, f"{self.name} does not have the address {local_address}")
        default = endpoint.host if endpoint.host in _LOOPBACK else self.addresses[0]
        return Endpoint(local_address or default, self._internet.free_port())

    def _route(self, endpoint: AnyEndpoint) -> "SimulatedNetwork":
        if isinstance(endpoint, UnixEndpoint) or endpoint.host in _LOOPBACK | _ANY:
            return self
        host = self._internet.find(endpoint.host)
        if host is None:
            raise LinkError(LinkFault.UNREACHABLE, f"nobody has the address {endpoint}")
        return host

    def _numeric(self, endpoint: AnyEndpoint) -> AnyEndpoint:
        if isinstance(endpoint, Endpoint) and endpoint.host == self.name:
            return Endpoint(self.addresses[0], endpoint.port)
        return endpoint

    def _listening_at(self, endpoint: AnyEndpoint) -> SimulatedListening | None:
        if isinstance(endpoint, UnixEndpoint):
            return self._listening.get(endpoint)
        places = {endpoint.host, *_ANY}
        if endpoint.host == self.name:
            places.update(self.addresses)
        elif endpoint.host not in _LOOPBACK:
            places.add(self.name)
        found = (self._listening.get(Endpoint(place, endpoint.port)) for place in sorted(places))
        return next((listening for listening in found if listening is not None), None)

    async def _fail(self, trouble: Trouble, latency: float, timeout: float, endpoint: AnyEndpoint) -> NoReturn:
        match trouble:
            case Trouble.REFUSE:
                await asyncio.sleep(2 * latency)
                raise LinkError(LinkFault.REFUSED, str(endpoint))
            case Trouble.UNREACHABLE:
                await asyncio.sleep(2 * latency)
                raise LinkError(LinkFault.UNREACHABLE, str(endpoint))
            case _:
                await asyncio.sleep(timeout)
                raise LinkError(LinkFault.TIMED_OUT, f"no connection to {endpoint}")


def _join(wire: Wire, client: AnyEndpoint, server: AnyEndpoint) -> tuple[SimulatedStream, SimulatedStream]:
    near = SimulatedStream(wire, Side.CLIENT, client, server)
    far = SimulatedStream(wire, Side.SERVER, server, client)
    near.join(far)
    return near, far
