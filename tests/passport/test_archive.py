"""Where passports are kept: how long and how many, and what becomes of a database that is damaged."""

from pathlib import Path

import apsw
import pytest

from heloise.mail.content import ContentFacts
from heloise.mail.ids import new_message_id
from heloise.net.files import DiskFiles
from heloise.passport.archive import PRUNE_INTERVAL, Archive, ArchiveFault, Retention
from heloise.passport.entries import Accepted, Ended, Entry, Faulted, Opened
from heloise.passport.timeline import find, read
from heloise.testing.queue_contract import new_message

NOW = 1.7e9


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "passport")


def opened(directory: str, retention: Retention | None = None) -> Archive:
    return Archive(directory, DiskFiles(), retention)


def accepted(at: float, sender: str = "alice@example.com", recipient: str = "bob@example.org") -> Entry:
    owner = new_message_id(at, b"abcd")
    message = new_message(owner, recipient, sender=sender)
    return Accepted(owner, at, "", message.submission, ContentFacts(size=40))


def fill(archive: Archive, count: int, *, every: float, start: float = NOW) -> list[str]:
    """So many messages, one after the other, each written by itself; their ids."""
    owners = list[str]()
    for number in range(count):
        at = start + number * every
        entry = accepted(at)
        archive.write([entry], at)
        owners.append(entry.owner)
    return owners


def kept(archive: Archive, owners: list[str]) -> list[str]:
    return [owner for owner in owners if archive.entries(owner)]


def test_what_was_told_of_a_message_stays_in_order_over_several_writes(directory: str) -> None:
    archive = opened(directory)
    entry = accepted(NOW)
    archive.write([entry, Faulted(entry.owner, NOW + 1, ValueError("one"))], NOW + 1)
    archive.close()
    archive = opened(directory)
    archive.write([Faulted(entry.owner, NOW + 2, ValueError("two"))], NOW + 2)
    assert [facts["at"] for facts in archive.entries(entry.owner)] == [NOW, NOW + 1, NOW + 2]


def test_times_come_back_as_they_were_told_also_from_an_archive_that_has_them_as_fractions(directory: str) -> None:
    archive = opened(directory)
    entry = accepted(NOW + 0.123456)
    archive.write([entry], NOW)
    archive.close()
    with apsw.Connection(archive.path) as connection:
        text = connection.execute("SELECT entries FROM page").get
        assert f'"at":{int(NOW)}123456,' in text
        connection.execute(
            "UPDATE page SET entries = ?",
            ('[{"at":1700000000.5,"event":"attempted","outcomes":[{"next_try":1700000007000000}]}]',),
        )
    (facts,) = opened(directory).entries(entry.owner)
    assert (facts["at"], facts["outcomes"][0]["next_try"]) == (NOW + 0.5, NOW + 7)


def test_what_is_older_than_keep_goes(directory: str) -> None:
    archive = opened(directory, Retention(keep=10 * PRUNE_INTERVAL))
    owners = fill(archive, 30, every=PRUNE_INTERVAL)
    assert kept(archive, owners) == owners[-11:]


def test_of_too_many_the_oldest_go(directory: str) -> None:
    archive = opened(directory, Retention(messages=5))
    owners = fill(archive, 30, every=PRUNE_INTERVAL)
    assert kept(archive, owners) == owners[-5:]


def test_the_number_is_remembered_over_a_restart(directory: str) -> None:
    owners = list[str]()
    for start in (NOW, NOW + 1000):
        archive = opened(directory, Retention(messages=5))
        owners += fill(archive, 4, every=PRUNE_INTERVAL, start=start)
        archive.close()
    assert kept(opened(directory), owners) == owners[-5:]


def test_a_session_without_a_message_counts_as_one(directory: str) -> None:
    archive = opened(directory, Retention(messages=5))
    owners = list[str]()
    for number in range(20):
        at = NOW + number * PRUNE_INTERVAL
        owner = new_message_id(at, b"abcd")
        archive.write([Opened(owner, at, "192.0.2.1"), Ended(owner, at, lost=False)], at)
        owners.append(owner)
    assert kept(archive, owners) == owners[-5:]


@pytest.mark.parametrize("place", [0, 4096 + 10], ids=["header", "page"])
def test_a_damaged_database_is_set_aside_and_a_new_one_is_begun(directory: str, place: int) -> None:
    archive = opened(directory)
    owners = fill(archive, 200, every=1.0)
    archive.close()
    path = Path(archive.path)
    octets = path.read_bytes()
    path.write_bytes(octets[:place] + b"\xff" * 4000 + octets[place + 4000 :])
    archive = opened(directory)
    set_aside = None
    for number in range(200):
        set_aside = set_aside or archive.write([accepted(NOW - number)], NOW)
    assert set_aside == f"{archive.path}.damaged"
    assert Path(set_aside).exists()
    entry = accepted(NOW + 1000)
    assert archive.write([entry], NOW) is None
    assert archive.entries(entry.owner)
    assert archive.entries(owners[5]) == []


def test_one_written_by_a_newer_program_is_left_alone(directory: str) -> None:
    archive = opened(directory)
    archive.write([accepted(NOW)], NOW)
    archive.close()
    connection = apsw.Connection(archive.path)
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(ArchiveFault, match="format 99"):
        opened(directory).write([accepted(NOW)], NOW)


def test_to_ask_makes_nothing(directory: str) -> None:
    archive = opened(directory)
    assert archive.entries("A") == []
    assert list(archive.search("a@b.test")) == []
    assert read(archive, "A") is None
    assert not Path(directory).exists()


def test_nobody_else_may_read_who_writes_to_whom(directory: str) -> None:
    opened(directory).write([accepted(NOW)], NOW)
    assert Path(directory).stat().st_mode & 0o077 == 0


def test_messages_are_found_by_whole_addresses_the_newest_first(directory: str) -> None:
    archive = opened(directory)
    entries = [
        accepted(NOW, recipient="bob@example.org"),
        accepted(NOW + 1, recipient="xbob@example.org"),
        accepted(NOW + 2, recipient="BOB@Example.ORG", sender=""),
        accepted(NOW + 3, sender="bob@example.org", recipient="carol@example.org"),
        accepted(NOW + 4, recipient='"od\\"d"@example.org'),
    ]
    archive.write(entries, NOW)

    def found(*, sender: str | None = None, recipient: str | None = None, limit: int = 10) -> list[float]:
        return [each.begun - NOW for each in find(archive, sender=sender, recipient=recipient, limit=limit)]

    assert found(recipient="bob@example.org") == [2, 0]
    assert found(recipient="<Bob@example.org>", limit=1) == [2]
    assert found(sender="bob@example.org") == [3]
    assert found(sender="<>", recipient="bob@example.org") == [2]
    assert found(sender="<>") == [2]
    assert found(recipient='"od\\"d"@example.org') == [4]
    assert found(recipient="dave@example.org") == []


def test_the_last_room_on_a_disk_is_for_mail(directory: str) -> None:
    archive = Archive(directory, DiskFiles(), minimum_free=1 << 62)
    with pytest.raises(ArchiveFault, match="which are for mail"):
        archive.write([Opened("session", 1.0, "192.0.2.1")], 1.0)
    assert archive.entries("session") == []
