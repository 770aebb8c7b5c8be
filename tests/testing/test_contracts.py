"""The contract checks, against the real doors and the simulated ones; and that a breach is found."""

import asyncio
from pathlib import Path

import pytest

from heloise.net import DiskFiles, SocketNetwork, Threads
from heloise.testing import (
    FaultPlan,
    FaultRates,
    SimulatedWorld,
    check_blocking,
    check_files,
    check_stream_pair,
    run_simulated,
)
from heloise.world import Endpoint, Network, Stream, UnixEndpoint


async def check_network(network: Network, endpoint: Endpoint | UnixEndpoint) -> None:
    accepted: asyncio.Queue[Stream] = asyncio.Queue()

    async def serve(stream: Stream) -> None:
        accepted.put_nowait(stream)
        await stream.wait_closed()

    listening = await network.listen(endpoint, serve)

    async def make_pair() -> tuple[Stream, Stream]:
        near = await network.connect(listening.local, timeout=5.0)
        return near, await accepted.get()

    await check_stream_pair(make_pair)
    await listening.close()


def test_tcp_streams_keep_the_contract() -> None:
    asyncio.run(check_network(SocketNetwork(), Endpoint("127.0.0.1", 0)))


def test_unix_streams_keep_the_contract(tmp_path: Path) -> None:
    asyncio.run(check_network(SocketNetwork(), UnixEndpoint(str(tmp_path / "socket"))))


def test_tcp_streams_on_uvloop_keep_the_contract() -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(check_network(SocketNetwork(), Endpoint("127.0.0.1", 0)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cuts", [0.0, 1.0])
def test_simulated_streams_keep_the_contract(seed: int, cuts: float) -> None:
    async def scenario(world: SimulatedWorld) -> None:
        await check_network(world.host("a.example", "192.0.2.1").world.network, Endpoint("192.0.2.1", 25))

    run_simulated(scenario, seed=seed, faults=FaultPlan(rates=FaultRates(cuts=cuts)))


def test_real_files_keep_the_contract(tmp_path: Path) -> None:
    check_files(DiskFiles(), str(tmp_path / "contract"))


def test_simulated_files_keep_the_contract() -> None:
    check_files(SimulatedWorld(1).host("a.example").disk, "/contract")


def test_threads_keep_the_contract() -> None:
    asyncio.run(check_blocking(Threads(name="contract", count=2)))


@pytest.mark.parametrize("seed", range(10))
def test_simulated_blocking_keeps_the_contract(seed: int) -> None:
    async def scenario(world: SimulatedWorld) -> None:
        await check_blocking(world.host("a.example").world.blocking)

    run_simulated(scenario, seed=seed)


def test_files_that_replace_on_create_are_found_out(tmp_path: Path) -> None:
    class Careless(DiskFiles):
        def create(self, path: str, mode: int = 0o600):  # type: ignore[no-untyped-def]  # any file will do
            Path(path).unlink(missing_ok=True)
            return super().create(path, mode)

    with pytest.raises(AssertionError, match="create never replaces"):
        check_files(Careless(), str(tmp_path / "contract"))
