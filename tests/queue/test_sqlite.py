"""What is particular to the SQLite store: formats, the lock, records that can not be read, indexes, kill -9."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heloise.mail.content import ContentFacts
from heloise.mail.hints import Hints
from heloise.mail.ids import MessageId
from heloise.mail.route import Route, Transport
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin
from heloise.net import real_world
from heloise.queue.errors import StoreFault
from heloise.queue.model import NewMessage, QueueCounts, RecipientState, Selection
from heloise.queue.passing import LOOK, postponement
from heloise.queue.questions import NEXT_DUE, listing
from heloise.queue.schema import FORMAT, GOES_WITH_ITS_MESSAGE, MIGRATIONS
from heloise.queue.selecting import condition
from heloise.queue.settling import READ, change_statement
from heloise.queue.sqlite import SqliteStore
from heloise.queue.statements import ALL_DUE, NUMBERS_DUE
from heloise.testing.queue_contract import LATER, NOW, new_message, read
from tests.strategies import ENVELOPES, FACTS

T = TypeVar("T")


def with_store(path: Path, scenario: Callable[[SqliteStore], Awaitable[T]]) -> T:
    """Run `scenario` with the store in `path`, open."""

    async def main() -> T:
        store = SqliteStore(str(path), real_world())
        try:
            await store.open()
            return await scenario(store)
        finally:
            await store.close()

    return asyncio.run(main())


def change_by_hand(path: Path, statement: str) -> None:
    with apsw.Connection(str(path / "queue.db")) as connection:
        connection.execute(statement)
    connection.close()


# The owner


def test_a_second_owner_is_told_who_the_first_is(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        other = SqliteStore(str(tmp_path), real_world())
        with pytest.raises(StoreFault, match=f"in use by process {os.getpid()}"):
            await other.open()
        await other.close()
        await store.insert(new_message("A"))

    with_store(tmp_path, scenario)
    assert with_store(tmp_path, lambda store: store.counts()).messages == 1


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        store = SqliteStore(str(tmp_path), real_world())
        await store.open()
        await store.close()
        with pytest.raises(StoreFault, match="closed"):
            await store.insert(new_message("A"))
        with pytest.raises(StoreFault, match="closed"):
            await store.next_due()

    asyncio.run(main())


# Formats


def test_a_store_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    with_store(tmp_path, lambda store: store.insert(new_message("A")))
    change_by_hand(tmp_path, f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(StoreFault, match=f"format {FORMAT + 1}"):
        with_store(tmp_path, lambda store: store.counts())
    change_by_hand(tmp_path, f"PRAGMA user_version = {FORMAT}")
    assert with_store(tmp_path, lambda store: store.counts()).messages == 1, "and it was not touched"


def test_a_store_of_format_1_is_read(tmp_path: Path) -> None:
    """The rows are written here as a program of format 1 did. Never change this test: add one for each format."""
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    connection.pragma("user_version", 1)
    connection.execute(
        "INSERT INTO message VALUES(7, 'A1', '<alice@example.com>', 'RET=HDRS ENVID=x', "
        """'["client.example", "192.0.2.7", "ESMTP", "s1", null]', '[null, 2000000.0, 3]', """
        "5, 1, 0, 1000000.5, 2, 1, NULL)"
    )
    connection.execute("INSERT INTO content VALUES(7, x'68690d0aff')")
    connection.execute(
        "INSERT INTO recipient VALUES(7, 7, '<bob@example.org>', 'NOTIFY=NEVER', 'mx:example.org', 'org.example.', 2,"
        " 0.0, 1, NULL), (8, 7, '<Postmaster>', '', 'maildir:root', '', 1, 5.0, 1,"
        """ '[1000001.5, "451 4.3.0 later", "peer.said", "mx.example.org"]')"""
    )
    connection.close()

    async def scenario(store: SqliteStore) -> None:
        (message,) = await store.list(Selection(), limit=10)
        assert str(message.envelope.parameters) == "RET=HDRS ENVID=x"
        assert message.hints == Hints(expires_at=2000000.0, priority=3)
        assert message.origin.received_at == 1000000.5
        assert message.facts == ContentFacts(size=5, eight_bit=True)
        assert [each.state for each in message.recipients] == [RecipientState.DELIVERED, RecipientState.WAITING]
        assert message.recipients[1].last_word is not None
        assert message.recipients[1].last_word.remote_mta == "mx.example.org"
        assert await read(await store.content(MessageId("A1"))) == b"hi\r\n\xff"
        assert await store.count(Selection(recipient="Postmaster")) == 1

    with_store(tmp_path, scenario)


# Records that can not be read


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE message SET origin = 'nonsense' WHERE message_id = 'B'",
        "UPDATE message SET path = 'no brackets' WHERE message_id = 'B'",
        "UPDATE message SET hints = '[1]' WHERE message_id = 'B'",
        "UPDATE recipient SET route = 'pigeon:home' WHERE id = 2",
        "UPDATE recipient SET parameters = 'A=B A=C' WHERE id = 2",
        "UPDATE recipient SET last_word = '{' WHERE id = 2",
        "UPDATE recipient SET route = CAST(x'ff' AS TEXT) WHERE id = 2",
        "UPDATE message SET origin = CAST(x'ff' AS TEXT) WHERE message_id = 'B'",
    ],
)
def test_a_record_that_can_not_be_read_is_set_aside_and_shown(tmp_path: Path, statement: str) -> None:
    async def fill(store: SqliteStore) -> None:
        await store.insert_many([new_message("A"), new_message("B"), new_message("C")])

    async def scenario(store: SqliteStore) -> None:
        leases = await store.lease(now=NOW, until=LATER, limit=10)
        assert [lease.message.message_id for lease in leases] == ["A", "C"]
        listed = await store.list(Selection(), limit=10)
        assert [message.message_id for message in listed] == ["A", "B", "C"]
        assert listed[1].origin.hello_name == "unreadable"
        assert await store.counts() == QueueCounts(messages=3, waiting=0, leased=2, held=1)
        assert await store.release(Selection(message_id=MessageId("B")), due=NOW) == 1
        assert await store.lease(now=NOW, until=LATER, limit=10) == ()
        assert await store.remove(Selection(message_id=MessageId("B"))) == 1

    with_store(tmp_path, fill)
    change_by_hand(tmp_path, statement)
    with_store(tmp_path, scenario)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recipient SET state = 9 WHERE id = 2",
        "DELETE FROM content WHERE message = 2",
        "DELETE FROM message WHERE id = 2",
    ],
    ids=["unknown state", "no content", "no message"],
)
def test_a_record_that_is_not_whole_is_set_aside(tmp_path: Path, statement: str) -> None:
    async def fill(store: SqliteStore) -> None:
        await store.insert_many([new_message("A"), new_message("B"), new_message("C")])

    async def scenario(store: SqliteStore) -> None:
        leases = await store.lease(now=NOW, until=LATER, limit=10)
        assert [lease.message.message_id for lease in leases] == ["A", "C"]
        counts = await store.counts()
        assert (counts.waiting, counts.leased, counts.held) == (0, 2, 1)
        assert await store.remove(Selection(state=RecipientState.HELD)) == 1

    with_store(tmp_path, fill)
    change_by_hand(tmp_path, statement)
    with_store(tmp_path, scenario)


def test_a_message_whose_spool_file_is_gone_is_held_with_the_reason(tmp_path: Path) -> None:
    async def fill(store: SqliteStore) -> None:
        for name in ("A", "B"):
            (tmp_path / "spool" / name).write_bytes(b"content")
            await store.insert(replace(new_message(name), octets=None, spool_name=name))

    async def scenario(store: SqliteStore) -> None:
        leases = await store.lease(now=NOW, until=LATER, limit=10)
        assert [lease.message.message_id for lease in leases] == ["B"]
        (held,) = await store.list(Selection(state=RecipientState.HELD), limit=10)
        assert held.recipients[0].last_word is not None
        assert held.recipients[0].last_word.cause == "storage.fault"

    with_store(tmp_path, fill)
    (tmp_path / "spool" / "A").unlink()
    with_store(tmp_path, scenario)


# What is stored is read back


_TEXT = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), max_size=20)
_TIMES = st.floats(0, 4e9)
_SUBMISSIONS = st.builds(
    lambda envelope, route, origin, hints: Submission(
        message_id=MessageId("M"),
        envelope=envelope,
        routes=(route,) * len(envelope.recipients),
        origin=origin,
        hints=hints,
    ),
    ENVELOPES,
    st.builds(Route, st.sampled_from(Transport), _TEXT.filter(bool)),
    st.builds(
        Origin,
        hello_name=_TEXT,
        peer_address=_TEXT,
        protocol=_TEXT,
        session=_TEXT,
        received_at=_TIMES,
        peer_name=st.none() | _TEXT,
    ),
    st.builds(Hints, not_before=st.none() | _TIMES, expires_at=st.none() | _TIMES, priority=st.integers(-9, 9)),
)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("queue")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_SUBMISSIONS, FACTS, st.binary(max_size=200))
def test_what_is_stored_is_read_back(shelf: Path, submission: Submission, facts: ContentFacts, octets: bytes) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.remove(Selection())
        queued = await store.insert(NewMessage(submission=submission, facts=facts, octets=octets))
        assert await store.list(Selection(), limit=2) == (queued,)
        assert queued.envelope == submission.envelope
        (lease,) = await store.lease(now=5e9, until=6e9, limit=1000)
        assert lease.message.envelope == submission.envelope
        assert (lease.message.origin, lease.message.hints, lease.message.facts) == (
            submission.origin,
            submission.hints,
            facts,
        )
        assert await read(lease.content) == octets

    with_store(shelf, scenario)


# Indexes: what must be quick at a million messages


@pytest.mark.parametrize(
    "selection",
    [
        Selection(domain="example.org"),
        Selection(domain="@example.org"),
        Selection(recipient="bob@example.org"),
        Selection(message_id=MessageId("A")),
    ],
    ids=["domain", "domain and subdomains", "recipient", "message"],
)
def test_narrow_selections_use_an_index(tmp_path: Path, selection: Selection) -> None:
    with_store(tmp_path, lambda store: store.counts())
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    for states in ((RecipientState.WAITING,), (RecipientState.WAITING, RecipientState.LEASED, RecipientState.HELD)):
        where, values = condition(selection, states)
        for statement in (
            f"SELECT count(*) FROM recipient WHERE {where}",
            f"UPDATE recipient SET due = 0 WHERE {where}",
            f"DELETE FROM recipient WHERE {where}",
        ):
            assert not _scans(connection, statement, values)
    connection.close()


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(state=RecipientState.HELD),
        Selection(route="mx:example.org"),
        Selection(sender="alice@example.com"),
    ],
)
def test_pages_of_a_list_come_from_the_index(tmp_path: Path, selection: Selection) -> None:
    with_store(tmp_path, lambda store: store.counts())
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    connection.pragma("automatic_index", False)
    statement, values = listing(selection, limit=10, after=None)
    assert not _scans(connection, statement, values)
    for step in _plan(connection, statement, values):
        assert "recipient" not in step.split() or "PRIMARY KEY" in step, "each message finds its recipients directly"
    connection.close()


def test_what_is_due_comes_from_the_index(tmp_path: Path) -> None:
    with_store(tmp_path, lambda store: store.counts())
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    for statement, values in ((ALL_DUE, [0, 1]), (NUMBERS_DUE, [0, 1]), (NEXT_DUE, [])):
        (step,) = _plan(connection, statement, list[object](values))
        assert "recipient_due" in step
    connection.close()


def test_what_is_settled_or_put_off_is_found_by_its_number(tmp_path: Path) -> None:
    with_store(tmp_path, lambda store: store.counts())
    connection = apsw.Connection(str(tmp_path / "queue.db"))
    for statement, values in ((READ, ["[1]"]), (change_statement(4), [1] * 20), (postponement(4), [1] * 8)):
        steps = _plan(connection, statement, list[object](values))
        assert "SEARCH recipient USING INTEGER PRIMARY KEY (rowid=?)" in steps
    # Plans do not show what triggers do.
    _, _, body = GOES_WITH_ITS_MESSAGE.replace("OLD.recipients", "2").replace("OLD.id", "1").partition("BEGIN")
    for statement in body.removesuffix("END").strip().split(";")[:-1]:
        (step,) = _plan(connection, statement, [])
        assert "USING INTEGER PRIMARY KEY" in step
    steps = _plan(connection, LOOK, [0, 1])
    assert any("recipient_due" in step for step in steps)
    assert "SEARCH message USING INTEGER PRIMARY KEY (rowid=?)" in steps
    connection.close()


def _plan(connection: apsw.Connection, statement: str, values: list[object]) -> list[str]:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    return [str(row[3]) for row in rows]


def _scans(connection: apsw.Connection, statement: str, values: list[object]) -> list[str]:
    """The steps of the plan that look at every row, or sort."""
    steps = _plan(connection, statement, values)
    return [step for step in steps if (step.startswith("SCAN") and "CONSTANT" not in step) or "TEMP B-TREE" in step]


def test_an_operator_changes_any_number_of_recipients(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        many = [f"user{number}@example.org" for number in range(999)]
        await store.insert_many([new_message(f"M{number}", *many) for number in range(5)])
        assert await store.hold(Selection(domain="example.org")) == 4995
        assert (await store.counts()).held == 4995
        assert await store.release(Selection(), due=NOW) == 4995
        assert await store.retry(Selection(), due=NOW + 1) == 4995
        assert await store.next_due() == NOW + 1
        assert await store.remove(Selection()) == 4995
        assert await store.counts() == QueueCounts(messages=0, waiting=0, leased=0, held=0)

    with_store(tmp_path, scenario)


# kill -9

_PROGRAM = """
import asyncio, sys
from heloise.net import real_world
from heloise.queue.sqlite import SqliteStore
from heloise.testing.queue_contract import new_message

async def main(path, first):
    store = SqliteStore(path, real_world())
    await store.open()
    async def produce(producer):
        for number in range(1000000):
            name = f"{first}-{producer}-{number}"
            await store.insert(new_message(name), leased_until=2e9)
            print(name, flush=True)
    await asyncio.gather(*(produce(producer) for producer in range(5)))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def _insert_until_killed(path: Path, name: str, acknowledged: int) -> set[str]:
    """The ids that were acknowledged by a process that was killed after about so many."""
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(path), name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        told = {process.stdout.readline().strip() for _ in range(acknowledged)}
        process.send_signal(signal.SIGKILL)
        # A line that was cut by the kill was not yet told.
        told |= {line.strip() for line in process.stdout if line.endswith("\n")}
    process.wait()
    return told


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for round_number in range(10):
        acknowledged |= _insert_until_killed(tmp_path, f"R{round_number}", 20 + 37 * round_number)

    async def scenario(store: SqliteStore) -> None:
        stored, after = set[str](), None
        while page := await store.list(Selection(), limit=500, after=after):
            stored |= {message.message_id for message in page}
            after = page[-1].message_id
        assert acknowledged <= stored
        assert len(stored) - len(acknowledged) < 10 * 10, "and little that nobody was told of"
        assert (await store.counts()).waiting == len(stored)

    with_store(tmp_path, scenario)


def test_a_lease_of_a_killed_process_is_due_at_once(tmp_path: Path) -> None:
    acknowledged = _insert_until_killed(tmp_path, "R", 5)
    counts = with_store(tmp_path, lambda store: store.counts())
    assert counts.leased == 0
    assert counts.waiting >= len(acknowledged)
