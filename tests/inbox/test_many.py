"""A hundred thousand messages: lists, searches and waits stay quick, mail is taken meanwhile, memory is bounded."""

import asyncio
import time
from pathlib import Path

import pytest

from heloise.inbox.expecting import ExpectationFailed, wait_for
from heloise.inbox.inbox import Inbox, Retention
from heloise.inbox.mailboxes import By, Grouping
from heloise.inbox.search import parse_query
from heloise.inbox.sessions import SessionBook
from heloise.inbox.store import InboxFile, InboxKeeper
from heloise.inbox.wanted import Wanted
from heloise.net import real_world
from tests.inbox.letters import letter

MANY = 100_000
# Generous, and of the processor, whatever else runs there: it is meant that nothing is read again, which takes minutes.
QUICK, SEARCH = 0.5, 8.0  # seconds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inbox() -> Inbox:
    full = Inbox(retention=Retention(messages=MANY, octets=1 << 30))
    text = "Dear customer, your order will be with you soon. " * 10
    for number in range(MANY + 500):
        header = f"Subject: order {number}\nFrom: shop@example.test\nTo: user{number % 1000}@example.test"
        full.add(letter(f"user{number % 1000}@example.test", header=header, body=f"{text} number{number}"))
    return full


def seconds(begun: float) -> float:
    return time.process_time() - begun


def test_lists_pages_and_mailboxes_are_quick(inbox: Inbox) -> None:
    assert len(inbox) == MANY
    begun = time.process_time()
    assert inbox.newest(50)[0].subject == f"order {MANY + 499}"
    assert len(inbox.mailbox("user7@example.test")) == 100
    assert inbox.get(inbox.newest(1, start=50_000)[0].message_id) is not None
    assert seconds(begun) < QUICK
    begun = time.process_time()
    assert len(inbox.mailboxes()) == 1000
    assert len(inbox.mailbox("user7", Grouping(By.USER))) == 100
    assert seconds(begun) < SEARCH


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("number99999", 1),
        ("customer order", MANY),
        ("to:user7@ -number99007", 99),
        ("is:unread has:attachment", 0),
        ("nowhere", 0),
    ],
)
def test_searches_are_quick_and_let_others_work(inbox: Inbox, query: str, count: int) -> None:
    async def scenario() -> None:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        working = asyncio.create_task(others())
        await asyncio.sleep(0)
        begun = time.process_time()
        assert len(await inbox.find(parse_query(query))) == count
        assert seconds(begun) < SEARCH
        working.cancel()
        assert turns >= MANY // 2000 - 2

    asyncio.run(scenario())


def test_waiting_is_quick(inbox: Inbox) -> None:
    async def scenario() -> None:
        book = SessionBook()
        begun = time.process_time()
        (found,) = await wait_for(inbox, book, Wanted(to="user999@example.test", subject="order 99999"), within=30)
        assert found.subject == "order 99999"
        with pytest.raises(ExpectationFailed, match=f"caught: {MANY}"):
            await wait_for(inbox, book, Wanted(subject="nothing of the kind"), within=0.01)
        assert seconds(begun) < 2 * SEARCH

    asyncio.run(scenario())


def test_memory_is_what_it_is_said_to_be(inbox: Inbox) -> None:
    assert MANY * 1000 < inbox.memory < inbox.octets + MANY * 4000


def test_a_file_with_many_of_them_is_read_in_seconds(inbox: Inbox, tmp_path: Path) -> None:
    async def scenario() -> None:
        world = real_world()
        path = str(tmp_path / "inbox")
        writer = InboxFile(path)
        writer.open()
        some = list(inbox.newest(20_000)[::-1])
        writer.write(some, [], [])
        writer.close()
        again = Inbox(retention=Retention(messages=MANY, octets=1 << 30))
        keeper = InboxKeeper(InboxFile(path), again, world, print)
        begun = time.process_time()
        assert await keeper.open() == len(some)
        assert seconds(begun) < 60
        await keeper.close()
        await world.blocking.close()
        assert again.newest(1)[0].digest == inbox.newest(1)[0].digest

    asyncio.run(scenario())
