"""The queue: taking messages, handing them over, waking whoever delivers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from heloise.mail.content import ContentFacts
from heloise.mail.hints import Hints
from heloise.mail.ids import MessageId
from heloise.mail.route import Route
from heloise.mail.sink import Refused, SinkAnswer, Submission, Taken
from heloise.net import real_world
from heloise.queue.errors import StoreFault, StoreFull
from heloise.queue.memory import MemoryStore
from heloise.queue.model import Lease, NewMessage, QueuedMessage, RecipientState, Selection
from heloise.queue.queue import LEASE_TIME, Queue, QueueOptions
from heloise.queue.sqlite import SqliteStore
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.queue_contract import new_message, read, settlement
from heloise.world import World
from tests.queue.machines import Machine

Scenario = Callable[[Queue, World], Awaitable[None]]


def simulate(scenario: Scenario, *, options: QueueOptions | None = None, store: MemoryStore | None = None) -> None:
    async def run(simulation: SimulatedWorld) -> None:
        world = simulation.host("mx.example.org", "192.0.2.1").world
        queue = Queue(store or MemoryStore(), world, spool_directory=None, options=options)
        await queue.open()
        await scenario(queue, world)
        await queue.close()

    run_simulated(run)


def submission(world: World, name: str, *recipients: str, hints: Hints | None = None) -> Submission:
    return new_message(name, *recipients, at=world.clock.now(), hints=hints or Hints()).submission


async def put(queue: Queue, new: Submission, octets: bytes = b"hello\r\n") -> SinkAnswer:
    deposit = queue.begin(new)
    await deposit.write(octets)
    return await deposit.commit(ContentFacts(size=len(octets)))


def ids(leases: tuple[Lease, ...]) -> list[str]:
    return [lease.message.message_id for lease in leases]


# Handing over


def test_a_message_is_handed_over_to_a_deliverer_that_waits() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        waiting = asyncio.create_task(queue.next_leases(10))
        await asyncio.sleep(1)
        assert await put(queue, submission(world, "A")) == Taken(MessageId("A"))
        (lease,) = await asyncio.wait_for(waiting, 0.1)
        assert await read(lease.content) == b"hello\r\n"
        assert (await queue.counts()).leased == 1, "it was never waiting in the store"
        await queue.settle(settlement(lease.message, RecipientState.DELIVERED))
        assert (await queue.counts()).messages == 0

    simulate(scenario)


def test_without_a_deliverer_messages_wait_in_the_store() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        await put(queue, submission(world, "A"))
        assert (await queue.counts()).waiting == 1
        assert ids(await queue.next_leases(10)) == ["A"]

    simulate(scenario)


def test_beyond_the_bound_messages_wait_in_the_store_and_all_come() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        waiting = asyncio.create_task(queue.next_leases(1))
        await asyncio.sleep(0)
        await asyncio.gather(*(put(queue, submission(world, f"M{number}")) for number in range(10)))
        counts = await queue.counts()
        assert (counts.leased, counts.waiting) in ((3, 7), (4, 6))
        seen = ids(await waiting)
        while len(seen) < 10:
            seen += ids(await asyncio.wait_for(queue.next_leases(1), 0.1))
        assert sorted(seen) == [f"M{number}" for number in range(10)]
        assert set(seen[:3]) != {"M0", "M1", "M2"}, "neither of the two starves the other"

    simulate(scenario, options=QueueOptions(handover_messages=3))


def test_a_full_store_gives_no_more_at_a_time_than_new_mail_brings() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        await asyncio.gather(*(put(queue, submission(world, f"OLD{number}")) for number in range(100)))
        first = await queue.next_leases(50)
        assert len(first) == 50
        await put(queue, submission(world, "NEW"))
        assert ids(await queue.next_leases(50)) == ["NEW"]
        assert len(await queue.next_leases(50)) == 10
        assert len(await queue.next_leases(50)) == 40, "nobody else waits"

    simulate(scenario)


def test_many_octets_are_not_kept_in_memory() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        waiting = asyncio.create_task(queue.next_leases(1))
        await asyncio.sleep(0)
        for name in "ABC":
            await put(queue, submission(world, name), b"x" * 400)
        assert (await queue.counts()).leased == 2
        await waiting

    simulate(scenario, options=QueueOptions(handover_octets=1000))


def test_a_watched_message_comes_first() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        first = asyncio.create_task(queue.next_leases(1))
        await asyncio.sleep(0)
        await put(queue, submission(world, "A"))
        await first
        await put(queue, submission(world, "B"))
        watch = queue.watch(MessageId("C"), recipients=1)
        await put(queue, submission(world, "C"))
        assert ids(await queue.next_leases(1)) == ["C"], "even when the hand-over is full"
        assert queue.watch_of(MessageId("C")) is watch
        queue.unwatch(MessageId("C"))
        queue.unwatch(MessageId("C"))
        assert queue.watch_of(MessageId("C")) is None

    simulate(scenario, options=QueueOptions(handover_messages=1))


def test_what_waited_in_the_hand_over_beyond_its_lease_is_leased_once() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        first = asyncio.create_task(queue.next_leases(1))
        await asyncio.sleep(0)
        for name in "ABC":
            await put(queue, submission(world, name))
        assert ids(await first) == ["A"]
        await asyncio.sleep(LEASE_TIME + 1)
        seen: list[str] = []
        while len(seen) < 3:
            seen += ids(await asyncio.wait_for(queue.next_leases(1), 0.1))
        assert sorted(seen) == ["A", "B", "C"], "and A again, since its lease ran out"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.next_leases(1), 60)

    simulate(scenario)


# Waking


def test_a_deliverer_wakes_when_something_becomes_due() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        start = world.clock.now()
        await put(queue, submission(world, "A", hints=Hints(not_before=start + 500)))
        (lease,) = await queue.next_leases(10)
        assert world.clock.now() == pytest.approx(start + 500)
        due = world.clock.now() + 300
        await queue.settle(settlement(lease.message, RecipientState.WAITING, due=due))
        await queue.next_leases(10)
        assert world.clock.now() == pytest.approx(due)

    simulate(scenario)


def test_a_sooner_time_wakes_earlier_than_a_later_one() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        start = world.clock.now()
        await put(queue, submission(world, "A", hints=Hints(not_before=start + 5000)))
        waiting = asyncio.create_task(queue.next_leases(10))
        await asyncio.sleep(1)
        await put(queue, submission(world, "B", hints=Hints(not_before=start + 50)))
        (lease,) = await waiting
        assert world.clock.now() == pytest.approx(start + 50)
        await queue.settle(settlement(lease.message, RecipientState.DELIVERED))
        assert ids(await queue.next_leases(10)) == ["A"]

    simulate(scenario)


def test_mail_on_request_waits_until_it_is_asked_for() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        waiting = asyncio.create_task(queue.next_leases(10))
        await asyncio.sleep(1)
        new = submission(world, "A", "bob@there.test")
        await put(queue, replace(new, routes=(Route.parse("smtp:192.0.2.9:25?on-request"),)))
        await asyncio.sleep(86400)
        assert not waiting.done()
        assert await queue.retry(Selection(domain="there.test"), due=world.clock.now()) == 1
        (lease,) = await asyncio.wait_for(waiting, 0.1)
        assert lease.message.message_id == "A"

    simulate(scenario)


def test_an_operator_wakes_the_deliverer() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        start = world.clock.now()
        await put(queue, submission(world, "A", hints=Hints(not_before=start + 5000)))
        assert await queue.hold(Selection()) == 1
        waiting = asyncio.create_task(queue.next_leases(10))
        await asyncio.sleep(10)
        await queue.release(Selection(), due=start + 2000)
        await asyncio.sleep(10)
        assert await queue.retry(Selection(domain="example.org"), due=world.clock.now()) == 1
        assert ids(await waiting) == ["A"]
        assert world.clock.now() == pytest.approx(start + 20)

    simulate(scenario)


def test_a_report_wakes_the_deliverer() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        await put(queue, submission(world, "A"))
        (lease,) = await queue.next_leases(10)
        waiting = asyncio.create_task(queue.next_leases(10))
        await asyncio.sleep(10)
        report = new_message("R", at=world.clock.now())
        await queue.settle(settlement(lease.message, RecipientState.FAILED, reports=[report]))
        assert ids(await asyncio.wait_for(waiting, 0.1)) == ["R"]

    simulate(scenario)


def test_what_becomes_due_while_the_store_is_asked_is_not_forgotten() -> None:
    class SlowStore(MemoryStore):
        async def next_due(self) -> float | None:
            due = await super().next_due()
            await asyncio.sleep(5)
            return due

    async def scenario(queue: Queue, world: World) -> None:
        await put(queue, submission(world, "A", hints=Hints(not_before=world.clock.now() + 10)))
        waiting = asyncio.create_task(queue.next_leases(1))
        await asyncio.sleep(12)  # it was leased, and the store is being asked what comes next
        await put(queue, submission(world, "B", hints=Hints(not_before=world.clock.now() + 20)))
        assert ids(await waiting) == ["A"]
        assert ids(await asyncio.wait_for(queue.next_leases(1), 60)) == ["B"]

    simulate(scenario, store=SlowStore())


def test_what_was_leased_when_the_store_failed_is_not_lost() -> None:
    class ForgetfulStore(MemoryStore):
        fails = True

        async def next_due(self) -> float | None:
            self.fails, fails = False, self.fails and bool(self._messages)
            if fails:
                raise StoreFault("no answer")
            return await super().next_due()

    async def scenario(queue: Queue, world: World) -> None:
        await put(queue, submission(world, "A"))
        with pytest.raises(StoreFault):
            await queue.next_leases(10)
        assert ids(await asyncio.wait_for(queue.next_leases(10), 60)) == ["A"], "its lease was given, and not taken"

    store = ForgetfulStore()
    store.fails = False

    async def main(queue: Queue, world: World) -> None:
        store.fails = True
        await scenario(queue, world)

    simulate(main, store=store)


@pytest.mark.parametrize("call", ["release", "retry", "settle"])
def test_what_is_cancelled_and_done_all_the_same_wakes_the_deliverer(call: str) -> None:
    async def scenario(simulation: SimulatedWorld, turns: int) -> None:
        machine = Machine(simulation)
        queue, now = await machine.open(), machine.world.clock.now()
        await put(
            queue, submission(machine.world, "A", hints=Hints(not_before=None if call == "settle" else now + 5000))
        )
        work: Awaitable[object]
        if call == "settle":
            (lease,) = await queue.next_leases(10)
            work = queue.settle(settlement(lease.message, RecipientState.WAITING, due=now + 60))
        elif call == "release":
            await queue.hold(Selection())
            work = queue.release(Selection(), due=now + 60)
        else:
            work = queue.retry(Selection(), due=now + 60)
        waiting = asyncio.create_task(queue.next_leases(10))
        await asyncio.sleep(1)
        task = asyncio.ensure_future(work)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(1)
        (message,) = await queue.list(Selection(), limit=10)
        (queued,) = message.recipients
        if (queued.state, queued.due) == (RecipientState.WAITING, now + 60):
            assert ids(await asyncio.wait_for(waiting, 120)) == ["A"]
        waiting.cancel()
        await queue.close()

    for turns in range(6):
        run_simulated(lambda simulation, turns=turns: scenario(simulation, turns), seed=turns)  # type: ignore[misc]


def test_a_deliverer_that_stops_gets_nothing_and_leaves_all_in_the_store() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        waiting = asyncio.create_task(queue.next_leases(10))
        await asyncio.sleep(1)
        queue.stop_leasing()
        assert await waiting == ()
        await put(queue, submission(world, "A"))
        assert (await queue.counts()).waiting == 1

    simulate(scenario)


# Refusing


@pytest.mark.parametrize(
    ("error", "code", "status", "cause"),
    [
        (StoreFull("no space"), 452, "4.3.1", "storage.full"),
        (StoreFault("broken"), 451, "4.3.0", "storage.fault"),
    ],
)
@pytest.mark.parametrize("has_deliverer", [True, False])
def test_trouble_of_the_store_is_a_refusal(
    error: Exception, code: int, status: str, cause: str, has_deliverer: bool
) -> None:
    class TroubledStore(MemoryStore):
        async def insert(self, message: NewMessage, *, leased_until: float | None = None) -> QueuedMessage:
            raise error

    async def scenario(queue: Queue, world: World) -> None:
        waiting = asyncio.create_task(queue.next_leases(10)) if has_deliverer else None
        await asyncio.sleep(1)
        answer = await put(queue, submission(world, "A"))
        assert isinstance(answer, Refused)
        assert (answer.reply.code, str(answer.reply.status), answer.reply.cause.id) == (code, status, cause)
        queue.stop_leasing()
        if waiting is not None:
            assert await waiting == ()

    simulate(scenario, store=TroubledStore())


def test_an_aborted_deposit_leaves_nothing() -> None:
    async def scenario(queue: Queue, world: World) -> None:
        deposit = queue.begin(submission(world, "A"))
        await deposit.write(b"hello")
        await deposit.abort()
        await deposit.abort()
        assert (await queue.counts()).messages == 0
        committed = queue.begin(submission(world, "B"))
        await committed.commit(ContentFacts(size=0))
        await committed.abort()
        assert (await queue.counts()).messages == 1, "an abort after the commit does nothing"

    simulate(scenario)


# The spool


@pytest.mark.parametrize("size", [0, 65536, 65537, 3_000_000])
def test_contents_of_every_size_go_through(tmp_path: Path, size: int) -> None:
    octets = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def main() -> None:
        world = real_world()
        store = SqliteStore(str(tmp_path), world)
        queue = Queue(store, world, spool_directory=store.spool_directory)
        await queue.open()
        deposit = queue.begin(new_message("A").submission)
        for start in range(0, size, 10_000):
            await deposit.write(octets[start : start + 10_000])
        assert await deposit.commit(ContentFacts(size=size)) == Taken(MessageId("A"))
        spool = tmp_path / "spool"
        assert [path.name for path in spool.iterdir()] == (["A"] if size > 65536 else [])
        (lease,) = await queue.next_leases(10)
        assert lease.content.size == size
        assert await read(lease.content) == octets
        await queue.settle(settlement(lease.message, RecipientState.DELIVERED))
        assert list(spool.iterdir()) == [], "the file goes with the message"
        queue.stop_leasing()
        alone = queue.crowd.at_once
        for name, remove in (("B", True), ("C", False)):
            deposit = queue.begin(new_message(name).submission)
            await deposit.write(b"x" * 400_000)
            await deposit.commit(ContentFacts(size=400_000)) if remove else await deposit.abort()
            await deposit.abort()
        for _ in range(64):
            queue.crowd.enter()
        assert queue.crowd.at_once == alone, "nobody was left in the crowd"
        assert await queue.remove(Selection()) == 1
        assert list(spool.iterdir()) == []
        await queue.close()

    asyncio.run(main())


def test_orphans_are_swept_at_open(tmp_path: Path) -> None:
    async def main() -> None:
        world = real_world()
        for turn in range(2):
            store = SqliteStore(str(tmp_path), world)
            queue = Queue(store, world, spool_directory=store.spool_directory)
            await queue.open()
            if not turn:
                deposit = queue.begin(new_message("A").submission)
                await deposit.write(b"x" * 100_000)
                await deposit.commit(ContentFacts(size=100_000))
                (tmp_path / "spool" / "orphan").write_bytes(b"left by a crash")
            await queue.close()
        assert [path.name for path in (tmp_path / "spool").iterdir()] == ["A"]

    asyncio.run(main())


def test_of_many_large_contents_less_waits_in_memory_and_nothing_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        world = real_world()
        store = SqliteStore(str(tmp_path), world)
        queue = Queue(store, world, spool_directory=store.spool_directory)
        await queue.open()
        deposits = [queue.begin(new_message(f"M{number}").submission) for number in range(300)]
        octets = b"x" * 90_000
        for deposit in deposits:
            await deposit.write(octets)
        written = sum(path.stat().st_size for path in (tmp_path / "spool").iterdir())
        assert 300 * len(octets) - written < 17 << 20
        for deposit in deposits[1:]:
            await deposit.abort()
        await deposits[0].commit(ContentFacts(size=len(octets)))
        assert (tmp_path / "spool" / "M0").read_bytes() == octets
        await queue.close()

    asyncio.run(main())


@pytest.mark.parametrize("size", [1_000, 100_000], ids=["in a row", "in the spool"])
def test_a_session_that_is_cancelled_at_its_commit_leaves_a_whole_message_or_none(size: int) -> None:
    async def commit_and_cancel(simulation: SimulatedWorld, turns: int) -> bool:
        machine = Machine(simulation)
        queue = await machine.open()
        waiting = asyncio.create_task(queue.next_leases(10))
        deposit = queue.begin(submission(machine.world, "A"))
        await deposit.write(b"x" * size)
        committing = asyncio.create_task(deposit.commit(ContentFacts(size=size)))
        for _ in range(turns):
            await asyncio.sleep(0)
        committing.cancel()
        await asyncio.wait([committing])
        await asyncio.sleep(1)
        stored = await machine.stored()
        assert machine.spool_names() == (["A"] if stored and size > 65536 else []), "without anybody aborting it"
        if stored:
            (lease,) = await asyncio.wait_for(waiting, 60)
            assert await read(lease.content) == b"x" * size, "it is whole, and it is delivered at once"
        waiting.cancel()
        await queue.close()
        await machine.open()
        assert machine.spool_names() == (["A"] if stored and size > 65536 else [])
        await machine.queue.close()
        return bool(stored)

    results = {
        run_simulated(lambda simulation, turns=turns: commit_and_cancel(simulation, turns), seed=turns)  # type: ignore[misc]
        for turns in range(60)
    }
    assert results == {True, False}, "both happened"
