"""The inbox: what is kept, in which mailboxes, and how it is found again."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.inbox.inbox import Inbox, Retention
from heloise.inbox.mailboxes import Grouping
from heloise.inbox.message import CaughtMessage
from heloise.inbox.search import parse_query
from tests.inbox.letters import letter


def test_the_oldest_leave_by_count_by_octets_and_by_age() -> None:
    inbox = Inbox(retention=Retention(messages=2))
    letters = [letter() for _ in range(3)]
    for each in letters:
        inbox.add(each)
    assert list(inbox.messages) == letters[1:]

    inbox = Inbox(retention=Retention(octets=100))
    for each in letters:
        inbox.add(each)
    assert inbox.octets <= 100
    assert inbox.messages[-1] is letters[-1]

    clock = [0.0]
    inbox = Inbox(retention=Retention(age=60), now=lambda: clock[0])
    inbox.add(letter(at=0))
    inbox.add(letter(at=30))
    clock[0] = 61
    assert [each.origin.received_at for each in inbox.messages] == [30]


def test_a_message_larger_than_all_room_is_kept_alone() -> None:
    inbox = Inbox(retention=Retention(octets=10))
    inbox.add(letter(body="x" * 100))
    assert len(inbox.messages) == 1


def test_what_is_removed_is_gone_and_counted() -> None:
    inbox = Inbox()
    first, second = letter(), letter()
    inbox.add(first)
    inbox.add(second)
    assert inbox.remove([first.message_id, "nobody"]) == 1
    assert inbox.get(first.message_id) is None
    assert inbox.octets == len(second.octets)
    inbox.clear()
    assert (inbox.messages, inbox.octets) == ((), 0)


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("address", ["alice+shop@one.test", "bob@two.test"]),
        ("user", ["alice", "bob"]),
        ("domain", ["one.test", "two.test"]),
        ("tag", ["shop"]),
        ("header:X-Env", ["staging"]),
    ],
)
def test_mailboxes_are_made_by_recipient_or_field(by: str, names: list[str]) -> None:
    inbox = Inbox(grouping=Grouping.parse(by))
    message = letter("Alice+Shop@one.test", "bob@two.test", header="X-Env: Staging")
    inbox.add(message)
    assert list(inbox.mailboxes()) == names
    assert inbox.mailbox(names[0].upper()) == (message,)


@pytest.mark.parametrize("text", ["", "colour", "header", "header: ", "user:x"])
def test_mailboxes_that_are_none_are_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="there are: address, user, domain, tag, header"):
        Grouping.parse(text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("invoice", True),
        ("INVOICE works", True),
        ('"it works"', True),
        ("nothing", False),
        ("to:alice", True),
        ("to:bob", False),
        ("from:shop@", True),
        ("sender:a@b", True),
        ("subject:invoice", True),
        ("body:invoice", False),
        ("-draft -to:bob", True),
        ("-invoice", False),
        ("larger:10 smaller:10000", True),
        ("has:html", False),
        ("client:192.0.2.9", True),
        ("http://x.test", False),
        ("", True),
        ('"subject:your invoice"', True),
        ("!invoice", False),
        ("!from:nobody", True),
        ("addressed:shop", True),
        ("cc:alice", False),
        ("is:unread", True),
        ("is:read", False),
        ("-is:tagged", True),
        ("tag:blue", False),
        ("has:attachments", False),
        ("larger:1k", False),
        ("smaller:1.5mb", True),
        ("message-id:x", False),
        ("after:1969-01-01 before:1971-01-01", True),
        ("after:1971-01-01", False),
        ('before:"1970-01-01 00:00:00+00:00"', True),
        ("before:1969-12-31T23:59:59Z", False),
        ('"the shop <shop@c.test>"', True),
    ],
)
def test_search_finds_words_and_conditions(query: str, found: bool) -> None:
    inbox = Inbox()
    inbox.add(letter("alice@one.test", header="Subject: Your invoice\nFrom: The Shop <shop@c.test>"))
    assert bool(inbox.search(query)) is found


def test_search_reads_what_is_encoded() -> None:
    inbox = Inbox()
    inbox.add(
        letter(
            header="Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: base64",
            body="U2Now7ZuZSBHcsO8w59lIQ==",
        )
    )
    assert inbox.search("subject:grüße body:schöne")


@pytest.mark.parametrize(
    "query", ['"open', "has:wings", "is:blue", "larger:big", "before:soon", "after:2026-13-01", "x" * 5000]
)
def test_a_query_that_can_not_be_read_is_told_so(query: str) -> None:
    with pytest.raises(ValueError, match=r"quotation|understood|number|date|characters"):
        Inbox().search(query)


@given(st.text(max_size=60), st.binary(max_size=200))
def test_no_query_and_no_message_make_search_stumble(query: str, octets: bytes) -> None:
    message = letter(header=octets.decode("latin-1").replace("\r", ""), body=octets.decode("latin-1"))
    try:
        fits = parse_query(query)
    except ValueError:
        return
    assert fits(message) in (True, False)


def test_marks_are_noted_told_and_searched_for() -> None:
    inbox, told = Inbox(), []
    first, second = letter(), letter(header="X-Tags: Blue, red")
    inbox.on_marked(lambda message: told.append(message.message_id))
    inbox.add(first)
    inbox.add(second)
    assert second.marks.tags == ("Blue", "red")
    assert inbox.mark([first, second], is_read=True) == 2
    assert inbox.mark([first], is_read=True) == 0
    inbox.mark([first], tags=("green",))
    assert told == [first.message_id, second.message_id, first.message_id]
    assert inbox.search("is:read tag:blue") == (second,)
    assert inbox.search("tag:Green") == (first,)


def test_memory_is_bounded_by_what_is_kept_for_searching_too() -> None:
    inbox = Inbox(retention=Retention(octets=1_000_000))
    for _ in range(300):
        inbox.add(letter(body="word " * 1000))
    assert inbox.memory <= 1_000_000
    assert len(inbox) < 150
    inbox.clear()
    assert (inbox.memory, inbox.octets, inbox.mailboxes()) == (0, 0, {})


def test_those_who_want_to_know_are_told_what_leaves() -> None:
    left: list[CaughtMessage] = []
    inbox = Inbox(retention=Retention(messages=1))
    inbox.on_left(left.append)
    first, second = letter(), letter()
    inbox.add(first)
    inbox.add(second)
    assert left == [first]
    assert inbox.newest(5) == (second,)
    inbox.clear()
    assert left == [first, second]
    assert inbox.removed == 2


def test_the_same_message_twice_is_there_once() -> None:
    inbox = Inbox()
    message = letter()
    inbox.add(message)
    inbox.add(message)
    assert (inbox.messages, inbox.octets) == ((message,), len(message.octets))


def test_mail_is_found_in_pieces_so_that_more_is_taken_meanwhile() -> None:
    async def scenario() -> None:
        inbox = Inbox()
        for _ in range(5000):
            inbox.restore(letter())
        turns: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_soon(turns.append, "taken")
        assert len(await inbox.find(lambda message: True)) == 5000
        assert turns == ["taken"]

    asyncio.run(scenario())
