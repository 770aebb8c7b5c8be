"""Group commit: who waits at the same time shares one sync, and no one's failure is another's."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from heloise.net import real_world
from heloise.queue.errors import StoreFault, StoreFull
from heloise.queue.model import RecipientState, Selection
from heloise.queue.sqlite import SqliteStore
from heloise.queue.writer import BATCH, PATIENCE, Writer
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.inode import Inode
from heloise.testing.queue_contract import LATER, NOW, new_message, settlement
from heloise.world import Blocking
from tests.queue.machines import DIRECTORY, Machine

T = TypeVar("T")


class Bench:
    """A writer over a database in memory, which counts its commits."""

    def __init__(self, lane: Blocking) -> None:
        self.connection = apsw.Connection(":memory:")
        self.connection.execute("CREATE TABLE thing(name TEXT PRIMARY KEY) STRICT")
        self.commits = 0
        self.connection.set_commit_hook(self._count)
        self.writer = Writer(self.connection, lane, checkpoint=1000)

    def _count(self) -> bool:
        self.commits += 1
        return False

    def put(self, name: str) -> Awaitable[str]:
        def operation(connection: apsw.Connection) -> str:
            connection.execute("INSERT INTO thing VALUES(?)", (name,))
            return name

        return self.writer.do(operation)

    def names(self) -> list[str]:
        return [str(name) for (name,) in self.connection.execute("SELECT name FROM thing ORDER BY name").fetchall()]


def with_bench(scenario: Callable[[Bench], Awaitable[T]], seed: int = 0) -> T:
    async def run(simulation: SimulatedWorld) -> T:
        host = simulation.host("mx.example.org", "192.0.2.1")
        bench = Bench(host.world.blocking.lane("writer"))
        try:
            return await scenario(bench)
        finally:
            bench.connection.close()

    return run_simulated(run, seed=seed)


def test_a_lone_operation_is_committed_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        assert await bench.put("A") == "A"
        assert bench.commits == 1

    with_bench(scenario)


def test_operations_that_arrive_during_a_commit_share_the_next_one() -> None:
    async def scenario(bench: Bench) -> None:
        first = asyncio.ensure_future(bench.put("A"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the first commit is under way now
        assert await asyncio.gather(*(bench.put(f"B{number}") for number in range(50))) == [
            f"B{number}" for number in range(50)
        ]
        assert await first == "A"
        assert bench.commits == 2
        assert len(bench.names()) == 51

    with_bench(scenario)


def test_a_crowd_is_committed_in_batches_and_in_order() -> None:
    async def scenario(bench: Bench) -> None:
        done: list[str] = []

        async def put(name: str) -> None:
            done.append(await bench.put(name))

        names = [f"M{number:04}" for number in range(3 * BATCH)]
        await asyncio.gather(*map(put, names))
        assert done == names
        assert bench.commits == 3

    with_bench(scenario)


@pytest.mark.parametrize("seed", range(3))
def test_an_operation_that_fails_takes_no_other_with_it(seed: int) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.put("B2")
        results = await asyncio.gather(*(bench.put(f"B{number}") for number in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [str, str, StoreFault, str, str]
        assert bench.names() == [f"B{number}" for number in range(5)]

    with_bench(scenario, seed)


def test_a_bug_in_an_operation_is_shown_as_it_is_and_its_work_is_undone() -> None:
    async def scenario(bench: Bench) -> None:
        def broken(connection: apsw.Connection) -> None:
            connection.execute("INSERT INTO thing VALUES('half')")
            raise ZeroDivisionError

        work, other = asyncio.ensure_future(bench.writer.do(broken)), bench.put("whole")
        assert await other == "whole"
        with pytest.raises(ZeroDivisionError):
            await work
        assert bench.names() == ["whole"]

    with_bench(scenario)


def test_who_gave_up_waiting_is_committed_and_its_end_is_told() -> None:
    async def scenario(bench: Bench) -> None:
        told: list[int] = []

        def operation(connection: apsw.Connection) -> int:
            connection.execute("INSERT INTO thing VALUES('A')")
            return 7

        work = asyncio.ensure_future(bench.writer.do(operation, told.append))
        await asyncio.sleep(0)
        work.cancel()
        await bench.writer.finish()
        assert (bench.names(), told) == (["A"], [7])

    with_bench(scenario)


class Syncs:
    """Counts the syncs of the log from now on."""

    def __init__(self, machine: Machine) -> None:
        self.count = 0
        self._sync = machine.disk.sync_inode
        machine.disk.sync_inode = self._note  # type: ignore[method-assign]

    def _note(self, path: str, inode: Inode) -> None:
        self.count += path == f"{DIRECTORY}/queue.db-wal"
        self._sync(path, inode)


def test_a_hundred_sessions_need_few_syncs() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        syncs = Syncs(machine)
        await asyncio.gather(*(machine.store.insert(new_message(f"M{number}")) for number in range(100)))
        assert syncs.count <= 2
        await machine.queue.close()

    run_simulated(scenario)


def test_a_settlement_that_can_wait_is_stored_with_the_next_message() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        first = await machine.store.insert(new_message("A"))
        syncs = Syncs(machine)
        settling = asyncio.ensure_future(
            machine.store.settle(settlement(first, RecipientState.DELIVERED), can_wait=True)
        )
        await asyncio.sleep(0)
        await machine.store.insert(new_message("B"))
        assert settling.done(), "it was in the commit of B"
        assert syncs.count == 1
        assert await machine.store.content(first.message_id) is None
        await machine.queue.close()

    run_simulated(scenario)


def test_a_settlement_waits_for_company_some_milliseconds_and_no_longer() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        first = await machine.store.insert(new_message("A"))
        begun = asyncio.get_running_loop().time()
        await machine.store.settle(settlement(first, RecipientState.DELIVERED), can_wait=True)
        waited = asyncio.get_running_loop().time() - begun
        assert PATIENCE * 0.9 < waited < PATIENCE * 2, "but for what is lost in adding floats"
        assert (await machine.store.counts()).messages == 0
        await machine.queue.close()

    run_simulated(scenario)


def test_a_settlement_that_came_while_another_commit_was_in_flight_waits_no_longer_either() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        first = await machine.store.insert(new_message("A"))
        insert = asyncio.ensure_future(machine.store.insert(new_message("B")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # now the batch of B has left
        await machine.store.settle(settlement(first, RecipientState.DELIVERED), can_wait=True)
        assert insert.done()
        assert (await machine.store.counts()).messages == 1
        await machine.queue.close()

    run_simulated(scenario)


def test_a_close_stores_a_settlement_that_waits_for_company() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        first = await machine.store.insert(new_message("A"))
        settling = asyncio.ensure_future(
            machine.store.settle(settlement(first, RecipientState.DELIVERED), can_wait=True)
        )
        await asyncio.sleep(0)
        await machine.store.close()
        await settling
        await machine.open()
        assert (await machine.store.counts()).messages == 0
        await machine.queue.close()

    run_simulated(scenario)


def test_a_close_waits_for_what_was_begun(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path), real_world())
        await store.open()
        inserts = [asyncio.ensure_future(store.insert(new_message(f"M{number:03}"))) for number in range(500)]
        lists = [asyncio.ensure_future(store.list(Selection(), limit=1000)) for _ in range(5)]
        await asyncio.sleep(0)
        await store.close()
        results = await asyncio.gather(*inserts, *lists, return_exceptions=True)
        assert not [result for result in results if isinstance(result, BaseException)]
        store = SqliteStore(str(tmp_path), real_world())
        await store.open()
        assert (await store.counts()).messages == 500
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(4))
def test_a_close_that_is_cancelled_closes_all_the_same(tmp_path: Path, turns: int) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path), real_world())
        await store.open()
        insert = asyncio.ensure_future(store.insert(new_message("A")))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(store.close())
        for _ in range(turns):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        await store.close()
        await insert
        store = SqliteStore(str(tmp_path), real_world())
        await store.open()
        assert (await store.counts()).messages == 1
        await store.close()

    asyncio.run(main())


def test_what_was_said_to_be_stored_is_read_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path), real_world())
        await store.open()

        async def put_and_look(name: str) -> None:
            queued = await store.insert(new_message(name))
            assert await store.content(queued.message_id) is not None, "the reader sees the commit"
            await store.settle(settlement(queued, RecipientState.DELIVERED))
            assert await store.content(queued.message_id) is None

        await asyncio.gather(*(put_and_look(f"M{number}") for number in range(200)))
        await store.close()

    asyncio.run(main())


def test_the_writer_goes_on_after_a_failing_commit() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        await machine.store.insert(new_message("A"))
        machine.disk.fail_syncs(1000)
        calls = (machine.store.insert(new_message("B")), machine.store.lease(now=NOW, until=LATER, limit=10))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [StoreFault, StoreFault]
        assert not any(isinstance(result, StoreFull) for result in results)
        machine.disk.fail_syncs(0)
        assert [lease.message.message_id for lease in await machine.store.lease(now=NOW, until=LATER, limit=10)] == [
            "A"
        ]
        await machine.queue.close()

    run_simulated(scenario)
