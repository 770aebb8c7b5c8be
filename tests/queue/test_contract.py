"""Every store keeps the promises of the contract, whichever disk and threads it runs on."""

import asyncio
from pathlib import Path

import pytest

from heloise.net import real_world
from heloise.queue.memory import MemoryStore
from heloise.queue.model import QueueStore
from heloise.queue.sqlite import SqliteStore
from heloise.testing import SimulatedVfs, SimulatedWorld, run_simulated
from heloise.testing.queue_contract import STORE_CHECKS, StoreCheck

CHECKS = pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)


@CHECKS
def test_a_store_in_memory(check: StoreCheck) -> None:
    store = MemoryStore()

    async def open_store() -> QueueStore:
        await store.open()
        return store

    asyncio.run(check(open_store))


@CHECKS
def test_a_sqlite_store(check: StoreCheck, tmp_path: Path) -> None:
    async def open_store() -> QueueStore:
        store = SqliteStore(str(tmp_path / "queue"), real_world())
        await store.open()
        return store

    asyncio.run(check(open_store))


@CHECKS
@pytest.mark.parametrize("seed", range(3))
def test_a_sqlite_store_on_a_simulated_disk(check: StoreCheck, seed: int) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        host = simulation.host("mx.example.org", "192.0.2.1")
        vfs = SimulatedVfs(host.disk, clock=host.world.clock)

        async def open_store() -> QueueStore:
            store = SqliteStore("/var/lib/heloise/queue", host.world, vfs=vfs.name, exclusive=True)
            await store.open()
            return store

        await check(open_store)

    run_simulated(scenario, seed=seed)
