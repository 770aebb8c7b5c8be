"""A running server follows the files and databases that names stand in; a broken one refuses nobody's mail."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.config import ConfigError
from heloise.config.load import read_configuration
from heloise.net import real_world
from heloise.world import Endpoint
from tests.peers import PostgreSql

CONFIGURATION = """\
hostname = "mx.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["example.test"]
postmaster = "alice"
[[user]]
name = "alice"
[[user]]
name = "bob"
[limits]
minimum_free = 0
"""
INCLUDE = '[aliases]\nteam = [":include:lists/team"]\n'
MAP = '[[map]]\nsupplies = "{supplies}"\nfile = "names"\n'


@dataclass(slots=True)
class Running:
    """A server, what it has logged of its tables and deliveries, and a client."""

    directory: Path
    server: MailServer
    logged: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        if event.startswith(("tables.", "delivery.")):
            self.logged.append((event, fields))
            self.news.set()

    async def heard(self) -> tuple[str, dict[str, object]]:
        """The next word about tables or deliveries."""
        async with asyncio.timeout(20):
            while not self.logged:
                self.news.clear()
                await self.news.wait()
        return self.logged.pop(0)

    async def ask(self, command: str) -> str:
        """The reply to a command of a client that has said hello and MAIL."""
        endpoint = self.server.endpoints[0]
        assert isinstance(endpoint, Endpoint)
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        writer.write(b"EHLO client.test\r\nMAIL FROM:<>\r\n" + command.encode() + b"\r\nQUIT\r\n")
        lines = (await reader.read()).decode().splitlines()
        writer.close()
        await writer.wait_closed()
        (mail,) = (number for number, line in enumerate(lines) if line.startswith("250 2.1.0"))
        return "\n".join(lines[mail + 1 : -1])

    async def rcpt(self, address: str) -> str:
        return (await self.ask(f"RCPT TO:<{address}>"))[:9]


def serving(directory: Path, text: str, then: Callable[[Running], Awaitable[None]]) -> None:
    """Run a server with CONFIGURATION and `text`."""
    (directory / "heloise.toml").write_text(CONFIGURATION + text)

    async def run() -> None:
        world = real_world()
        configuration = read_configuration(str(directory / "heloise.toml"))
        server = MailServer(configuration, world, Journal(lambda *word: running.emit(*word)))
        running = Running(directory, server)
        await server.start()
        try:
            await then(running)
        finally:
            await server.stop()
            await world.blocking.close()

    asyncio.run(run())


def replace(path: Path, text: str) -> None:
    """As an editor does."""
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


@pytest.fixture
def team(tmp_path: Path) -> Path:
    (tmp_path / "lists").mkdir()
    path = tmp_path / "lists" / "team"
    path.write_text("# the team\nalice\n")
    return path


def test_a_list_that_changes_counts_without_a_restart(tmp_path: Path, team: Path) -> None:
    async def then(running: Running) -> None:
        assert await running.ask("EXPN team") == "250 2.1.5 <alice@example.test>"
        replace(team, "alice\nbob\n")
        assert (await running.heard())[0] == "tables.read"
        assert await running.ask("EXPN team") == "250-2.1.5 <alice@example.test>\n250 2.1.5 <bob@example.test>"

    serving(tmp_path, INCLUDE, then)


def test_a_broken_list_is_told_with_its_line_and_the_last_good_one_holds(tmp_path: Path, team: Path) -> None:
    async def then(running: Running) -> None:
        replace(team, "bob\nnot an address\n")
        event, fields = await running.heard()
        assert event == "tables.broken"
        assert str(fields["problem"]).startswith(f"{team}:2: not an address is not a name")
        assert await running.ask("EXPN team") == "250 2.1.5 <alice@example.test>"
        replace(team, "bob\n")
        assert (await running.heard())[0] == "tables.read"
        assert await running.ask("EXPN team") == "250 2.1.5 <bob@example.test>"

    serving(tmp_path, INCLUDE, then)


def test_a_list_that_is_taken_away_still_holds_and_its_loss_is_told_once(tmp_path: Path, team: Path) -> None:
    async def then(running: Running) -> None:
        os.unlink(team)
        event, fields = await running.heard()
        assert (event, fields["problem"]) == (
            "tables.broken",
            f"{tmp_path / 'heloise.toml'}:15: {team} can not be read: No such file or directory",
        )
        assert await running.rcpt("team@example.test") == "250 2.1.5"
        replace(team, "nobody-else@elsewhere.test\n")
        # The next word is about the file that is there again: its loss was told once.
        assert (await running.heard())[0] == "tables.read"

    serving(tmp_path, INCLUDE, then)


def test_a_map_in_a_file_that_changes_counts_without_a_restart(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("dora:\n")

    async def then(running: Running) -> None:
        assert await running.rcpt("dora@example.test") == "250 2.1.5"
        assert await running.rcpt("fred@example.test") == "550 5.1.1"
        replace(names, "fred: fred\n")
        await running.heard()
        assert await running.rcpt("fred@example.test") == "250 2.1.5"
        assert await running.rcpt("dora@example.test") == "550 5.1.1"

    serving(tmp_path, MAP.format(supplies="users"), then)


def test_a_list_that_is_named_in_a_map_is_followed_too(tmp_path: Path, team: Path) -> None:
    names = tmp_path / "names"
    names.write_text("staff: :include:lists/team\n")

    async def then(running: Running) -> None:
        assert await running.ask("EXPN staff") == "250 2.1.5 <alice@example.test>"
        replace(team, "bob\n")
        await running.heard()
        assert await running.ask("EXPN staff") == "250 2.1.5 <bob@example.test>"

    serving(tmp_path, MAP.format(supplies="aliases"), then)


def test_a_map_that_names_a_list_which_is_not_there_is_not_used(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("staff: alice\n")

    async def then(running: Running) -> None:
        replace(names, "staff: :include:lists/none\n")
        event, fields = await running.heard()
        assert event == "tables.broken"
        assert str(fields["problem"]).startswith(f"{names}:1: {tmp_path}/lists/none can not be read")
        assert await running.ask("EXPN staff") == "250 2.1.5 <alice@example.test>"

    serving(tmp_path, MAP.format(supplies="aliases"), then)


def test_a_virtual_domain_in_a_file_becomes_ours_without_a_restart(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("one.test\n")
    user = '[[user]]\nname = "eve@two.test"\n'

    async def then(running: Running) -> None:
        assert await running.rcpt("alice@one.test") == "550 5.1.1"
        replace(names, "one.test\ntwo.test\n")
        await running.heard()
        assert await running.rcpt("eve@two.test") == "250 2.1.5"

    serving(tmp_path, MAP.format(supplies="virtual_domains") + user, then)


def test_a_server_does_not_start_with_a_broken_file_and_says_every_line(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("a:\nb: c d\n")

    async def then(running: Running) -> None:
        raise AssertionError("it has started")

    with pytest.raises(ConfigError) as caught:
        serving(tmp_path, MAP.format(supplies="aliases"), then)
    assert [str(problem.rule) for problem in caught.value.problems] == [
        f"{tmp_path / 'names'}:1",
        f"{tmp_path / 'names'}:2",
    ]


def test_mail_for_a_user_in_sqlite_comes_into_his_mailbox(tmp_path: Path) -> None:
    database = apsw.Connection(str(tmp_path / "names.db"))
    database.execute("CREATE TABLE user(name TEXT); INSERT INTO user VALUES('dora')").fetchall()
    text = '[[map]]\nsupplies = "users"\nsqlite = "names.db"\nquery = "SELECT NULL FROM user WHERE name = :name"\n'

    async def then(running: Running) -> None:
        said = await running.ask("RCPT TO:<dora@example.test>\r\nDATA\r\nSubject: Hello\r\n\r\nDora\r\n.")
        assert said.splitlines()[-1].startswith("250 2.0.0")
        event, fields = await running.heard()
        assert (event, fields["action"], fields["route"]) == ("delivery.attempted", "delivered", "maildir:dora")
        assert len(os.listdir(f"{tmp_path}/state/mail/dora/Maildir/new")) == 1
        database.execute("INSERT INTO user VALUES('fred')")
        assert await running.rcpt("fred@example.test") == "250 2.1.5"
        os.rename(tmp_path / "names.db", tmp_path / "away.db")
        assert await running.rcpt("gert@example.test") == "451 4.3.0"

    serving(tmp_path, text, then)


@pytest.mark.interop
def test_a_name_in_postgresql_counts_at_once_and_its_loss_is_451(tmp_path: Path) -> None:
    with PostgreSql() as server:
        server.execute("CREATE TABLE alias(name text, target text)")
        query = "SELECT target FROM alias WHERE name = :name"
        text = f'[[map]]\nsupplies = "aliases"\npostgresql = "{server.url}"\nquery = "{query}"\nkeep = "0s"\n'

        async def then(running: Running) -> None:
            assert await running.rcpt("staff@example.test") == "550 5.1.1"
            server.execute("INSERT INTO alias VALUES('staff', 'alice, bob')")
            assert await running.ask("EXPN staff") == "250-2.1.5 <alice@example.test>\n250 2.1.5 <bob@example.test>"
            server.stop()
            assert await running.rcpt("other@example.test") == "451 4.3.0"

        serving(tmp_path, text, then)
