"""Several processes as one mail server: the one that was started watches over the others and does no mail itself.

It finds out where to listen and keeps these addresses, starts a process for each part, starts it again when it dies,
and passes a stop on. The processes take connections on the same addresses (SO_REUSEPORT: the kernel deals them out).
When the one above them dies, however it dies, they end at once, as in a crash: a pipe tells them.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heloise.app.journal import Journal
from heloise.app.operator.control import serve_control
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.crew_control import CrewDesk, ask_process
from heloise.app.operator.operations import Operation, OperationsDesk
from heloise.app.operator.queue_json import Json
from heloise.app.server.part import Part
from heloise.app.server.placing import Place, place_listeners, ports_of
from heloise.config.schema import Configuration
from heloise.config.source import Source
from heloise.world import AnyEndpoint, Endpoint, Listening, Network

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

    def __init__(
        self,
        source: Source,
        configuration: Configuration,
        network: Network,
        journal: Journal,
        places: tuple[Place, ...] = (),
    ) -> None:
        self.operations: dict[str, Operation] = {}  # what operators may ask beside what is done with the queues
        self._configuration = configuration
        self._source = source
        self._network = network
        self._journal = journal
        self._members = [
            _Member(Part(index, configuration.process_count)) for index in range(configuration.process_count)
        ]
        self._places = places
        self._control: Listening | None = None
        self._stopping = False

    @property
    def endpoints(self) -> Sequence[AnyEndpoint]:
        """Where it listens, in the order of the configuration, with the ports that were really given."""
        return [place.endpoint for place in self._places]

    async def start(self) -> None:
        """Start all processes, and listen for operators.

        Raises:
            CrewError: one of them could not be started; none is left.
            LinkError: an address can not be listened on.
        """
        try:
            if not self._places:
                self._places = place_listeners(self._configuration, self._configuration, ())
            await asyncio.gather(*map(self._begin, self._members))
            self._control = await serve_control(
                self._network,
                self._configuration.control_socket,
                self.desk,
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
        for place in self._places:
            place.give_up()

    @property
    def desk(self) -> OperationsDesk:
        """What operators may ask."""
        return OperationsDesk(CrewDesk(self._network, self.sockets), self.operations)

    @property
    def sockets(self) -> list[str]:
        """Where each process is spoken to."""
        return [member.part.control_socket(self._configuration) for member in self._members]

    async def prepare(self, source: Source, configuration: Configuration) -> "CrewChange":
        """As `MailServer.prepare`, in all processes. Raises ControlError, LinkError."""
        places = place_listeners(configuration, self._configuration, self._places)
        change = CrewChange(self, source, configuration, places)
        try:
            await asyncio.gather(*(ask_process(self._network, path, change.request) for path in self.sockets))
        except BaseException:
            await change.abandon()
            raise
        return change

    async def adopt(self, change: "CrewChange") -> None:
        """See `CrewChange.commit`."""
        before, self._places = self._places, change.places
        # From here on a process that dies is started again under the new one, whatever it answers now.
        self._source, self._configuration = change.source, change.configuration
        await asyncio.gather(*(self._have_adopted(path, change.request) for path in self.sockets))
        for place in before:
            if place not in self._places:
                place.give_up()

    async def drop(self, change: "CrewChange") -> None:
        """See `CrewChange.abandon`."""
        for path in self.sockets:
            with contextlib.suppress(ControlError):
                await ask_process(self._network, path, {"do": "abandon"})
        for place in change.places:
            if place not in self._places:
                place.give_up()

    async def _have_adopted(self, path: str, request: Json) -> None:
        """A process that was started again meanwhile, under the old one, is told anew."""
        with contextlib.suppress(ControlError):
            if not (await ask_process(self._network, path, {"do": "commit"}))["changed"]:
                await ask_process(self._network, path, request)
                await ask_process(self._network, path, {"do": "commit"})

    async def is_alive(self) -> bool:
        """Does every process answer? One that has ended is being started again, and not asked."""
        running = [each for each in self._members if each.process is not None and each.process.returncode is None]
        sockets = [member.part.control_socket(self._configuration) for member in running]
        with contextlib.suppress(ControlError):
            await asyncio.gather(*(ask_process(self._network, path, {"do": "counts"}) for path in sockets))
        return True

    async def reopen_logs(self) -> None:
        """Have all processes go on in a new file."""
        for path in self.sockets:
            with contextlib.suppress(ControlError):
                await ask_process(self._network, path, {"do": "reopen-log"})

    async def _begin(self, member: _Member) -> None:
        """Start one process, and wait until it takes connections. Raises CrewError."""
        member.process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "heloise", "serve", "--config", self._source.file,
            "--part", self._written(member.part), pass_fds=self._handed(member.part).values(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        # Not read from the file: that may be another one by now, and a wrong one.
        process.stdin.write(json.dumps(self._source.as_json()).encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # it has ended, and said why
            await process.stdin.drain()
        if not await process.stdout.readline():
            raise CrewError(f"process {member.part.index + 1} of {member.part.count} did not start")

    def _written(self, part: Part) -> str:
        """What a process is told beside the configuration; `read_part` reads it."""
        told = {"index": part.index, "count": part.count, "ports": ports_of(self._places)}
        return json.dumps({**told, "handed": self._handed(part)})

    def _handed(self, part: Part) -> dict[int, int]:
        """The number of a listener → the descriptor of the socket that this process takes connections on."""
        found = {number: place.socket_of(part.index) for number, place in enumerate(self._places)}
        return {number: each.fileno() for number, each in found.items() if each is not None}

    async def _watch(self, member: _Member) -> None:
        """Start it again whenever it dies."""
        number, pause = member.part.index + 1, FIRST_PAUSE
        while not self._stopping:
            assert member.process is not None
            status = await member.process.wait()
            if not self._stopping:
                self._journal.server("process-died", process=number, status=status)
                for place in self._places:
                    place.has_died(member.part.index)
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


@dataclass(frozen=True, slots=True)
class CrewChange:
    """A reload that all processes have prepared."""

    crew: Crew
    source: Source
    configuration: Configuration
    places: "tuple[Place, ...]"

    @property
    def request(self) -> Json:
        """What a process is asked to prepare."""
        part = {"ports": ports_of(self.places)}
        return {"do": "prepare", "source": self.source.as_json(), "part": part}

    async def commit(self) -> None:
        """All of them, and whoever is started again."""
        await self.crew.adopt(self)

    async def abandon(self) -> None:
        """None of them."""
        await self.crew.drop(self)


def read_part(text: str, configuration: Configuration) -> tuple[Part, Configuration]:
    """What `Crew` told a process: which it is, and the configuration with the ports that were chosen."""
    told = json.loads(text)
    return Part(told["index"], told["count"]), with_ports(told, configuration)


def read_handed(text: str, configuration: Configuration) -> list[tuple[AnyEndpoint, socket.socket]]:
    """The sockets that `Crew` handed to a process, by the addresses in its configuration."""
    handed = json.loads(text)["handed"]
    return [
        (configuration.listeners[int(number)].address, socket.socket(fileno=descriptor))
        for number, descriptor in handed.items()
    ]


def with_ports(told: Json, configuration: Configuration) -> Configuration:
    """The configuration with the ports that the process above has chosen."""
    listeners = tuple(
        replace(listener, address=replace(listener.address, port=port))
        if isinstance(listener.address, Endpoint) and port is not None
        else listener
        for listener, port in zip(configuration.listeners, told["ports"], strict=True)
    )
    return replace(configuration, listeners=listeners)


def read_source(descriptor: int) -> Source:
    """What `Crew` wrote to a process. Blocks. Raises ValueError: it is gone."""
    line = b""
    while not line.endswith(b"\n"):
        octets = os.read(descriptor, 1 << 16)
        if not octets:
            raise ValueError("the process above is gone")
        line += octets
    return Source.from_json(json.loads(line))
