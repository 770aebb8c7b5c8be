"""Who writes passports: mail never waits for them, memory is bounded, trouble is told once."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from heloise.passport.archive import Archive, ArchiveFault
from heloise.passport.entries import Entry, Opened
from heloise.passport.office import BATCH, CAPACITY, PAUSE, PassportOffice
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Files


class Shelf(Archive):
    """Remembers what it is given; fails while `broken`."""

    def __init__(self, files: Files) -> None:
        super().__init__("/nowhere", files)
        self.batches: list[list[Entry]] = []
        self.broken = False
        self.is_closed = False

    def write(self, entries: Sequence[Entry], now: float) -> str | None:
        if self.broken:
            raise ArchiveFault("disk I/O error")
        self.batches.append(list(entries))
        return None

    def close(self) -> None:
        self.is_closed = True


def entry(number: int) -> Entry:
    return Opened(f"S{number}", float(number), "192.0.2.1")


Act = Callable[[PassportOffice, Shelf, list[str]], Coroutine[Any, Any, None]]


def play(act: Act) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        world = simulation.host("mx.example.test", "192.0.2.25").world
        shelf, troubles = Shelf(world.files), list[str]()
        await act(PassportOffice(shelf, world, told=troubles.append), shelf, troubles)

    run_simulated(scenario)


def test_what_is_told_within_a_second_is_written_together() -> None:
    async def act(office: PassportOffice, shelf: Shelf, troubles: list[str]) -> None:
        office.record(entry(0))
        await asyncio.sleep(PAUSE / 2)
        office.record(entry(1))
        assert shelf.batches == []
        await asyncio.sleep(PAUSE)
        assert shelf.batches == [[entry(0), entry(1)]]
        office.record(entry(2))
        await asyncio.sleep(2 * PAUSE)
        assert shelf.batches[1:] == [[entry(2)]]
        await office.close()

    play(act)


def test_a_crowd_is_written_at_once() -> None:
    async def act(office: PassportOffice, shelf: Shelf, troubles: list[str]) -> None:
        for number in range(BATCH):
            office.record(entry(number))
        await asyncio.sleep(PAUSE / 2)
        assert [len(batch) for batch in shelf.batches] == [BATCH]
        await office.close()

    play(act)


def test_a_stop_writes_what_is_left_and_closes() -> None:
    async def act(office: PassportOffice, shelf: Shelf, troubles: list[str]) -> None:
        for number in range(BATCH + 1):
            office.record(entry(number))
        await office.close()
        await office.close()
        assert [each for batch in shelf.batches for each in batch] == [entry(number) for number in range(BATCH + 1)]
        assert shelf.is_closed
        office.record(entry(0))  # what comes after it is lost, and harms nobody
        await asyncio.sleep(2 * PAUSE)

    play(act)


def test_when_the_disk_can_not_keep_up_the_oldest_go_and_are_counted() -> None:
    async def act(office: PassportOffice, shelf: Shelf, troubles: list[str]) -> None:
        for number in range(CAPACITY + 10):
            office.record(entry(number))
        assert office.dropped == 10
        assert len(troubles) == 1
        await office.close()
        assert shelf.batches[0][0] == entry(10)

    play(act)


def test_a_disk_in_trouble_is_told_once_and_written_to_again() -> None:
    async def act(office: PassportOffice, shelf: Shelf, troubles: list[str]) -> None:
        shelf.broken = True
        for number in range(3):
            office.record(entry(number))
            await asyncio.sleep(2 * PAUSE)
        assert troubles == ["disk I/O error"]
        assert office.dropped == 3
        shelf.broken = False
        office.record(entry(3))
        await asyncio.sleep(2 * PAUSE)
        assert shelf.batches == [[entry(3)]]
        await office.close()

    play(act)
