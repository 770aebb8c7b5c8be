"""The real world as a whole, its clock, its chance and its threads."""

import asyncio
import threading
import time

import pytest

from heloise.net import SystemClock, SystemEntropy, Threads, real_world
from heloise.world import World


def test_making_a_world_starts_nothing() -> None:
    before = threading.active_count()
    assert isinstance(real_world(), World)
    assert threading.active_count() == before


def test_the_clock_is_that_of_the_machine_and_of_the_loop() -> None:
    async def difference() -> float:
        return abs(asyncio.get_running_loop().time() - SystemClock().monotonic())

    assert abs(SystemClock().now() - time.time()) < 1.0
    assert asyncio.run(difference()) < 1.0


def test_entropy_shuffles_without_losing_anything() -> None:
    entropy = SystemEntropy()
    assert sorted(entropy.shuffled(range(50))) == list(range(50))
    assert 0.0 <= entropy.random() < 1.0
    assert entropy.octets(16) != entropy.octets(16)


def test_a_lane_is_one_thread_and_not_the_loops() -> None:
    async def scenario() -> None:
        lane = Threads(name="test", count=4).lane("writer")
        names = {await lane.run(lambda: threading.current_thread().name) for _ in range(10)}
        await lane.close()
        assert names == {"heloise-writer_0"}

    asyncio.run(scenario())


def test_the_loop_runs_on_while_work_blocks() -> None:
    async def scenario() -> None:
        threads = Threads(name="test", count=1)
        blocked = threading.Event()
        work = asyncio.create_task(threads.run(blocked.wait, 5.0))
        await asyncio.sleep(0)
        blocked.set()
        assert await work
        await threads.close()

    asyncio.run(scenario())


def test_closing_waits_for_the_work() -> None:
    async def scenario() -> None:
        threads = Threads(name="test", count=1)
        may_end, done = threading.Event(), list[int]()
        works = [asyncio.create_task(threads.run(may_end.wait, 5.0)), asyncio.create_task(threads.run(done.append, 1))]
        await asyncio.sleep(0)
        closing = asyncio.create_task(threads.close())
        await asyncio.sleep(0)
        may_end.set()
        await closing
        assert done == [1]
        await asyncio.wait(works)
        with pytest.raises(RuntimeError):
            await threads.run(int)

    asyncio.run(scenario())
