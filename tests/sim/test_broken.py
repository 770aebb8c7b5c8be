"""The judge catches servers that break the order of things: each one here is wrong on purpose."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import apsw
import pytest

from heloise.app.server.mail_server import MailServer
from heloise.delivery.deliverer import Deliverer
from heloise.mail.content import ContentFacts
from heloise.mail.sink import Taken
from heloise.queue.deposit import QueueDeposit
from heloise.queue.model import RecipientChange, RecipientState, Selection, Settlement
from heloise.queue.queue import Queue
from heloise.queue.shard import Shard
from heloise.testing import DiskFaults, JudgementError
from tests.sim.scenario import FAIR, HOUR, Rigging, run

SEEDS = 60
COMPILED_CODE_STAYS = pytest.mark.interpreted("it breaks a method from outside, which compiled callers do not notice")


def laws_broken(rigging: Rigging, until: str) -> set[str]:
    """The laws that were found broken, in as many seeds as it takes to find `until`."""
    found = set[str]()
    for seed in range(SEEDS):
        try:
            run(seed, rigging)
        except (JudgementError, ExceptionGroup) as error:
            found.update(_laws(error))
        except AssertionError:
            pass  # a broken server may leave tasks behind, too
        if until in found:
            break
    return found


def _laws(error: BaseException) -> set[str]:
    if isinstance(error, BaseExceptionGroup):
        return set[str]().union(*map(_laws, error.exceptions))
    return {violation.law for violation in error.violations} if isinstance(error, JudgementError) else set()


CRASHES = replace(FAIR, only_crashes=True)


def test_a_disk_that_lies_loses_mail() -> None:
    assert "lost" in laws_broken(replace(CRASHES, disk_faults=DiskFaults(lies=True)), "lost")


@COMPILED_CODE_STAYS
def test_a_log_that_is_synced_at_checkpoints_only_loses_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    connect: Callable[[Shard], apsw.Connection] = Shard._connect

    def carelessly(shard: Shard) -> apsw.Connection:
        connection = connect(shard)
        connection.pragma("synchronous", "normal")
        return connection

    monkeypatch.setattr(Shard, "_connect", carelessly)
    assert "lost" in laws_broken(CRASHES, "lost")


@COMPILED_CODE_STAYS
def test_an_answer_before_the_commit_loses_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = QueueDeposit.commit
    late: list[asyncio.Task[Any]] = []

    async def at_once(deposit: QueueDeposit, facts: ContentFacts, *companions: Any) -> Taken:
        async def later() -> None:
            await asyncio.sleep(1.0)
            await commit(deposit, facts, *companions)

        late.append(asyncio.create_task(later()))
        return Taken(deposit._submission.message_id)

    monkeypatch.setattr(QueueDeposit, "commit", at_once)
    assert "lost" in laws_broken(CRASHES, "lost")


@COMPILED_CODE_STAYS
def test_a_deliverer_that_settles_before_it_delivers_loses_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    deliver: Callable[..., Awaitable[None]] = Deliverer._deliver

    async def in_the_wrong_order(deliverer: Deliverer, message: Any, *rest: Any) -> None:
        changes = _ended(message.recipients)
        await deliverer._queue.settle(Settlement(message_id=message.message_id, changes=changes))
        await deliver(deliverer, message, *rest)

    monkeypatch.setattr(Deliverer, "_deliver", in_the_wrong_order)
    assert "lost" in laws_broken(CRASHES, "lost")


def _ended(recipients: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        RecipientChange(recipient_id=each.id, state=RecipientState.DELIVERED, due=0.0, attempts=1, last_word=None)
        for each in recipients
    )


@COMPILED_CODE_STAYS
def test_a_settlement_without_its_report_loses_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = Queue.settle

    async def silently(queue: Queue, settlement: Settlement, *, can_wait: bool = False) -> None:
        await settle(queue, replace(settlement, reports=()))

    monkeypatch.setattr(Queue, "settle", silently)
    assert "lost" in laws_broken(FAIR, "lost")


@COMPILED_CODE_STAYS
def test_a_queue_that_forgets_what_is_owed_loses_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = Queue.settle

    async def forgetfully(queue: Queue, settlement: Settlement, *, can_wait: bool = False) -> None:
        await settle(queue, replace(settlement, owed=()))

    monkeypatch.setattr(Queue, "settle", forgetfully)
    assert "lost" in laws_broken(FAIR, "lost")


@COMPILED_CODE_STAYS
def test_a_deliverer_that_forgets_to_settle_delivers_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = Queue.settle

    async def as_if_delayed(queue: Queue, settlement: Settlement, *, can_wait: bool = False) -> None:
        delivered = RecipientState.DELIVERED
        changes = [
            replace(each, state=RecipientState.WAITING, due=each.due + 6 * HOUR) if each.state is delivered else each
            for each in settlement.changes
        ]
        await settle(queue, replace(settlement, changes=tuple(changes)))

    monkeypatch.setattr(Queue, "settle", as_if_delayed)
    assert "doubled" in laws_broken(FAIR, "doubled")


@pytest.mark.slow
def test_a_server_that_forgets_a_message_at_the_stop_loses_mail() -> None:
    class Forgetful(MailServer):
        async def stop(self) -> None:
            await self.queue.remove(Selection())
            await super().stop()

    assert "lost" in laws_broken(replace(FAIR, make=Forgetful), "lost")
