"""Several processes as one mail server: the one that was started watches over the others and does no mail itself.

It finds out where to listen and keeps these addresses, starts a process for each part, starts it again when it dies,
and passes a stop on. The processes take connections on the same addresses (SO_REUSEPORT: the kernel deals them out).
When the one above them dies, however it dies, they end at once, as in a crash: a pipe tells them.
"""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heloise.app.control import serve_control
from heloise.app.crew_control import CrewDesk
from heloise.app.journal import Journal
from heloise.app.part import Part
from heloise.config.schema import Configuration
from heloise.world import AnyEndpoint, Endpoint, LinkError, LinkFault, Listening, Network

STOP_TIME = 60.0  # seconds until a process that does not stop is killed; it gives its sessions and attempts 30 each
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before a process that died is started again


class CrewError(Exception):
    """A process did not start; it has said why on standard error."""


@dataclass(slots=True)
class _Member:
    """One process, now and after it has been started again."""

    part: Part
    process: asyncio.subprocess.Process | None = None
    watch: "asyncio.Task[None] | None" = None


class Crew:
    """The processes of the server that `path` configures. `start` and `stop` are each called once."""

    def __init__(self, configuration: Configuration, path: str, network: Network, journal: Journal) -> None:
        self._configuration = configuration
        self._path = path
        self._network = network
        self._journal = journal
        self._members = [
            _Member(Part(index, configuration.process_count)) for index in range(configuration.process_count)
        ]
        self._reserved: list[socket.socket] = []
        self._endpoints: tuple[AnyEndpoint, ...] = ()
        self._control: Listening | None = None
        self._stopping = False

    @property
    def endpoints(self) -> Sequence[AnyEndpoint]:
        """Where it listens, in the order of the configuration, with the ports that were really given."""
        return self._endpoints

    async def start(self) -> None:
        """Start all processes, and listen for operators.

        Raises:
            CrewError: one of them could not be started; none is left.
            LinkError: an address can not be listened on.
        """
        try:
            self._endpoints = tuple(self._reserve(each.address) for each in self._configuration.listeners)
            await asyncio.gather(*map(self._begin, self._members))
            self._control = await serve_control(
                self._network,
                self._configuration.control_socket,
                CrewDesk(self._network, [member.part.control_socket(self._configuration) for member in self._members]),
            )
        except BaseException:
            await self.stop()
            raise
        for member in self._members:
            member.watch = asyncio.create_task(self._watch(member))

    async def stop(self) -> None:
        """Have every process end as SIGTERM asks; returns when all have."""
        self._stopping = True
        if self._control is not None:
            await self._control.close()
        await asyncio.gather(*map(self._end, self._members))
        for reserved in self._reserved:
            reserved.close()

    def _reserve(self, address: AnyEndpoint) -> AnyEndpoint:
        """Keep an address for the processes, which can share it; a free port is chosen here. Raises LinkError."""
        if not isinstance(address, Endpoint):
            return address
        try:
            family, _, _, _, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
            # Sharing is between our processes only: somebody else's server on this address is an error, as ever.
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(target)
                target = probe.getsockname()
            reserved = socket.socket(family)
            self._reserved.append(reserved)
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            reserved.bind(target)
        except OSError as error:
            raise LinkError(LinkFault.LOCAL, f"can not listen on {address}: {error.strerror}") from error
        return replace(address, port=target[1])

    async def _begin(self, member: _Member) -> None:
        """Start one process, and wait until it takes connections. Raises CrewError."""
        member.process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "heloise", "serve", "--config", self._path, "--part", self._written(member.part),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        if not await process.stdout.readline():
            raise CrewError(f"process {member.part.index + 1} of {member.part.count} did not start")

    def _written(self, part: Part) -> str:
        """What a process is told beside the configuration; `read_part` reads it."""
        ports = [each.port if isinstance(each, Endpoint) else None for each in self._endpoints]
        return json.dumps({"index": part.index, "count": part.count, "ports": ports})

    async def _watch(self, member: _Member) -> None:
        """Start it again whenever it dies."""
        number, pause = member.part.index + 1, FIRST_PAUSE
        while not self._stopping:
            assert member.process is not None
            status = await member.process.wait()
            if not self._stopping:
                self._journal.server("process-died", process=number, status=status)
                await asyncio.sleep(pause)
                pause = await self._begin_again(member, pause)

    async def _begin_again(self, member: _Member, pause: float) -> float:
        """Seconds to wait before the next time, should there be one."""
        if not self._stopping:
            with contextlib.suppress(CrewError):
                await self._begin(member)
                self._journal.server("process-started", process=member.part.index + 1)
                return FIRST_PAUSE
        return min(2 * pause, LONGEST_PAUSE)

    async def _end(self, member: _Member) -> None:
        process = member.process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIME):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if member.watch is not None:
            member.watch.cancel()


def read_part(text: str, configuration: Configuration) -> tuple[Part, Configuration]:
    """What `Crew` told a process: which it is, and the configuration with the ports that were chosen."""
    told = json.loads(text)
    listeners = tuple(
        replace(listener, address=replace(listener.address, port=port))
        if isinstance(listener.address, Endpoint) and port is not None
        else listener
        for listener, port in zip(configuration.listeners, told["ports"], strict=True)
    )
    return Part(told["index"], told["count"]), replace(configuration, listeners=listeners)
