"""ETRN asks the queue for one node's mail: by its index, whatever else waits. RFC 1985."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest

from heloise.app.desk import RequestPolicies, ServerDesk
from heloise.mail.route import Route
from heloise.net import real_world
from heloise.queue.model import NewMessage, RecipientState, Selection
from heloise.queue.queue import Queue
from heloise.queue.sqlite import SqliteStore
from heloise.reception.on_request import EtrnPolicy, NamedQueue, Pace
from heloise.routing.tables import RoutingTables
from heloise.testing.queue_contract import new_message
from heloise.world import Stream

CLIENT = "127.0.0.1"
OURS = ("one@node.test", "two@node.test", "three@node.test")  # in three messages, one of them for others as well


@dataclass(slots=True)
class Traced:
    """What SQLite did: the statements, and the figures of each."""

    statements: list[str] = field(default_factory=list)
    steps: int = 0
    rows_scanned: int = 0

    def __call__(self, event: dict[str, Any]) -> None:
        self.statements.append(event["sql"])
        status = event["stmt_status"]
        self.steps += status["SQLITE_STMTSTATUS_VM_STEP"]
        self.rows_scanned += status["SQLITE_STMTSTATUS_FULLSCAN_STEP"]


@dataclass(slots=True)
class House:
    """A queue, its desk, and what was forgiven."""

    store: SqliteStore
    queue: Queue
    desk: ServerDesk
    forgiven: list[Route | None]

    @property
    def connections(self) -> tuple[apsw.Connection, apsw.Connection]:
        reader, writer = self.store._shard.reader, self.store._shard.writer
        assert reader is not None
        assert writer is not None
        return reader, writer


def in_house(path: Path, play: Callable[[House], Awaitable[None]], *, interval: float = 0.0) -> None:
    async def run() -> None:
        world = real_world()
        store = SqliteStore(str(path / "queue"), world)
        queue = Queue(store, world, spool_directory=None)
        forgiven: list[Route | None] = []

        async def relay(stream: Stream, domains: tuple[str, ...], is_stopping: Callable[[], bool]) -> None:
            raise AssertionError("nobody says ATRN here")

        desk = ServerDesk(
            queue=queue,
            world=world,
            tables=RoutingTables(),
            forgive=forgiven.append,
            relay=relay,
            policies=RequestPolicies(
                etrn=EtrnPolicy(queues={"night": NamedQueue(domains=("node.test", ".sub.test"))}),
                pace=Pace(interval),
            ),
            minimum_free_rule=None,
            version="0",
        )
        await queue.open()
        try:
            await play(House(store, queue, desk, forgiven))
        finally:
            await queue.close()
            await world.blocking.close()

    asyncio.run(run())


def messages(others: int) -> list[NewMessage]:
    """Ours, in the midst of so many for a destination each."""
    made = [new_message(f"M{number:05}", f"user@host{number}.test") for number in range(others)]
    ours = [
        new_message("N1", OURS[0], "somebody@elsewhere.test"),
        new_message("N2", OURS[1]),
        new_message("N3", OURS[2]),
    ]
    return [*made[: others // 2], *ours, *made[others // 2 :]]


async def traced_etrn(house: House, kind: str, node: str) -> tuple[str, Traced, int]:
    """Say ETRN: the reply, what SQLite did, and how many rows were changed."""
    traced = Traced()
    before = sum(connection.total_changes() for connection in house.connections)
    for connection in house.connections:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, traced)
    reply = await house.desk.run(kind, node, CLIENT)
    for connection in house.connections:
        connection.trace_v2(0)
    return str(reply), traced, sum(connection.total_changes() for connection in house.connections) - before


@pytest.mark.slow
def test_etrn_for_one_of_ten_thousand_destinations_touches_only_its_messages(tmp_path: Path) -> None:
    figures: dict[int, tuple[int, int]] = {}

    async def play(house: House, others: int) -> None:
        await house.queue._store.insert_many(messages(others))
        later = 4e9  # in 2096
        await house.queue.retry(Selection(), due=later)
        reply, traced, changed = await traced_etrn(house, "", "node.test")
        assert reply == "253 2.0.0 3 pending messages for node.test started"
        assert changed == len(OURS)  # and no row of anybody else
        assert len(traced.statements) >= 3  # counted, found, changed
        plans = [plan_of(house, statement) for statement in traced.statements if "recipient" in statement]
        assert all(any("recipient" in step and "SEARCH" in step for step in plan) for plan in plans)
        assert not [step for plan in plans for step in plan if step.startswith("SCAN recipient")]
        figures[others] = (traced.steps, traced.rows_scanned)
        due = [
            str(queued.recipient.forward_path)
            for message in await house.queue.list(Selection(), limit=others + 9)
            for queued in message.recipients
            if queued.due < later
        ]
        assert due == [f"<{address}>" for address in OURS]

    for others in (10, 10_000):
        in_house(tmp_path / str(others), lambda house, others=others: play(house, others))  # type: ignore[misc]
    assert figures[10] == figures[10_000]  # so many steps of SQLite's machine, whoever else waits
    assert figures[10][1] <= len(OURS)  # the list of numbers that are changed; no table is scanned


def plan_of(house: House, statement: str) -> list[str]:
    """How SQLite would do it."""
    marks = statement.count("?")
    rows = house.connections[0].execute(f"EXPLAIN QUERY PLAN {statement}", ("[]",) * marks).fetchall()
    return [str(row[3]) for row in rows]


def test_a_destination_in_trouble_is_forgiven_only_when_something_waits_for_it(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.queue._store.insert_many(messages(10))
        assert (await house.desk.run("", "nobody.test", CLIENT)).code == 251
        assert house.forgiven == []
        assert (await house.desk.run("", "node.test", CLIENT)).code == 253
        assert [str(route) for route in house.forgiven] == ["mx:node.test"]

    in_house(tmp_path, play)


def test_a_named_queue_is_all_of_its_domains(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.queue._store.insert_many([*messages(10), new_message("S1", "a@x.sub.test")])
        reply = await house.desk.run("#", "night", CLIENT)
        assert str(reply) == "253 2.0.0 4 pending messages for #night started"

    in_house(tmp_path, play)


def test_more_than_a_thousand_messages_are_started_without_a_count(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.queue._store.insert_many([new_message(f"M{number}", "a@node.test") for number in range(1001)])
        reply = await house.desk.run("", "node.test", CLIENT)
        assert str(reply) == "250 2.0.0 Queuing for node node.test started"

    in_house(tmp_path, play)


def test_what_an_operator_holds_is_not_started(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.queue._store.insert_many(messages(10))
        await house.queue.hold(Selection(domain="node.test"))
        assert (await house.desk.run("", "node.test", CLIENT)).code == 251
        assert await house.queue.count(Selection(domain="node.test", state=RecipientState.HELD)) == 3

    in_house(tmp_path, play)


def test_a_node_is_started_once_in_an_interval_for_each_client(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.queue._store.insert_many(messages(10))
        assert (await house.desk.run("", "empty.test", CLIENT)).code == 251
        assert (await house.desk.run("", "empty.test", CLIENT)).code == 251  # that started nothing
        assert (await house.desk.run("", "node.test", CLIENT)).code == 253
        again = await house.desk.run("", "node.test", CLIENT)
        assert (again.code, again.cause.id) == (458, "etrn.too-often")
        assert (await house.desk.run("", "node.test", "192.0.2.1")).code == 253
        assert len(house.forgiven) == 2

    in_house(tmp_path, play, interval=600.0)


def test_a_queue_that_can_not_be_asked_is_458(tmp_path: Path) -> None:
    async def play(house: House) -> None:
        await house.queue.close()
        reply = await house.desk.run("", "node.test", CLIENT)
        assert (reply.code, reply.cause.id) == (458, "etrn.trouble")

    in_house(tmp_path, play)
