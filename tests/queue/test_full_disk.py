"""A full disk refuses with 452 and loses nothing; with room again it goes on by itself."""

import asyncio

import pytest

from heloise.mail.sink import Refused, Taken
from heloise.queue.model import RecipientState
from heloise.queue.queue import QueueOptions
from heloise.testing import DiskFaults, SimulatedWorld, Unsynced, run_simulated
from heloise.testing.queue_contract import new_message, settlement
from tests.queue.machines import Machine


async def _fill(machine: Machine, size: int, prefix: str) -> tuple[list[str], Refused]:
    """Put messages until one is refused."""
    taken: list[str] = []
    while True:
        answer = await machine.put(new_message(f"{prefix}{len(taken):04}").submission, b"x" * size)
        if isinstance(answer, Refused):
            return taken, answer
        taken.append(answer.message_id)


@pytest.mark.parametrize("size", [3_000, 200_000], ids=["in rows", "in the spool"])
def test_full_disk_is_refused_with_452_and_keeps_what_was_taken(size: int) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        machine.disk.faults = DiskFaults(quota=2_000_000)
        await machine.open()
        taken, refused = await _fill(machine, size, "A")
        assert (refused.reply.code, str(refused.reply.status)) == (452, "4.3.1")
        assert refused.reply.cause.id == "storage.full"
        assert len(taken) > 5
        machine.disk.faults = DiskFaults(quota=4_000_000)
        more, _ = await _fill(machine, size, "B")
        assert len(more) > 5, "with room again it goes on"
        machine.disk.faults = DiskFaults()
        await machine.queue.close()
        await machine.open()
        stored = await machine.stored()
        assert sorted(stored) == sorted((*taken, *more))
        assert all(content == b"x" * size for _, content in stored.values())
        await machine.queue.close()

    run_simulated(scenario)


def test_many_at_once_on_a_full_disk_are_each_told() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        machine.disk.faults = DiskFaults(quota=1_000_000)
        await machine.open()
        answers = await asyncio.gather(
            *(machine.put(new_message(f"M{number:03}").submission, b"x" * 20_000) for number in range(100))
        )
        taken = sorted(answer.message_id for answer in answers if isinstance(answer, Taken))
        assert 0 < len(taken) < 100
        assert {answer.reply.code for answer in answers if isinstance(answer, Refused)} == {452}
        assert sorted(await machine.stored()) == taken
        await machine.queue.close()

    run_simulated(scenario)


def test_with_a_reserve_a_full_queue_can_be_drained() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        machine.disk.faults = DiskFaults(quota=8_000_000)
        await machine.open(QueueOptions(minimum_free=6_000_000))
        taken: list[Taken] = []
        while isinstance(answer := await machine.put(new_message(f"A{len(taken):04}").submission, b"x" * 3_000), Taken):
            taken.append(answer)
            await asyncio.sleep(1.5)  # the disk is looked at once a second
        left = len(taken)
        assert left > 30
        while left:
            for lease in await machine.queue.next_leases(10):
                await machine.queue.settle(settlement(lease.message, RecipientState.DELIVERED))
                left -= 1
        assert (await machine.queue.counts()).messages == 0
        await machine.queue.close()

    run_simulated(scenario)


def test_a_reserve_is_kept_free() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        machine.disk.faults = DiskFaults(quota=2_000_000)
        await machine.open(QueueOptions(minimum_free=1_000_000))
        assert machine.queue.room_for(1000) is None
        refusal = machine.queue.room_for(1_500_000)
        assert refusal is not None
        assert refusal.code == 452
        taken: list[Taken] = []
        while isinstance(answer := await machine.put(new_message(f"M{len(taken)}").submission, b"x" * 50_000), Taken):
            taken.append(answer)
            await asyncio.sleep(1.5)  # the disk is looked at once a second
        assert len(taken) > 3
        assert machine.disk.free_octets("/") > 800_000
        await machine.queue.close()

    run_simulated(scenario)


def test_a_disk_that_does_not_answer_is_refused_with_451() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open(QueueOptions(minimum_free=1_000_000))
        machine.crash(Unsynced.KEPT)
        for _ in range(2):
            refusal = machine.queue.room_for(1000)
            assert refusal is not None
            assert (refusal.code, refusal.cause.id) == (451, "storage.fault")
        await machine.queue.close()

    run_simulated(scenario)


def test_a_failing_sync_is_refused_with_451_and_keeps_nothing() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        assert isinstance(await machine.put(new_message("A").submission, b"before"), Taken)
        for octets in (b"small", b"large" * 40_000):
            machine.disk.fail_syncs(1000)
            answer = await machine.put(new_message("B").submission, octets)
            machine.disk.fail_syncs(0)
            assert isinstance(answer, Refused)
            assert (answer.reply.code, answer.reply.cause.id) == (451, "storage.fault")
            assert list(await machine.stored()) == ["A"]
            assert machine.spool_names() == []
        assert isinstance(await machine.put(new_message("C").submission, b"after"), Taken)
        await machine.queue.close()

    run_simulated(scenario)
