"""The power is cut at every sync there is: what was promised is there, and nothing is there by half."""

import asyncio
from contextlib import suppress
from itertools import count

import pytest

from heloise.mail.sink import Taken
from heloise.queue.errors import StoreFault
from heloise.queue.model import QueuedMessage, RecipientState, Selection
from heloise.testing import SimulatedWorld, Unsynced, run_simulated
from heloise.testing.queue_contract import new_message, settlement
from tests.queue.machines import Machine, PowerCut

CONTENTS = {
    "A": b"small\r\n",
    "B": b"large\r\n" * 30_000,
    "C": b"c\r\n",
    "D": b"d\r\n",
    "E": b"also large\r\n" * 10_000,
    "R": new_message("R").octets or b"",
}
RECIPIENTS = {"C": ("one@example.org", "two@example.net", "three@example.com")}


class Promises:
    """What the queue has answered: `kept` must be there, `gone` must not, about the rest nothing was said."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.gone: set[str] = set()


async def _work(machine: Machine, promises: Promises) -> None:
    """Something of everything that is written."""
    await machine.open()

    async def put(name: str) -> None:
        answer = await machine.put(new_message(name, *RECIPIENTS.get(name, ())).submission, CONTENTS[name])
        if isinstance(answer, Taken):
            promises.kept.add(name)

    async def settle(message: QueuedMessage, *reports: str) -> None:
        promises.kept.discard(message.message_id)
        new = [new_message(report) for report in reports]
        await machine.queue.settle(settlement(message, RecipientState.FAILED, reports=new))
        promises.gone.add(message.message_id)
        promises.kept.update(reports)

    await put("A")
    await put("B")
    await asyncio.gather(put("C"), put("D"), put("E"))
    await machine.queue.hold(Selection(recipient="two@example.net"))
    leases = await machine.queue.next_leases(100)
    messages = {lease.message.message_id: lease.message for lease in leases}
    for name, reports in (("A", ("R",)), ("B", ())):
        await settle(next(message for key, message in messages.items() if key == name), *reports)
    promises.kept.discard("C")
    await machine.queue.remove(Selection(domain="example.net"))
    promises.kept.add("C")
    await machine.queue.close()


async def _check(machine: Machine, promises: Promises) -> None:
    await machine.open()
    stored = await machine.stored()
    assert promises.kept <= stored.keys(), "what was promised is there"
    assert not promises.gone & stored.keys(), "what was settled is not delivered again"
    for name, (message, content) in stored.items():
        assert content == CONTENTS[name], "contents are whole"
        assert len(message.recipients) >= len(RECIPIENTS.get(name, ("one",))) - 1, "recipients are all there"
        assert all(each.state is not RecipientState.LEASED for each in message.recipients)
    if "R" in stored:
        assert "A" not in stored, "a report is there when its message is gone, and not before"
    elif "A" not in stored:
        assert "A" not in promises.gone
    assert machine.spool_names() == sorted(stored.keys() & {"B", "E"}), "no spool file without a row"
    answer = await machine.put(new_message("Z").submission, b"and it goes on")
    assert isinstance(answer, Taken)
    await machine.queue.close()


def _run(seed: int, crash_at: int, unsynced: Unsynced) -> bool:
    """False when there are not so many syncs."""

    async def scenario(simulation: SimulatedWorld) -> bool:
        machine, promises = Machine(simulation), Promises()
        power_cut = PowerCut(machine, crash_at, unsynced)
        with suppress(StoreFault):
            await _work(machine, promises)
        await asyncio.sleep(1)  # what was under way fails
        await machine.queue.close()
        happened = power_cut.end()
        await _check(machine, promises)
        return happened

    return run_simulated(scenario, seed=seed)


def _crash_everywhere(seed: int, unsynced: Unsynced) -> int:
    for crash_at in count(1):
        if not _run(seed, crash_at, unsynced):
            return crash_at - 1
    raise AssertionError


@pytest.mark.parametrize("unsynced", list(Unsynced))
def test_power_cut_at_every_sync(unsynced: Unsynced) -> None:
    assert _crash_everywhere(1, unsynced) > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_power_cut_at_every_sync_with_other_interleavings(seed: int) -> None:
    assert _crash_everywhere(seed, Unsynced.DRAWN) > 10
