"""Databases of names: a real SQLite and a real PostgreSQL, asked by name."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import apsw
import pytest

from heloise.net import real_world
from heloise.routing.lookup import Answer, LookupTrouble, Question
from heloise.routing.sources import Asked, PostgresSource, Source, Sources, SqliteSource
from heloise.routing.tables import LookupMap, Supplies
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import World
from tests.peers import PostgreSql

QUERY = "SELECT target FROM alias WHERE name = :name ORDER BY target"
TABLE = "CREATE TABLE alias(name TEXT, target TEXT)"
ROWS = "INSERT INTO alias VALUES('team', 'alice'), ('team', 'bob'), ('me', NULL)"
MAP = LookupMap(number=0, supplies=Supplies.ALIASES, shown="db")


def write(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "names.db"
    write(path, TABLE, ROWS)
    return path


def with_source(
    make: Callable[[World], Source],
    then: Callable[[Sources], Awaitable[None]],
    *,
    timeout: float = 20.0,
    keep: float = 0,
) -> None:
    """Ask the source in the real world."""

    async def run() -> None:
        world = real_world()
        sources = Sources({0: Asked(make(world), timeout=timeout, keep=0)}, world.clock)
        try:
            await then(sources)
        finally:
            await sources.close()
            await world.blocking.close()

    asyncio.run(run())


def sqlite(path: Path, query: str = QUERY, *, timeout: float = 20.0) -> Callable[[World], Source]:
    return lambda world: SqliteSource(
        str(path), query, timeout=timeout, blocking=world.blocking, files=world.files, clock=world.clock
    )


async def ask(sources: Sources, key: str) -> Answer:
    return await sources.ask(Question(MAP, key))


async def trouble(sources: Sources, key: str = "team") -> str:
    answer = await ask(sources, key)
    assert isinstance(answer, LookupTrouble), answer
    return answer.error


def test_sqlite_answers_with_the_first_column_of_each_row(database: Path) -> None:
    async def then(sources: Sources) -> None:
        assert await ask(sources, "team") == ("alice", "bob")
        assert await ask(sources, "me") == ("",)
        assert await ask(sources, "x' OR 1=1 --") == ()

    with_source(sqlite(database), then)


def test_a_change_in_sqlite_counts_at_once_also_when_another_file_takes_its_place(
    database: Path, tmp_path: Path
) -> None:
    async def then(sources: Sources) -> None:
        assert await ask(sources, "new") == ()
        write(database, "INSERT INTO alias VALUES('new', 'carol')")
        assert await ask(sources, "new") == ("carol",)
        write(tmp_path / "other.db", TABLE, "INSERT INTO alias VALUES('new', 'dave')")
        os.replace(tmp_path / "other.db", database)
        assert await ask(sources, "new") == ("dave",)

    with_source(sqlite(database), then)


def test_sqlite_in_trouble_is_told_and_gets_well(database: Path) -> None:
    async def then(sources: Sources) -> None:
        os.rename(database, f"{database}.away")
        assert "No such file" in await trouble(sources)
        os.rename(f"{database}.away", database)
        assert await ask(sources, "team") == ("alice", "bob")

    with_source(sqlite(database), then)


def test_a_query_that_writes_or_is_wrong_is_trouble(database: Path) -> None:
    async def wrong(sources: Sources) -> None:
        assert "no such table" in await trouble(sources)

    async def writes(sources: Sources) -> None:
        assert "readonly" in await trouble(sources)

    with_source(sqlite(database, "SELECT a FROM nowhere WHERE b = :name"), wrong)
    with_source(sqlite(database, "DELETE FROM alias WHERE name = :name RETURNING name"), writes)


def test_a_query_of_sqlite_that_does_not_end_is_stopped(database: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE :name <> '') SELECT max(i) FROM n"

    async def then(sources: Sources) -> None:
        assert "0.05 seconds" in await trouble(sources)

    with_source(sqlite(database, endless, timeout=0.05), then, timeout=0.05)  # closing waits until it has stopped


class Counting:
    """A source that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def values(self, key: str) -> tuple[str, ...]:
        self.asked += 1
        if key == "silence":
            await asyncio.Event().wait()
        return (f"{key}{self.asked}",)

    async def close(self) -> None:
        """Nothing is open."""


def test_an_answer_holds_for_some_seconds_and_no_longer() -> None:
    async def run(world: SimulatedWorld) -> None:
        source = Counting()
        sources = Sources({0: Asked(source, keep=5.0)}, world.clock)
        assert [await ask(sources, "a"), await ask(sources, "a")] == [("a1",), ("a1",)]
        await asyncio.sleep(5.1)
        assert await ask(sources, "a") == ("a2",)

    run_simulated(run)


def test_silence_is_trouble_after_the_timeout_and_asked_again_after_a_second() -> None:
    async def run(world: SimulatedWorld) -> None:
        source = Counting()
        sources = Sources({0: Asked(source, timeout=3.0, keep=60.0)}, world.clock)
        assert await trouble(sources, "silence") == "no answer within 3 seconds"
        assert await trouble(sources, "silence") == "no answer within 3 seconds"
        assert source.asked == 1
        await asyncio.sleep(1.1)
        await trouble(sources, "silence")
        assert source.asked == 2

    run_simulated(run)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSql]:
    with PostgreSql() as server:
        server.execute(f"{TABLE}; {ROWS}")
        yield server


def postgres(url: str, query: str = QUERY) -> Callable[[World], Source]:
    return lambda world: PostgresSource(url, query, timeout=20.0)


@pytest.mark.interop
def test_postgresql_answers_with_the_first_column_of_each_row(postgresql: PostgreSql) -> None:
    async def then(sources: Sources) -> None:
        assert await ask(sources, "team") == ("alice", "bob")
        assert await ask(sources, "me") == ("",)
        assert await ask(sources, "x' OR 1=1 --") == ()
        many = await asyncio.gather(*(ask(sources, "team") for _ in range(20)))
        assert set(many) == {("alice", "bob")}

    with_source(postgres(postgresql.url), then)


@pytest.mark.interop
def test_a_change_in_postgresql_counts_at_once(postgresql: PostgreSql) -> None:
    async def then(sources: Sources) -> None:
        assert await ask(sources, "new") == ()
        postgresql.execute("INSERT INTO alias VALUES('new', 'carol')")
        assert await ask(sources, "new") == ("carol",)

    with_source(postgres(postgresql.url), then)


@pytest.mark.interop
def test_a_cast_in_the_query_is_no_parameter(postgresql: PostgreSql) -> None:
    async def then(sources: Sources) -> None:
        assert await ask(sources, "me") == ("me",)

    with_source(postgres(postgresql.url, "SELECT name::name::text FROM alias WHERE name = :name"), then)


@pytest.mark.interop
def test_a_query_of_postgresql_that_writes_or_is_wrong_is_trouble(postgresql: PostgreSql) -> None:
    async def wrong(sources: Sources) -> None:
        assert "does not exist" in await trouble(sources)

    async def writes(sources: Sources) -> None:
        assert "read-only transaction" in await trouble(sources)

    with_source(postgres(postgresql.url, "SELECT a FROM nowhere WHERE b = :name"), wrong)
    with_source(postgres(postgresql.url, "DELETE FROM alias WHERE name = :name RETURNING name"), writes)


@pytest.mark.interop
def test_postgresql_that_is_down_is_trouble_and_gets_well() -> None:
    with PostgreSql() as server:
        server.execute(f"{TABLE}; {ROWS}")

        async def then(sources: Sources) -> None:
            assert await ask(sources, "team") == ("alice", "bob")
            server.stop()
            assert "PostgreSQL" in await trouble(sources)
            server.start_again()
            assert await ask(sources, "team") == ("alice", "bob")

        with_source(postgres(server.url), then)
