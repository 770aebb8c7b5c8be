"""The file of an inbox: what was caught, marked and removed is so after a restart; what is no inbox is left alone."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from heloise.inbox.inbox import Inbox, Retention
from heloise.inbox.message import CaughtMessage
from heloise.inbox.store import InboxFault, InboxFile, InboxKeeper
from heloise.mail.encryption import Encryption
from heloise.mail.trace import Origin
from heloise.net import real_world
from tests.inbox.letters import letter


def with_inbox(
    path: Path, act: Callable[[Inbox], Awaitable[None]] | None = None, retention: Retention | None = None
) -> tuple[CaughtMessage, ...]:
    """Open an inbox with this file, act, and close it; what was in it at last."""

    async def scenario() -> tuple[CaughtMessage, ...]:
        world = real_world()
        inbox, told = Inbox(retention=retention), list[str]()
        keeper = InboxKeeper(InboxFile(str(path)), inbox, world, told.append)
        await keeper.open()
        if act is not None:
            await act(inbox)
        await keeper.close()
        await world.blocking.close()
        assert not told
        return inbox.messages

    return asyncio.run(scenario())


def octets_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


def test_messages_come_back_as_they_were(tmp_path: Path) -> None:
    async def act(inbox: Inbox) -> None:
        inbox.add(letter("alice@one.test", "bob@two.test", header="Subject: =?utf-8?q?=C3=A4?="))
        inbox.add(letter(header="X-Tags: blue\nTo: A <a@b.test>", body="\0\r\nDonnerwetter ß " * 100))
        inbox.add(letter(sender=""))

    kept = with_inbox(tmp_path / "inbox", act)
    found = with_inbox(tmp_path / "inbox")
    assert len(found) == 3
    assert found == kept
    assert [each.digest for each in found] == [each.digest for each in kept]
    assert [each.marks for each in found] == [each.marks for each in kept]
    assert [each.origin for each in found] == [each.origin for each in kept]


def test_the_origin_of_a_message_comes_back_with_its_encryption(tmp_path: Path) -> None:
    async def act(inbox: Inbox) -> None:
        base = letter()
        origin = Origin(
            hello_name="c.test",
            peer_address="2001:db8::1",
            protocol="ESMTPS",
            session="S9",
            received_at=1795915044.25,
            encryption=Encryption(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
        )
        fields = ("message_id", "envelope", "octets", "facts")
        inbox.add(CaughtMessage(origin=origin, **{name: getattr(base, name) for name in fields}))

    kept = with_inbox(tmp_path / "inbox", act)
    assert with_inbox(tmp_path / "inbox")[0].origin == kept[0].origin


def test_what_is_marked_and_removed_stays_so(tmp_path: Path) -> None:
    async def fill(inbox: Inbox) -> None:
        for number in range(5):
            inbox.add(letter(header=f"Subject: {number}"))

    async def change(inbox: Inbox) -> None:
        messages = inbox.messages
        inbox.mark(messages[:2], is_read=True, tags=("seen",))
        inbox.remove([messages[4].message_id])
        late = letter(header="Subject: late")
        inbox.add(late)
        inbox.mark([late], is_read=True)
        gone = letter()
        inbox.add(gone)
        inbox.remove([gone.message_id])

    with_inbox(tmp_path / "inbox", fill)
    with_inbox(tmp_path / "inbox", change)
    found = with_inbox(tmp_path / "inbox")
    assert [each.subject for each in found] == ["0", "1", "2", "3", "late"]
    assert [each.marks.is_read for each in found] == [True, True, False, False, True]
    assert found[0].marks.tags == ("seen",)


def test_less_is_kept_when_less_may_be(tmp_path: Path) -> None:
    async def fill(inbox: Inbox) -> None:
        for number in range(700):
            inbox.add(letter(header=f"Subject: {number}"))

    with_inbox(tmp_path / "inbox", fill)
    assert [each.subject for each in with_inbox(tmp_path / "inbox", retention=Retention(messages=2))] == ["698", "699"]
    assert len(with_inbox(tmp_path / "inbox")) == 2


def test_changes_are_written_while_it_runs(tmp_path: Path) -> None:
    async def act(inbox: Inbox) -> None:
        inbox.add(letter())
        deadline = asyncio.get_running_loop().time() + 30
        while b"It works." not in await asyncio.to_thread(octets_in, tmp_path):
            assert asyncio.get_running_loop().time() < deadline

    with_inbox(tmp_path / "inbox", act)


def test_a_file_that_is_no_inbox_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but precious" * 100)
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE precious(x)")
    other.close()
    for name in ("text", "other", "no/such/directory"):
        before = (tmp_path / name).read_bytes() if "/" not in name else b""
        with pytest.raises(InboxFault, match=name):
            with_inbox(tmp_path / name)
        assert "/" in name or (tmp_path / name).read_bytes() == before


def test_a_file_is_for_one_process_at_a_time(tmp_path: Path) -> None:
    async def act(inbox: Inbox) -> None:
        with pytest.raises(InboxFault, match="another process has it"):
            InboxFile(str(tmp_path / "inbox")).open()

    with_inbox(tmp_path / "inbox", act)


def test_a_row_that_can_not_be_read_is_left_told_and_passed_over(tmp_path: Path) -> None:
    async def fill(inbox: Inbox) -> None:
        for _ in range(3):
            inbox.add(letter())

    with_inbox(tmp_path / "inbox", fill)
    broken = apsw.Connection(str(tmp_path / "inbox"))
    broken.execute("UPDATE message SET envelope = x'00' WHERE rowid = 2")
    broken.close()

    async def scenario() -> None:
        world = real_world()
        inbox, told = Inbox(), list[str]()
        keeper = InboxKeeper(InboxFile(str(tmp_path / "inbox")), inbox, world, told.append)
        assert await keeper.open() == 2
        await keeper.close()
        await world.blocking.close()
        assert len(inbox) == 2
        assert "1 messages can not be read" in told[0]

    asyncio.run(scenario())
    assert apsw.Connection(str(tmp_path / "inbox")).execute("SELECT count(*) FROM message").get == 3
