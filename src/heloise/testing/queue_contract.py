"""What every store of the queue must do, as checks to run against yours.

    @pytest.mark.parametrize("check", STORE_CHECKS)
    def test_my_store(check: StoreCheck, tmp_path: Path) -> None:
        async def open_store() -> QueueStore:
            store = MyStore(tmp_path)
            await store.open()
            return store

        asyncio.run(check(open_store))

`open_store` is called with nothing stored; called again after a close it opens the same place. Each check raises
AssertionError with a sentence that names the broken promise. Times are given by the checks: a store has no clock but
for what it finds leased at open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeAlias

from heloise.mail.content import Content, ContentFacts
from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.hints import NO_HINTS, Hints
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin
from heloise.queue.errors import StoreFault
from heloise.queue.model import (
    Debt,
    DueRecipient,
    LastWord,
    Lease,
    NewMessage,
    QueueCounts,
    QueuedMessage,
    QueuedRecipient,
    QueueStore,
    RecipientChange,
    RecipientState,
    Redirection,
    Selection,
    Settlement,
    Touched,
)

OpenStore: TypeAlias = Callable[[], Awaitable[QueueStore]]
StoreCheck: TypeAlias = Callable[[OpenStore], Coroutine[Any, Any, None]]

NOW: Final = 1_000_000.0
LATER: Final = NOW + 3600
_LAST: Final = NOW * 1_000_000
_EVERYTHING: Final = Selection()


def new_message(
    name: str, *recipients: str, at: float = NOW, sender: str = "alice@example.com", hints: Hints = NO_HINTS
) -> NewMessage:
    """A small message with the id `name`, for `recipients` (addresses, each routed to the MX of its domain)."""
    octets = f"Subject: {name}\r\n\r\nHello.\r\n".encode()
    recipients = recipients or ("bob@example.org",)
    return NewMessage(
        submission=Submission(
            message_id=MessageId(name),
            envelope=Envelope(
                reverse_path=ReversePath.parse(f"<{sender}>".encode()),
                parameters=Parameters.parse(b"SIZE=40 RET=HDRS"),
                recipients=tuple(
                    Recipient(ForwardPath.parse(f"<{address}>".encode()), Parameters.parse(b"NOTIFY=FAILURE"))
                    for address in recipients
                ),
            ),
            routes=tuple(Route.parse(f"mx:{address.rpartition('@')[2].lower()}") for address in recipients),
            origin=Origin(
                hello_name="client.example",
                peer_address="192.0.2.7",
                protocol="ESMTP",
                session="s1",
                received_at=at,
                peer_name="client.example",
            ),
            hints=hints,
        ),
        facts=ContentFacts(size=len(octets), eight_bit=True),
        octets=octets,
    )


def change(
    queued: QueuedRecipient, state: RecipientState, *, due: float = 0.0, word: LastWord | None = None
) -> RecipientChange:
    """What one more attempt did to a recipient."""
    return RecipientChange(recipient_id=queued.id, state=state, due=due, attempts=queued.attempts + 1, last_word=word)


def settlement(
    message: QueuedMessage, state: RecipientState, *, due: float = 0.0, reports: Iterable[NewMessage] = ()
) -> Settlement:
    """All recipients of `message`, settled alike."""
    return Settlement(
        message_id=message.message_id,
        changes=tuple(change(queued, state, due=due) for queued in message.recipients),
        reports=tuple(reports),
    )


async def read(content: Content | None) -> bytes | None:
    """All octets of a content."""
    return None if content is None else b"".join([octets async for octets in content.chunks()])


# Taking and finding


async def what_is_inserted_is_found_unchanged(open_store: OpenStore) -> None:
    """The message, its content and each of its recipients."""
    store = await open_store()
    new = new_message("A", "bob@example.org", '"odd name"@Example.NET', "Postmaster@example.org")
    queued = await store.insert(new)
    for found in (queued, *await store.list(_EVERYTHING, limit=10)):
        assert found.envelope == new.submission.envelope, "the envelope is kept"
        assert (found.origin, found.facts, found.hints) == (new.submission.origin, new.facts, new.submission.hints)
        assert tuple(each.route for each in found.recipients) == new.submission.routes, "each recipient has its route"
        assert all(each.state is RecipientState.WAITING for each in found.recipients)
    assert await store.list(_EVERYTHING, limit=10) == (queued,), "what insert returns is what is found"
    content = await store.content(MessageId("A"))
    assert await read(content) == new.octets, "the content is kept"
    assert content is not None
    assert content.size == new.facts.size
    assert await store.content(MessageId("B")) is None, "no content of a message that is not there"
    await store.close()


async def many_inserts_at_once_are_all_there(open_store: OpenStore) -> None:
    """And one that fails takes no other with it."""
    store = await open_store()
    await store.insert(new_message("M050"))
    results = await asyncio.gather(
        *(store.insert(new_message(f"M{number:03}")) for number in range(100)), return_exceptions=True
    )
    failed = [index for index, result in enumerate(results) if isinstance(result, BaseException)]
    assert failed == [50], "an id that is there already is refused, and only that"
    assert isinstance(results[50], StoreFault), "as a StoreFault"
    assert [found.message_id for found in await store.list(_EVERYTHING, limit=200)] == [
        f"M{number:03}" for number in range(100)
    ]
    await store.close()


async def several_in_one_are_all_or_none(open_store: OpenStore) -> None:
    """insert_many."""
    store = await open_store()
    await store.insert_many([])
    await store.insert_many([new_message("A"), new_message("B")])
    with suppress(StoreFault):
        await store.insert_many([new_message("C"), new_message("A")])
        raise AssertionError("an id that is there already is refused")
    assert await _ids(store) == ["A", "B"], "and nothing of the others is kept"
    assert await store.counts() == QueueCounts(messages=2, waiting=2, leased=0, held=0)
    await store.close()


async def what_was_taken_together_ends_by_itself(open_store: OpenStore) -> None:
    """Of messages that came in one insert_many, each is leased, and gone, without the others."""
    store = await open_store()
    first, copy, report = new_message("A"), new_message("B", sender="owner@example.org"), new_message("C", sender="")
    copy = replace(copy, octets=first.octets, facts=first.facts)
    await store.insert_many([first, copy, report])
    leases = {str(lease.message.message_id): lease for lease in await store.lease(now=NOW, until=LATER, limit=10)}
    assert sorted(leases) == ["A", "B", "C"], "all of them are due at once"
    assert leases["B"].message.envelope == copy.submission.envelope, "each has its own envelope"
    await store.settle(settlement(leases["A"].message, RecipientState.DELIVERED))
    assert await _ids(store) == ["B", "C"]
    assert await read(await store.content(MessageId("B"))) == first.octets, "and its content, which others had too"
    assert await store.counts() == QueueCounts(messages=2, waiting=0, leased=2, held=0)
    await store.close()


async def a_release_time_is_kept(open_store: OpenStore) -> None:
    """Hints.not_before (RFC 4865)."""
    store = await open_store()
    await store.insert(new_message("A", hints=Hints(not_before=LATER, expires_at=LATER + 5, priority=-3)))
    assert await store.lease(now=NOW, until=LATER, limit=10) == (), "nothing is due before its time"
    assert await store.next_due() == LATER
    (lease,) = await store.lease(now=LATER, until=LATER + 10, limit=10)
    assert lease.message.hints == Hints(not_before=LATER, expires_at=LATER + 5, priority=-3)
    await store.close()


# Leases


async def the_earliest_are_leased_first(open_store: OpenStore) -> None:
    """At most `limit` recipients, with the content of their message."""
    store = await open_store()
    assert await store.next_due() is None
    await store.insert(new_message("B", "one@example.org", "two@example.org", at=NOW - 5))
    await store.insert(new_message("A", at=NOW - 3))
    await store.insert(new_message("C", at=NOW - 9))
    await store.insert(new_message("D", at=LATER))
    assert await store.next_due() == NOW - 9, "next_due is the earliest"
    first = await store.lease(now=NOW, until=LATER, limit=2)
    assert [lease.message.message_id for lease in first] == ["C", "B"]
    assert [len(lease.message.recipients) for lease in first] == [1, 1], "a part of a message can be leased"
    second = await store.lease(now=NOW, until=LATER, limit=10)
    assert [lease.message.message_id for lease in second] == ["B", "A"]
    leased = [each for lease in (*first, *second) for each in lease.message.recipients]
    assert len({each.id for each in leased}) == 4, "each recipient is leased once"
    assert all(each.state is RecipientState.LEASED for each in leased)
    assert [lease.until for lease in second] == [LATER, LATER]
    assert await read(second[0].content) == new_message("B").octets, "a lease has the content"
    assert await store.lease(now=NOW, until=LATER, limit=10) == (), "what is leased is not leased again"
    assert await store.counts() == QueueCounts(messages=4, waiting=1, leased=4, held=0)
    await store.close()


class _PassingOver:
    """Puts off what goes to full.test, and remembers whom it was asked about."""

    def __init__(self, until: float) -> None:
        self.asked: list[DueRecipient] = []
        self.put_off: list[tuple[str, float]] = []
        self._until = until

    def until(self, due: DueRecipient) -> float | None:
        self.asked.append(due)
        return self._until if due.route == "mx:full.test" else None

    def told(self, put_off: Sequence[tuple[str, float]]) -> None:
        self.put_off += put_off


async def who_is_passed_over_is_due_later(open_store: OpenStore) -> None:
    """A recipient that is passed over keeps all but its time; others, also of the same message, are leased."""
    store = await open_store()
    hints = Hints(not_before=NOW - 5)
    await store.insert(new_message("A", "a@full.test", "b@live.test"))
    await store.insert(new_message("B", "c@full.test", sender="", at=NOW - 60))
    await store.insert(new_message("C", "d@live.test", hints=hints))
    (lease,) = await store.lease(now=NOW - 1, until=LATER, limit=1)
    word = LastWord(at=NOW - 1, reply="450 4.2.0 Later", cause="peer.said", remote_mta="mx.full.test")
    waits_on = change(lease.message.recipients[0], RecipientState.WAITING, due=NOW - 1, word=word)
    await store.settle(Settlement(message_id=lease.message.message_id, changes=(waits_on,)))
    over = _PassingOver(LATER)
    leased = await store.lease(now=NOW, until=LATER, limit=10, passing_over=over)
    names = {str(each.recipient.forward_path) for lease in leased for each in lease.message.recipients}
    assert names == {"<b@live.test>", "<d@live.test>"}, "who is not passed over is leased, and nobody else"
    assert over.put_off == [("mx:full.test", LATER)] * 2, "who was put off is told with the new time"
    asked = {each.route: each for each in over.asked if each.attempts}
    assert asked["mx:full.test"].last_word_at == NOW - 1, "the last word is known when it is asked"
    assert {each.is_from_nobody for each in over.asked} == {True, False}, "it is known who wants no reports"
    assert sum(each.has_hints for each in over.asked) == 1, "it is known which message has hints"
    assert {each.accepted_at for each in over.asked} == {NOW, NOW - 60}, "it is known since when a message waits"
    kinds = {tuple(type(value) for value in each) for each in over.asked}
    assert kinds == {(int, str, int, float, float, bool, bool)}, "1 is not True, nor 0 a time: compiled code minds"
    assert await store.lease(now=LATER - 1, until=LATER, limit=10) == (), "until its time nobody is leased"
    again = {lease.message.message_id: lease for lease in await store.lease(now=LATER, until=LATER + 9, limit=10)}
    tried = again[MessageId("B")].message.recipients[0]
    assert (tried.attempts, tried.last_word) == (1, word), "no attempt is counted, no word is replaced"
    over = _PassingOver(LATER)
    await store.insert(new_message("D", "e@full.test"))
    assert await store.lease(now=NOW, until=LATER, limit=10, passing_over=over) == (), "all may be passed over"
    await store.close()


async def a_lease_that_runs_out_is_no_longer_due_when_all_are_passed_over(open_store: OpenStore) -> None:
    """Else whoever delivers would ask for it again and again, and time would stand still for him."""
    store = await open_store()
    await store.insert(new_message("A", "a@full.test"), leased_until=NOW + 50)
    await store.insert(new_message("B", "b@full.test"))
    await store.lease(now=NOW + 50, until=LATER, limit=10, passing_over=_PassingOver(LATER))
    await store.lease(now=NOW + 50, until=LATER, limit=10, passing_over=_PassingOver(LATER))
    assert await store.next_due() == LATER, "it is leased or put off, and so is who waits beside it"
    await store.close()


async def a_lease_that_runs_out_is_given_again(open_store: OpenStore) -> None:
    """In whatever order leases were given."""
    store = await open_store()
    await store.insert(new_message("A"))
    await store.insert(new_message("B"), leased_until=NOW + 50)
    await store.lease(now=NOW, until=NOW + 100, limit=10)
    assert await store.counts() == QueueCounts(messages=2, waiting=0, leased=2, held=0)
    assert await store.next_due() == NOW + 50, "a running lease counts at its end"
    assert await store.lease(now=NOW + 49, until=LATER, limit=10) == ()
    assert await _lease_ids(store, NOW + 50) == ["B"], "what was inserted as leased as well"
    assert await _lease_ids(store, NOW + 100) == ["A"]
    await store.close()


async def a_lease_that_is_renewed_is_not_given_again(open_store: OpenStore) -> None:
    """Until its new end; what was settled meanwhile is no lease any more."""
    store = await open_store()
    queued = await store.insert(new_message("A"), leased_until=NOW + 50)
    recipients = [each.id for each in queued.recipients]
    store.renew(MessageId("A"), recipients, until=NOW + 100)
    store.renew(MessageId("B"), [1 << 40], until=NOW + 100)
    assert await store.lease(now=NOW + 99, until=LATER, limit=10) == ()
    assert await store.next_due() == NOW + 100
    assert await _lease_ids(store, NOW + 100) == ["A"]
    await store.settle(settlement(queued, RecipientState.DELIVERED))
    store.renew(MessageId("A"), recipients, until=LATER)
    assert await store.next_due() is None
    await store.close()


async def a_call_that_was_cancelled_leaves_no_lease(open_store: OpenStore) -> None:
    """Whether it was done or not, nothing is stuck."""
    store = await open_store()
    for turns in range(12):
        # When the insert was done at once, it is the lease that is cancelled; and that may be done at once as well.
        cancelled = await _cancel_after(turns, store.insert(new_message(f"A{turns:02}"), leased_until=NOW + 1))
        cancelled = cancelled or await _cancel_after(turns, store.lease(now=NOW + 1, until=LATER, limit=10))
        await store.insert(new_message(f"B{turns:02}"), leased_until=LATER)  # what was cancelled is done before this
        stored = await _ids(store)
        expected = stored[:-1] if cancelled else []
        assert await _lease_ids(store, NOW + 1) == expected, "what is stored and nobody holds can be leased"
        for message in await store.list(_EVERYTHING, limit=100):
            await store.settle(settlement(message, RecipientState.DELIVERED))
    await store.close()


async def who_opens_gets_what_was_leased_before(open_store: OpenStore) -> None:
    """And all the rest as it was."""
    store = await open_store()
    await store.insert(new_message("A"))
    await store.insert(new_message("B"), leased_until=_LAST)
    await store.insert(new_message("C", "one@example.org", "two@example.org", at=NOW - 1))
    await store.hold(Selection(recipient="two@example.org"))
    await store.lease(now=NOW - 1, until=_LAST, limit=10)
    before = await store.list(_EVERYTHING, limit=10)
    await store.close()
    await store.close()
    store = await open_store()
    after = await store.list(_EVERYTHING, limit=10)
    assert [_without_recipients(message) for message in after] == [_without_recipients(message) for message in before]
    assert await store.counts() == QueueCounts(messages=3, waiting=3, leased=0, held=1)
    found = await store.lease(now=_LAST - 1, until=_LAST, limit=10)
    assert sorted(lease.message.message_id for lease in found) == ["A", "B", "C"]
    queued = await store.insert(new_message("D"))
    ids = [each.id for message in (*after, queued) for each in message.recipients]
    assert len(ids) == len(set(ids)), "no two recipients have one number"
    await store.close()


# Settling


async def a_message_is_gone_with_its_last_recipient(open_store: OpenStore) -> None:
    """Delivered or failed."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "two@example.org"))
    await store.insert(new_message("B"))
    leases = {lease.message.message_id: lease for lease in await store.lease(now=NOW, until=LATER, limit=10)}
    one, two = leases[MessageId("A")].message.recipients
    await store.settle(Settlement(message_id=MessageId("A"), changes=(change(one, RecipientState.DELIVERED),)))
    (found, _) = await store.list(_EVERYTHING, limit=10)
    assert [each.state for each in found.recipients] == [RecipientState.DELIVERED, RecipientState.LEASED]
    assert await store.content(MessageId("A")) is not None, "while one is left, the content stays"
    await store.settle(Settlement(message_id=MessageId("A"), changes=(change(two, RecipientState.FAILED),)))
    assert await _ids(store) == ["B"]
    assert await store.content(MessageId("A")) is None, "the content goes with the message"
    assert await store.counts() == QueueCounts(messages=1, waiting=0, leased=1, held=0)
    assert await store.lease(now=_LAST - 1, until=_LAST, limit=10) != ()
    await store.close()


async def an_attempt_is_remembered(open_store: OpenStore) -> None:
    """What it ended with, how many there were, when the next one is."""
    store = await open_store()
    await store.insert(new_message("A"))
    (lease,) = await store.lease(now=NOW, until=LATER, limit=10)
    word = LastWord(at=NOW + 1, reply="451 4.3.0 später", cause="peer.said", remote_mta="mx.example.org")
    changes = (change(lease.message.recipients[0], RecipientState.WAITING, due=LATER, word=word),)
    await store.settle(Settlement(message_id=MessageId("A"), changes=changes))
    assert await store.next_due() == LATER
    assert await store.lease(now=LATER - 1, until=_LAST, limit=10) == (), "not before it is due again"
    (again,) = await store.lease(now=LATER, until=_LAST, limit=10)
    (queued,) = again.message.recipients
    assert (queued.attempts, queued.last_word) == (1, word)
    assert await store.counts() == QueueCounts(messages=1, waiting=0, leased=1, held=0)
    await store.close()


async def a_report_is_kept_with_the_settlement(open_store: OpenStore) -> None:
    """Both or neither."""
    store = await open_store()
    await store.insert(new_message("A"))
    await store.insert(new_message("Z"))
    leases = {lease.message.message_id: lease for lease in await store.lease(now=NOW, until=LATER, limit=10)}
    message = leases[MessageId("A")].message
    with suppress(StoreFault):
        await store.settle(settlement(message, RecipientState.FAILED, reports=[new_message("Z")]))
        raise AssertionError("an id that is there already is refused")
    assert await _ids(store) == ["A", "Z"], "a settlement that can not be stored changes nothing"
    report = new_message("R", "alice@example.com", sender="")
    await store.settle(settlement(message, RecipientState.FAILED, reports=[report]))
    assert await _ids(store) == ["R", "Z"]
    (lease,) = await store.lease(now=NOW, until=LATER, limit=10)
    assert lease.message.envelope == report.submission.envelope, "the report waits for delivery"
    assert lease.message.reverse_path.is_null
    assert await store.counts() == QueueCounts(messages=2, waiting=0, leased=2, held=0)
    await store.close()


async def what_is_owed_is_kept_until_it_is_paid(open_store: OpenStore) -> None:
    """Also over a restart, when all recipients have ended; and it is paid once."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "two@example.net", "three@example.com"))
    await store.insert(new_message("B"))
    message = (await store.lease(now=NOW, until=LATER, limit=3))[0].message
    one, two, three = message.recipients
    assert (await store.owing(), await store.owed(MessageId("A"))) == ((), None)
    debts = (Debt(one.id, "one failed"), Debt(two.id, "two is late"))
    states = (RecipientState.FAILED, RecipientState.WAITING)
    changes = tuple(change(*each, due=LATER) for each in zip((one, two), states, strict=True))
    await store.settle(Settlement(message_id=MessageId("A"), changes=changes, owed=debts))
    await store.settle(Settlement(message_id=MessageId("A"), changes=(change(three, RecipientState.DELIVERED),)))
    await store.close()
    store = await open_store()
    assert await store.owing() == ("A",)
    owed = await store.owed(MessageId("A"))
    assert owed is not None, "whoever opens finds what is owed"
    assert (owed.debts, [each.id for each in owed.message.recipients]) == (debts, [one.id, two.id])
    assert await read(owed.content) == new_message("A").octets
    (lease,) = (each for each in await store.lease(now=LATER, until=_LAST, limit=5) if each.message.message_id == "A")
    changed = replace(debts[1], report="two failed, too")
    changes = (change(lease.message.recipients[0], RecipientState.FAILED),)
    await store.settle(Settlement(message_id=MessageId("A"), changes=changes, owed=(changed,)))
    assert (await store.counts()).messages == 2, "a message stays while its sender is owed a report"
    for report, paid, messages in (
        ("R1", debts, ["A", "B", "R1"]),  # one of two: the other says something else by now
        ("R2", debts, ["A", "B", "R1"]),  # nothing is paid twice
        ("R3", (changed,), ["B", "R1", "R3"]),
        ("R4", (changed,), ["B", "R1", "R3"]),
    ):
        reports = (new_message(report),)
        await store.settle(Settlement(message_id=MessageId("A"), changes=(), reports=reports, paid=paid))
        assert await _ids(store) == messages, f"after {report}"
    assert await store.owing() == ()
    await store.close()


async def who_was_removed_is_owed_nothing(open_store: OpenStore) -> None:
    """An operator removes without a report, also one that was on its way."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org"))
    (lease,) = await store.lease(now=NOW, until=LATER, limit=1)
    (one,) = lease.message.recipients
    debt = Debt(one.id, "one is late")
    changes = (change(one, RecipientState.WAITING, due=LATER),)
    await store.settle(Settlement(message_id=MessageId("A"), changes=changes, owed=(debt,)))
    assert await store.remove(_EVERYTHING) == 1
    assert await store.owed(MessageId("A")) is None
    await store.settle(Settlement(message_id=MessageId("A"), changes=(), reports=(new_message("R"),), paid=(debt,)))
    assert await _ids(store) == []
    await store.close()


async def what_has_ended_stays_so(open_store: OpenStore) -> None:
    """An attempt whose lease ran out, and which is settled after another one, changes nothing and ends no others."""
    store = await open_store()
    queued = await store.insert(new_message("A", "one@example.org", "two@example.org"))
    one, two = queued.recipients
    for state in (RecipientState.DELIVERED, RecipientState.DELIVERED, RecipientState.WAITING, RecipientState.FAILED):
        late = Settlement(
            message_id=queued.message_id, changes=(change(one, state),), reports=(new_message(f"R-{state.name}"),)
        )
        await store.settle(late)
    (found, report) = await store.list(_EVERYTHING, limit=10)
    assert [each.state for each in found.recipients] == [RecipientState.DELIVERED, RecipientState.WAITING]
    assert report.message_id == "R-DELIVERED", "what changes nothing sends no reports either"
    assert await store.counts() == QueueCounts(messages=2, waiting=2, leased=0, held=0)
    both = Settlement(
        message_id=queued.message_id,
        changes=(change(one, RecipientState.FAILED), change(two, RecipientState.DELIVERED)),
    )
    await store.settle(both)
    await store.settle(both)
    assert await _ids(store) == ["R-DELIVERED"]
    await store.close()


async def a_recipient_that_is_settled_twice_at_once_ends_no_other(open_store: OpenStore) -> None:
    """A settlement that names it twice is somebody's mistake, and must not cost a message."""
    store = await open_store()
    queued = await store.insert(new_message("A", "one@example.org", "two@example.org"))
    twice = (change(queued.recipients[0], RecipientState.DELIVERED),) * 2
    await store.settle(Settlement(message_id=queued.message_id, changes=twice))
    (found,) = await store.list(_EVERYTHING, limit=10)
    assert [each.state for each in found.recipients] == [RecipientState.DELIVERED, RecipientState.WAITING]
    assert await store.counts() == QueueCounts(messages=1, waiting=1, leased=0, held=0)
    await store.close()


async def what_was_removed_is_passed_over(open_store: OpenStore) -> None:
    """An operator removes a recipient whose lease has run out, while the attempt is still under way."""
    store = await open_store()
    queued = await store.insert(new_message("A", "one@example.org", "two@example.org"))
    one, _ = queued.recipients
    assert await store.remove(Selection(recipient="one@example.org")) == 1
    await store.settle(
        Settlement(
            message_id=queued.message_id, changes=(change(one, RecipientState.FAILED),), reports=(new_message("R"),)
        )
    )
    (found,) = await store.list(_EVERYTHING, limit=10)
    assert [str(each.recipient.forward_path) for each in found.recipients] == ["<two@example.org>"]
    await store.settle(settlement(replace(queued, message_id=MessageId("gone")), RecipientState.FAILED))
    await store.close()
    store = await open_store()
    after = await store.insert(new_message("B"))
    assert not {each.id for each in after.recipients} & {each.id for each in found.recipients}
    assert await _ids(store) == ["A", "B"]
    await store.settle(settlement(found, RecipientState.DELIVERED))
    assert await _ids(store) == ["B"], "the end of one message takes nothing of another"
    assert len((await store.list(_EVERYTHING, limit=1))[0].recipients) == 1
    await store.close()


# What operators do


async def what_is_held_is_not_leased(open_store: OpenStore) -> None:
    """Until it is released; a retry is no release, and an attempt that was under way is none."""
    store = await open_store()
    queued = await store.insert(new_message("A", "one@example.org", "two@example.org"))
    assert await store.hold(Selection(recipient="one@example.org")) == 1
    assert await store.hold(Selection(recipient="one@example.org")) == 0, "held once is held"
    assert await store.retry(_EVERYTHING, due=NOW) == 1
    (lease,) = await store.lease(now=NOW, until=LATER, limit=10)
    assert [str(each.recipient.forward_path) for each in lease.message.recipients] == ["<two@example.org>"]
    assert await store.hold(_EVERYTHING) == 0, "what is leased can not be held"
    assert await store.counts() == QueueCounts(messages=1, waiting=0, leased=1, held=1)
    changes = (change(queued.recipients[0], RecipientState.WAITING, due=NOW),)
    await store.settle(Settlement(message_id=queued.message_id, changes=changes))
    assert await store.lease(now=NOW, until=LATER, limit=10) == ()
    (held,) = await store.list(Selection(state=RecipientState.HELD), limit=10)
    assert held.recipients[0].attempts == 1, "the attempt is remembered"
    assert await store.release(_EVERYTHING, due=NOW + 7) == 1
    assert await store.next_due() == NOW + 7
    assert len(await store.lease(now=NOW + 7, until=LATER, limit=10)) == 1
    await store.close()


async def what_is_removed_is_gone(open_store: OpenStore) -> None:
    """Waiting or held; what is leased stays."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "two@example.org"))
    await store.insert(new_message("B", "one@example.org"))
    await store.insert(new_message("C", "one@example.org"), leased_until=LATER)
    await store.hold(Selection(recipient="two@example.org"))
    assert await store.remove(Selection(recipient="one@example.org")) == 2
    assert await _ids(store) == ["A", "C"]
    assert await store.counts() == QueueCounts(messages=2, waiting=0, leased=1, held=1)
    assert await store.remove(_EVERYTHING) == 1
    assert await _ids(store) == ["C"]
    assert await store.content(MessageId("A")) is None
    await store.close()


async def a_removal_during_an_attempt_takes_nobody_else(open_store: OpenStore) -> None:
    """Whatever the attempt ends with, and whichever comes first: who was not removed is still there, or has ended."""
    store = await open_store()
    for name, state in (("A", RecipientState.DELIVERED), ("B", RecipientState.WAITING)):
        queued = await store.insert(new_message(name, "one@example.org", "two@example.net", "three@example.com"))
        await store.retry(Selection(recipient="three@example.com"), due=LATER)
        await store.hold(Selection(recipient="two@example.net"))
        (lease,) = await store.lease(now=NOW, until=LATER, limit=10)
        assert await store.remove(Selection(message_id=queued.message_id, recipient="two@example.net")) == 1
        await store.settle(settlement(lease.message, state, due=LATER))
        (found,) = await store.list(Selection(message_id=queued.message_id), limit=10)
        assert [str(each.recipient.forward_path) for each in found.recipients] == [
            "<one@example.org>",
            "<three@example.com>",
        ]
        assert [each.state for each in found.recipients] == [state, RecipientState.WAITING]
        leases = await store.lease(now=LATER, until=_LAST, limit=10)
        assert [str(each.recipient.forward_path) for each in leases[0].message.recipients] == [
            str(each.recipient.forward_path) for each in found.recipients if each.state is RecipientState.WAITING
        ], "in the order of the envelope"
        await store.settle(settlement(leases[0].message, RecipientState.DELIVERED))
        assert await _ids(store) == [], "and the message goes with the last of them"
    await store.close()


async def a_retry_is_due_at_once(open_store: OpenStore) -> None:
    """Whatever the schedule said."""
    store = await open_store()
    await store.insert(new_message("A", at=LATER))
    await store.insert(new_message("B", at=LATER))
    assert await store.retry(Selection(message_id=MessageId("B")), due=NOW) == 1
    assert await _lease_ids(store, NOW) == ["B"]
    await store.close()


async def messages_are_counted_once(open_store: OpenStore) -> None:
    """However many of their recipients are selected, and no further than one cares to know."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "two@example.org", "three@example.net"))
    await store.insert(new_message("B", "four@example.org"))
    for selection, limit, expected in (
        (Selection(domain="example.org"), 9, 2),
        (Selection(domain="example.org"), 1, 1),
        (Selection(domain="example.net"), 9, 1),
        (Selection(domain="example.com"), 9, 0),
        (Selection(domain="example.org", state=RecipientState.LEASED), 9, 0),
    ):
        found = await store.count_messages(selection, limit=limit)
        assert found == expected, f"{selection}: {found} messages, not {expected}"
    await store.close()


async def what_is_selected_is_leased_before_it_is_due(open_store: OpenStore) -> None:
    """One after the other, with the time at which it would have been due; what is held or leased already is not."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "other@example.net", at=LATER))
    await store.insert(new_message("B", "two@example.org", at=LATER))
    await store.insert(new_message("C", "three@example.org", at=LATER))
    await store.insert(new_message("D", "held@example.org", at=LATER))
    await store.hold(Selection(recipient="held@example.org"))
    ours = Selection(domain="example.org")
    (first,) = await store.lease_selected(ours, until=_LAST, limit=1)
    (queued,) = first.message.recipients
    assert (str(queued.recipient.forward_path), queued.due) == ("<one@example.org>", LATER)
    assert queued.state is RecipientState.LEASED
    rest = await store.lease_selected(ours, until=_LAST, limit=9, after=queued.id)
    assert [lease.message.message_id for lease in rest] == ["B", "C"]
    assert await read(rest[0].content), "with its content"
    assert await store.lease_selected(ours, until=_LAST, limit=9) == ()
    await store.settle(settlement(first.message, RecipientState.DELIVERED))
    assert await _lease_ids(store, LATER) == ["A"], "its other recipient is leased as ever"
    await store.close()
    store = await open_store()
    assert (await store.counts()).leased == 0, "whoever opens gives these leases back as well"
    await store.close()


async def every_selection_selects(open_store: OpenStore) -> None:
    """By message, sender, recipient, domain with or without subdomains, route, state; and by all of them together."""
    store = await open_store()
    await store.insert(new_message("A", "bob@example.org", "bob@sub.Example.ORG", sender="Alice@example.com"))
    await store.insert(new_message("B", "carol@notexample.org", "carol@exampleXorg", sender=""))
    await store.insert(new_message("C", "dave@org", "dave@[192.0.2.1]", "dave@example.org.example"))
    await store.hold(Selection(recipient="dave@org"))
    for selection, expected in (
        (_EVERYTHING, 7),
        (Selection(message_id=MessageId("A")), 2),
        (Selection(message_id=MessageId("none")), 0),
        (Selection(sender="alice@EXAMPLE.com"), 5),
        (Selection(sender="<>"), 2),
        (Selection(recipient="BOB@example.org"), 1),
        (Selection(recipient="<carol@notexample.org>"), 1),
        (Selection(domain="example.org"), 1),
        (Selection(domain="EXAMPLE.org"), 1),
        (Selection(domain="@example.org"), 2),
        (Selection(domain="@sub.example.org"), 1),
        (Selection(domain="[192.0.2.1]"), 1),
        (Selection(domain="@org"), 4),
        (Selection(route="mx:example.org"), 1),
        (Selection(state=RecipientState.HELD), 1),
        (Selection(state=RecipientState.WAITING, domain="@org"), 3),
        (Selection(state=RecipientState.LEASED), 0),
        (Selection(message_id=MessageId("A"), sender="alice@example.com", domain="@example.org", route="mx:org"), 0),
    ):
        assert await store.count(selection) == expected, f"{selection} selects {expected}"
        listed = await store.list(selection, limit=10)
        assert bool(listed) == bool(expected), f"{selection} lists its messages"
    listed = await store.list(Selection(recipient="bob@example.org"), limit=10)
    assert [len(message.recipients) for message in listed] == [2], "a listed message has all its recipients"
    assert await store.hold(Selection(domain="@example.org")) == 2, "operations select alike"
    assert await store.remove(Selection(domain="@example.org", state=RecipientState.WAITING)) == 0
    assert await store.release(Selection(message_id=MessageId("A")), due=NOW) == 2
    await store.close()


async def age_size_and_reason_select(open_store: OpenStore) -> None:
    """A moment and a size belong to what begins with them; a reason is in the last word or in its cause."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "two@example.org"))
    await store.insert(new_message("BBBB", at=LATER))
    small = len(new_message("A").octets or b"")
    (lease,) = await store.lease(now=NOW, until=LATER, limit=1)
    word = LastWord(at=NOW, reply="451 4.7.1 Greylisted: 50% of all", cause="storage.full")
    changes = (change(lease.message.recipients[0], RecipientState.WAITING, due=NOW, word=word),)
    await store.settle(Settlement(message_id=MessageId("A"), changes=changes))
    for selection, expected in (
        (Selection(accepted_from=NOW), 3),
        (Selection(accepted_from=LATER), 1),
        (Selection(accepted_before=LATER), 2),
        (Selection(accepted_from=NOW, accepted_before=NOW), 0),
        (Selection(smallest=small), 3),
        (Selection(smallest=small + 1), 1),
        (Selection(size_below=small), 0),
        (Selection(size_below=small + 1), 2),
        (Selection(reason="4.7.1"), 1),
        (Selection(reason="GREYlisted"), 1),
        (Selection(reason="storage.full"), 1),
        (Selection(reason="0% of"), 1),
        (Selection(reason="0_ of"), 0),
        (Selection(reason="5.1.1"), 0),
        (Selection(reason="4.7.1", accepted_before=LATER, domain="example.org"), 1),
        (Selection(reason="4.7.1", accepted_from=LATER), 0),
    ):
        assert await store.count(selection) == expected, f"{selection} selects {expected}"
        listed = await store.list(selection, limit=10)
        assert bool(listed) == bool(expected), f"{selection} lists its messages"
    assert await store.hold(Selection(reason="greylisted")) == 1, "operations select alike"
    await store.close()


async def a_redirected_recipient_goes_another_way(open_store: OpenStore) -> None:
    """By another route, or to another address; held or waiting, now; what is being tried is left alone."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "two@example.net", "three@example.com", at=LATER))
    await store.insert(new_message("B", "four@example.org"), leased_until=LATER)
    await store.hold(Selection(recipient="two@example.net"))
    smarthost, moved = Route.parse("smtp:relay.example:25"), ForwardPath.parse(b"<new@Example.EDU>")
    assert await store.redirect(Selection(domain="example.org"), Redirection(route=smarthost), due=NOW) == 1
    other = Redirection(route=Route.parse("mx:example.edu"), path=moved)
    assert await store.redirect(Selection(recipient="two@example.net"), other, due=NOW) == 1
    (message,) = await store.list(Selection(message_id=MessageId("A")), limit=10)
    one, two, three = message.recipients
    assert (str(one.recipient.forward_path), one.route, one.due) == ("<one@example.org>", smarthost, NOW)
    assert (two.recipient.forward_path, two.route, two.due) == (moved, other.route, NOW)
    assert two.state is RecipientState.WAITING, "what was held is to be tried"
    assert two.recipient.parameters.value("ORCPT") == "rfc822;two@example.net", "the sender knows the old name"
    assert "ORCPT" not in one.recipient.parameters, "who keeps the name needs no other"
    assert (three.route, three.due) == (Route.parse("mx:example.com"), LATER), "others stay as they were"
    assert await store.counts() == QueueCounts(messages=2, waiting=3, leased=1, held=0)
    assert await store.count(Selection(domain="example.edu")) == 1, "it is found under its new domain"
    assert await store.count(Selection(domain="example.net")) == 0
    back = Redirection(route=other.route, path=ForwardPath.parse(b"<newer@example.edu>"))
    assert await store.redirect(Selection(recipient="new@example.edu"), back, due=NOW) == 1
    (message,) = await store.list(Selection(recipient="newer@example.edu"), limit=10)
    original = message.recipients[1].recipient.parameters.value("ORCPT")
    assert original == "rfc822;two@example.net", "an ORCPT is kept, however often the name changes"
    assert await _lease_ids(store, NOW) == ["A"], "two of three are due"
    await store.close()


async def whom_an_operator_touches_is_told(open_store: OpenStore) -> None:
    """The message and the recipient, by the name it had."""
    store = await open_store()
    await store.insert(new_message("A", "one@example.org", "two@example.net"))
    await store.insert(new_message("B", "one@example.org"), leased_until=LATER)
    heard: list[Touched] = []
    one, two = Touched(MessageId("A"), "<one@example.org>"), Touched(MessageId("A"), "<two@example.net>")
    await store.hold(Selection(recipient="one@example.org"), told=heard.extend)
    assert heard == [one]
    await store.release(_EVERYTHING, due=NOW, told=heard.extend)
    assert heard == [one, one]
    await store.retry(Selection(domain="example.net"), due=NOW, told=heard.extend)
    assert heard == [one, one, two]
    moved = Redirection(route=Route.parse("mx:example.edu"), path=ForwardPath.parse(b"<new@example.edu>"))
    await store.redirect(Selection(domain="example.net"), moved, due=NOW, told=heard.extend)
    assert heard[3:] == [two]
    await store.remove(Selection(domain="example.edu"), told=heard.extend)
    assert heard[4:] == [Touched(MessageId("A"), "<new@example.edu>")]
    await store.close()


async def lists_come_in_pages(open_store: OpenStore) -> None:
    """By id, after the last one of the page before."""
    store = await open_store()
    for number in (3, 1, 4, 0, 2):
        await store.insert(new_message(f"M{number}"))
    for selection in (_EVERYTHING, Selection(domain="example.org"), Selection(route="mx:example.org")):
        first = await store.list(selection, limit=2)
        assert [message.message_id for message in first] == ["M0", "M1"]
        rest = await store.list(selection, limit=10, after=first[-1].message_id)
        assert [message.message_id for message in rest] == ["M2", "M3", "M4"]
        assert await store.list(selection, limit=10, after=rest[-1].message_id) == ()
    await store.close()


STORE_CHECKS: Final[tuple[StoreCheck, ...]] = (
    what_is_inserted_is_found_unchanged,
    many_inserts_at_once_are_all_there,
    several_in_one_are_all_or_none,
    what_was_taken_together_ends_by_itself,
    a_release_time_is_kept,
    the_earliest_are_leased_first,
    who_is_passed_over_is_due_later,
    a_lease_that_runs_out_is_no_longer_due_when_all_are_passed_over,
    a_lease_that_runs_out_is_given_again,
    a_lease_that_is_renewed_is_not_given_again,
    a_call_that_was_cancelled_leaves_no_lease,
    who_opens_gets_what_was_leased_before,
    a_message_is_gone_with_its_last_recipient,
    an_attempt_is_remembered,
    a_report_is_kept_with_the_settlement,
    what_is_owed_is_kept_until_it_is_paid,
    who_was_removed_is_owed_nothing,
    what_has_ended_stays_so,
    a_recipient_that_is_settled_twice_at_once_ends_no_other,
    what_was_removed_is_passed_over,
    what_is_held_is_not_leased,
    what_is_removed_is_gone,
    a_removal_during_an_attempt_takes_nobody_else,
    a_retry_is_due_at_once,
    messages_are_counted_once,
    what_is_selected_is_leased_before_it_is_due,
    every_selection_selects,
    age_size_and_reason_select,
    a_redirected_recipient_goes_another_way,
    whom_an_operator_touches_is_told,
    lists_come_in_pages,
)


async def _ids(store: QueueStore) -> list[str]:
    return [message.message_id for message in await store.list(_EVERYTHING, limit=100)]


async def _lease_ids(store: QueueStore, now: float) -> list[str]:
    leases: tuple[Lease, ...] = await store.lease(now=now, until=_LAST, limit=100)
    return [lease.message.message_id for lease in leases]


async def _cancel_after(turns: int, call: Awaitable[object]) -> bool:
    """Begin a call, and give it up after so many turns of the loop; False when it was done by then."""
    task = asyncio.ensure_future(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


def _without_recipients(message: QueuedMessage) -> QueuedMessage:
    return replace(message, recipients=())
