"""The virtual loop: time is a number, and standing still is an error."""

import asyncio
import time

import pytest

from heloise.testing import Stuck, VirtualTime, run_in_virtual_time

DAY = 86_400.0


def test_five_days_pass_at_once_and_exactly() -> None:
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.sleep(5 * DAY)
        return loop.time() - start

    started = time.monotonic()
    assert run_in_virtual_time(wait()) == pytest.approx(5 * DAY)
    assert time.monotonic() - started < 1.0


def test_timeouts_and_timers_keep_their_order() -> None:
    async def race() -> list[str]:
        told: list[str] = []

        async def tell(after: float, what: str) -> None:
            await asyncio.sleep(after)
            told.append(what)

        async with asyncio.TaskGroup() as group:
            group.create_task(tell(300.0, "last"))
            group.create_task(tell(0.001, "first"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60.0):
                    await asyncio.Event().wait()
            told.append("timeout")
        return told

    assert run_in_virtual_time(race()) == ["first", "timeout", "last"]


def test_waiting_for_what_never_happens_names_the_task_and_the_place() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.create_task(never(), name="the sleeper")

    with pytest.raises(Stuck, match=r"the sleeper in Event\.wait:\d+"):
        run_in_virtual_time(main())


def test_what_goes_on_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heloise.testing.loop.ROUNDS", 1000)

    async def for_ever() -> None:
        while True:  # noqa: ASYNC110  # that it never ends is the point
            await asyncio.sleep(0.1)

    with pytest.raises(Stuck, match="no end of it"):
        run_in_virtual_time(for_ever())


def test_a_loop_that_spins_without_time_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heloise.testing.loop.ROUNDS_WITHOUT_TIME", 1000)

    async def spin() -> None:
        while True:  # noqa: ASYNC110  # to spin is the point
            await asyncio.sleep(0)

    with pytest.raises(Stuck, match="time stands still"):
        run_in_virtual_time(spin())


def test_a_later_loop_goes_on_where_the_first_ended() -> None:
    world_time = VirtualTime(0.0)
    run_in_virtual_time(asyncio.sleep(10.0), world_time)
    run_in_virtual_time(asyncio.sleep(5.0), world_time)
    assert world_time.seconds == pytest.approx(15.0)
