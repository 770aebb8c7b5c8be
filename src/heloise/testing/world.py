"""A whole simulated world: hosts with names, addresses and disks, one internet, one DNS, one time, one seed.

    def test_a_message_crosses() -> None:
        async def scenario(world: SimulatedWorld) -> None:
            server = world.host("mx.example.org", "192.0.2.1")
            client = world.host("client.example", "198.51.100.7")
            world.zones.add_mail_exchanger("example.org", 10, "mx.example.org")
            await server.world.network.listen(Endpoint("192.0.2.1", 25), serve)
            stream = await client.world.network.connect(Endpoint("192.0.2.1", 25), timeout=30)

        run_simulated(scenario, seed=7)

A host can lose its power (`power_cut`) or have its process killed (`kill`), and gets a new `World` after it. Two runs
with one seed do the same things in the same order, and `world.trace.digest()` proves it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from heloise.testing.blocking import SimulatedBlocking
from heloise.testing.chance import SeededEntropy, SimulatedClock
from heloise.testing.disk import NO_DISK_FAULTS, DiskFaults, SimulatedDisk
from heloise.testing.dns import SimulatedResolver, Zones
from heloise.testing.faults import NO_PLAN, FaultPlan
from heloise.testing.inode import Unsynced
from heloise.testing.life import Life
from heloise.testing.loop import VirtualTime, run_in_virtual_time
from heloise.testing.network import Internet, SimulatedNetwork
from heloise.testing.programs import SimulatedProcesses
from heloise.testing.sqlite_vfs import SimulatedVfs
from heloise.testing.trace import Trace
from heloise.testing.web import SimulatedWeb
from heloise.world import World

T = TypeVar("T")

# There, and stable, on every new disk.
DIRECTORIES: Final = ("/tmp", "/var/lib/heloise", "/var/mail")


class SimulatedHost:
    """One machine: its doors, its disk, and the life of the program on it. Made by `SimulatedWorld.host`.

    `programs` are those that can be run on it, to be filled.
    """

    def __init__(self, simulation: "SimulatedWorld", name: str, network: SimulatedNetwork, disk: SimulatedDisk) -> None:
        self.name = name
        self.network = network
        self.disk = disk
        self.programs = SimulatedProcesses()
        self._simulation = simulation
        self._starts = 0
        self._vfs: SimulatedVfs | None = None
        self._all_vfs: list[SimulatedVfs] = []
        self._life = Life()
        self._blocking: SimulatedBlocking
        self.world: World
        self._boot()

    def start(self, program: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run `program` on this host. It ends with the host, and so do all tasks it makes."""
        return self._life.start(program, f"{self.name} {program!r}")

    def sqlite_vfs(self) -> str:
        """The name to give to `apsw.Connection(path, vfs=...)`, for databases on the disk of this host.

        A new one after each `power_cut` and `kill`.
        """
        if self._vfs is None:
            self._vfs = SimulatedVfs(self.disk, clock=self._simulation.clock)
            # Kept for ever: a dead program may still hold a connection, and SQLite needs its VFS to close it.
            self._all_vfs.append(self._vfs)
        return self._vfs.name

    async def power_cut(self, unsynced: Unsynced = Unsynced.DRAWN) -> None:
        """Everything stops at once, and what was not synced is lost. The host comes back with a new `world`."""
        self.network.power_cut()
        self.disk = self.disk.crash(unsynced)
        await self._stop()
        self.network.power_on()

    async def kill(self) -> None:
        """The program stops at once; the disk has all it wrote. There is a new `world` for the next program."""
        self.network.kill()
        await self._stop()

    async def _stop(self) -> None:
        self._blocking.power_cut()
        if self._vfs is not None:
            self._vfs.revoke()
            self._vfs = None
        # The cancelled tasks run their ends, against doors that are dead by now.
        await self._life.end()
        self._life = Life()
        self._boot()

    def _boot(self) -> None:
        self._starts += 1
        source = f"{self._simulation.seed}/{self.name}/{self._starts}"
        self._blocking = SimulatedBlocking(random.Random(f"{source}/blocking"))
        self.world = World(
            clock=self._simulation.clock,
            entropy=SeededEntropy(f"{source}/entropy"),
            resolver=self._simulation.resolver,
            network=self.network,
            files=self.disk,
            blocking=self._blocking,
            processes=self.programs,
            http=self._simulation.web,
        )


class SimulatedWorld:
    """Everything outside, made from `seed` and `faults`.

    Attributes:
        zones: the DNS, to be filled; `host` enters the addresses and names of hosts.
        web: the web services there are, to be filled.
        trace: what happened.
    """

    def __init__(self, seed: int, *, faults: FaultPlan = NO_PLAN, disk_faults: DiskFaults = NO_DISK_FAULTS) -> None:
        self.seed = seed
        self._disk_faults = disk_faults
        self.time = VirtualTime()
        self.clock = SimulatedClock(self.time)
        self.trace = Trace(self.time)
        self.zones = Zones()
        self.web = SimulatedWeb()
        self.internet = Internet(seed=seed, plan=faults, trace=self.trace)
        self.resolver = SimulatedResolver(
            self.zones, rates=faults.rates, generator=random.Random(f"{seed}/dns"), trace=self.trace
        )

    def host(self, name: str, *addresses: str) -> SimulatedHost:
        """A new host. Its addresses and names are entered in the DNS."""
        network = self.internet.attach(name, addresses)
        self.zones.add_addresses(name, addresses)
        for address in addresses:
            self.zones.add_name(address, name)
        disk = SimulatedDisk(
            seed=f"{self.seed}/{name}/disk",
            clock=self.clock,
            trace=self.trace,
            faults=self._disk_faults,
            directories=DIRECTORIES,
        )
        return SimulatedHost(self, name, network, disk)


def run_simulated(
    scenario: Callable[[SimulatedWorld], Awaitable[T]],
    *,
    seed: int = 0,
    faults: FaultPlan = NO_PLAN,
    disk_faults: DiskFaults = NO_DISK_FAULTS,
) -> T:
    """Run `scenario` in a simulated world of its own and return what it returns.

    Raises:
        Stuck: it waits for something that will never happen.
    """
    world = SimulatedWorld(seed, faults=faults, disk_faults=disk_faults)

    async def main() -> T:
        return await scenario(world)

    return run_in_virtual_time(main(), world.time)
