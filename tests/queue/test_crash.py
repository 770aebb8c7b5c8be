"""The power is cut at every sync there is: what was promised is there, and nothing is there by half."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from heloise.mail.ids import MessageId
from heloise.mail.sink import Companion, Taken
from heloise.queue.errors import StoreFault
from heloise.queue.model import Debt, NewMessage, QueuedMessage, RecipientState, Selection, Settlement
from heloise.queue.sqlite import SqliteStore
from heloise.testing import SimulatedWorld, Unsynced, run_simulated
from heloise.testing.inode import Inode
from heloise.testing.queue_contract import new_message, settlement
from tests.queue.machines import Machine, PowerCut

CONTENTS = {
    "A": b"small\r\n",
    "B": b"large\r\n" * 30_000,
    "C": b"c\r\n",
    "D": b"d\r\n",
    "E": b"also large\r\n" * 10_000,
    "F": b"to a list\r\n",
    "G": b"a copy, and a large one\r\n" * 5_000,
    "H": b"the report on F\r\n",
    "J": b"the report on G\r\n",
    "O": b"somebody is owed a report\r\n",
    "R": new_message("R").octets or b"",
    "P": new_message("P").octets or b"",
}
CONTENTS |= {"I": CONTENTS["G"], "K": CONTENTS["F"]}  # go on under other reverse paths
TOGETHER = ("FHK", "GIJ")
LARGE = {"B", "E", "G", "I"}
RECIPIENTS = {"O": ("x@example.org", "y@example.com"), "C": ("one@example.org", "two@example.net", "three@example.com")}


class Promises:
    """What the queue has answered: `kept` must be there, `gone` must not, about the rest nothing was said.

    `taken` is all that was ever taken: of these there is the message, or the report, or an end without a report.
    `settled` is what an end was asked for, so that it may be gone. Of `owing` all have ended, and nobody was told.
    """

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.kept: set[str] = set()
        self.gone: set[str] = set()
        self.settled: set[str] = set()
        self.owing: set[str] = set()


def copy(name: str) -> Companion:
    return Companion(submission=new_message(name, sender="owner@example.org").submission)


def report(name: str) -> Companion:
    return Companion(submission=new_message(name, sender="").submission, octets=CONTENTS[name])


async def _work(machine: Machine, promises: Promises) -> None:
    """Something of everything that is written."""
    await machine.open()

    async def put(name: str, *companions: Companion) -> None:
        new = new_message(name, *RECIPIENTS.get(name, ())).submission
        answer = await machine.put(new, CONTENTS[name], *companions)
        if isinstance(answer, Taken):
            names = {name, *(str(each.submission.message_id) for each in companions)}
            promises.taken |= names
            promises.kept |= names

    async def settle(message: QueuedMessage, *reports: str) -> None:
        promises.kept.discard(message.message_id)
        promises.settled.add(message.message_id)
        new = [new_message(report) for report in reports]
        await machine.queue.settle(settlement(message, RecipientState.FAILED, reports=new))
        promises.gone.add(message.message_id)
        promises.kept.update(reports)

    async def owe(message: QueuedMessage) -> tuple[Debt, ...]:
        debts = tuple(Debt(each.id, f"what became of {each.id}") for each in message.recipients)
        await machine.queue.settle(replace(settlement(message, RecipientState.FAILED), owed=debts))
        promises.owing.add(message.message_id)
        return debts

    async def pay(name: MessageId, debts: tuple[Debt, ...], report: str) -> None:
        promises.kept.discard(name)
        promises.owing.discard(name)
        await machine.queue.settle(Settlement(message_id=name, changes=(), reports=(new_message(report),), paid=debts))
        promises.gone.add(name)
        promises.kept.add(report)

    await put("O")
    await put("A")
    await put("B")
    await asyncio.gather(put("C"), put("D"), put("E"))
    await asyncio.gather(put("F", copy("K"), report("H")), put("G", copy("I"), report("J")))
    await machine.queue.hold(Selection(recipient="two@example.net"))
    leases = await machine.queue.next_leases(100)
    messages = {lease.message.message_id: lease.message for lease in leases}
    for name, reports in (("A", ("R",)), ("B", ()), ("G", ())):
        await settle(next(message for key, message in messages.items() if key == name), *reports)
    debts = await owe(messages[MessageId("O")])
    promises.kept.discard("C")
    await machine.queue.remove(Selection(domain="example.net"))
    promises.kept.add("C")
    await pay(MessageId("O"), debts, "P")
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
    if "A" in promises.taken:
        assert ("A" in stored) != ("R" in stored), "a report is there when its message is gone, and not before"
    if "O" in promises.taken:
        assert ("O" in stored) != ("P" in stored), "a message stays until its sender was told"
    for name in promises.owing:
        owed = await machine.queue.owed(MessageId(name))
        assert owed is not None, "what is owed is known after the crash"
        assert len(owed.debts) == len(RECIPIENTS[name])
        assert all(each.state is RecipientState.FAILED for each in stored[name][0].recipients), "nobody is tried again"
    for names in TOGETHER:
        assert len(stored.keys() & set(names) | promises.settled & set(names)) in (0, len(names)), "all or none"
    assert machine.spool_names() == sorted(stored.keys() & LARGE), "no spool file without a row"
    answer = await machine.put(new_message("Z").submission, b"and it goes on")
    assert isinstance(answer, Taken)
    await machine.queue.close()


def _run(seed: int, crash_at: int, unsynced: Unsynced, kind: type[SqliteStore] = SqliteStore) -> bool:
    """False when there are not so many syncs."""

    async def scenario(simulation: SimulatedWorld) -> bool:
        machine, promises = Machine(simulation, kind), Promises()
        power_cut = PowerCut(machine, crash_at, unsynced)
        with suppress(StoreFault):
            await _work(machine, promises)
        await asyncio.sleep(1)  # what was under way fails
        await machine.queue.close()
        happened = power_cut.end()
        machine.kind = SqliteStore
        await _check(machine, promises)
        return happened

    return run_simulated(scenario, seed=seed)


def _crash_everywhere(seed: int, unsynced: Unsynced, kind: type[SqliteStore] = SqliteStore) -> int:
    for crash_at in count(1):
        if not _run(seed, crash_at, unsynced, kind):
            return crash_at - 1
    raise AssertionError


@pytest.mark.parametrize("unsynced", list(Unsynced))
def test_power_cut_at_every_sync(unsynced: Unsynced) -> None:
    assert _crash_everywhere(1, unsynced) > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_power_cut_at_every_sync_with_other_interleavings(seed: int) -> None:
    assert _crash_everywhere(seed, Unsynced.DRAWN) > 10


# The check itself: stores that are broken on purpose, and must be found out


class SettlesBeforeItReports(SqliteStore):
    """Two transactions where there must be one."""

    async def settle(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        await super().settle(replace(settlement, reports=()))
        await self.insert_many(settlement.reports)


class ReportsBeforeItSettles(SqliteStore):
    """The same, the other way round."""

    async def settle(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        await self.insert_many(settlement.reports)
        await super().settle(replace(settlement, reports=()))


class TakesOneByOne(SqliteStore):
    """A transaction for each of those that belong together."""

    async def insert_many(self, messages: Sequence[NewMessage]) -> None:
        for message in messages:
            await self.insert(message)


class DoesNotSync(SqliteStore):
    """Says that it is done when the system has it, but the disk has not."""

    async def open(self) -> None:
        await super().open()
        connection = self._shard.writer
        assert connection is not None
        connection.pragma("synchronous", "off")


class SweepsBeforeItCommits(SqliteStore):
    """Removes the file of a message that is still there when the commit fails."""

    async def settle(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        await self._sweep([settlement.message_id])
        await super().settle(settlement)


@pytest.mark.interpreted("it breaks the store by a subclass, and a compiled class has none")
@pytest.mark.parametrize(
    "broken", [SettlesBeforeItReports, ReportsBeforeItSettles, TakesOneByOne, DoesNotSync, SweepsBeforeItCommits]
)
def test_a_broken_store_is_found_out(broken: type[SqliteStore]) -> None:
    def crash() -> None:
        for seed in range(1, 30):
            _crash_everywhere(seed, Unsynced.DRAWN, broken)

    with pytest.raises((AssertionError, FileNotFoundError)):
        crash()


# Other ends than a power cut


def test_directories_that_were_just_made_survive_a_power_cut() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        machine.directory = "/var/lib/heloise/deep/down/queue"
        await machine.open()
        assert isinstance(await machine.put(new_message("A").submission, CONTENTS["A"]), Taken)
        assert isinstance(await machine.put(new_message("B").submission, CONTENTS["B"]), Taken)
        machine.crash(Unsynced.LOST)
        await machine.queue.close()
        await machine.open()
        assert {name: content for name, (_, content) in (await machine.stored()).items()} == {
            name: CONTENTS[name] for name in "AB"
        }
        await machine.queue.close()

    run_simulated(scenario)


@pytest.mark.parametrize("failing", range(1, 6))
@pytest.mark.parametrize("name", ["A", "B"])
def test_a_kill_after_a_failing_sync_leaves_a_whole_message_or_none(name: str, failing: int) -> None:
    """A commit whose sync failed may be found in the log by the next process; then it is whole, spool file and all."""

    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        assert isinstance(await machine.put(new_message("Z").submission, b"before"), Taken)
        sync, left = machine.disk.sync_inode, failing

        def fail(path: str, inode: Inode) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                machine.disk.fail_syncs(1)
            sync(path, inode)

        machine.disk.sync_inode = fail  # type: ignore[method-assign]
        answer = await machine.put(new_message(name).submission, CONTENTS[name])
        machine.disk.sync_inode = sync  # type: ignore[method-assign]
        machine.disk.fail_syncs(0)
        machine.kill()
        await machine.open()
        stored = await machine.stored()
        assert stored["Z"][1] == b"before"
        if isinstance(answer, Taken):
            assert name in stored
        if name in stored:
            (recipient,) = stored[name][0].recipients
            assert (stored[name][1], recipient.state) == (CONTENTS[name], RecipientState.WAITING)
        assert machine.spool_names() == sorted(stored.keys() & {"B"})
        await machine.queue.close()

    run_simulated(scenario)


def test_what_is_taken_after_a_failed_sync_and_a_restart_survives_a_power_cut() -> None:
    """What the failed sync left in the log is read by the next process, but will never be on the disk: what comes after
    it in the log would be lost with it."""

    async def scenario(simulation: SimulatedWorld) -> None:
        machine = Machine(simulation)
        await machine.open()
        assert isinstance(await machine.put(new_message("A").submission, CONTENTS["A"]), Taken)
        machine.disk.fail_syncs(1)
        assert not isinstance(await machine.put(new_message("C").submission, CONTENTS["C"]), Taken)
        machine.kill()
        await machine.open()
        assert isinstance(await machine.put(new_message("D").submission, CONTENTS["D"]), Taken)
        machine.crash(Unsynced.LOST)
        await machine.queue.close()
        await machine.open()
        assert {"A", "D"} <= (await machine.stored()).keys()
        await machine.queue.close()

    run_simulated(scenario)
