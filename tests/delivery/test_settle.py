"""Settling: pure decisions about who is tried again, who has ended, what the sender is told."""

from dataclasses import replace

import pytest

from heloise.delivery.settle import REPORT_LIFETIME, Reporting, decide, expiry, postpone, settle, without_report
from heloise.dsn.submission import Routed
from heloise.mail import causes
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Parameters, Recipient
from heloise.mail.hints import Hints
from heloise.mail.ids import MessageId
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.mail.trace import Origin
from heloise.queue.model import LastWord, QueuedMessage, QueuedRecipient, RecipientState, Settlement
from heloise.queue.schedule import RetrySchedule
from heloise.smtp import replies

ORIGINAL = b"Subject: x\r\n\r\nbody\r\n"
ROUTE = Route.parse("mx:full.test")
SCHEDULE = RetrySchedule()
DAY = 86400.0


def recipient(text: str = "<x@full.test>", *, number: int = 1, attempts: int = 0) -> QueuedRecipient:
    return QueuedRecipient(
        id=number,
        recipient=Recipient.parse(text.encode()),
        route=ROUTE,
        state=RecipientState.LEASED,
        due=0.0,
        attempts=attempts,
    )


def message(*recipients: QueuedRecipient) -> QueuedMessage:
    return QueuedMessage(
        message_id=MessageId("M1"),
        reverse_path=ReversePath.parse(b"<a@client.test>"),
        parameters=Parameters(),
        origin=Origin(
            hello_name="client.test", peer_address="192.0.2.5", protocol="ESMTP", session="s", received_at=1000.0
        ),
        facts=ContentFacts(size=len(ORIGINAL)),
        hints=Hints(),
        accepted_at=1000.0,
        recipients=recipients or (recipient(),),
    )


def outcome(action: Action, code: int, status: str | None = None) -> Outcome:
    reply = replies.reply(code, status, "words", causes.PEER_SAID)
    return Outcome(action=action, stage=Stage.RCPT, reply=reply, remote_mta="mx.full.test")


DELAYED = outcome(Action.DELAYED, 450, "4.2.1")
FAILED = outcome(Action.FAILED, 550, "5.1.1")
RELAYED = outcome(Action.RELAYED, 250, "2.0.0")


SENDER = (ForwardPath.parse(b"<a@client.test>"), Route.parse("maildir:a"))


def settled(subject: QueuedMessage, *outcomes: Outcome, now: float = 2000.0, routed: Routed = (SENDER,)) -> Settlement:
    decision = decide(
        subject, tuple(zip(subject.recipients, outcomes, strict=True)), now=now, schedule=SCHEDULE, random=lambda: 0.5
    )
    reporting = Reporting(hostname="mx.example.test", report_id=MessageId("R1"), routed=routed)
    return settle(decision, reporting, ORIGINAL[: decision.octets_wanted])


def test_each_outcome_becomes_a_state() -> None:
    group = message(*(recipient(number=number) for number in (1, 2, 3)))
    changes = settled(group, DELAYED, FAILED, RELAYED).changes
    assert [change.state for change in changes] == [
        RecipientState.WAITING,
        RecipientState.FAILED,
        RecipientState.DELIVERED,
    ]
    assert [change.recipient_id for change in changes] == [1, 2, 3]
    assert {change.attempts for change in changes} == {1}
    assert changes[0].last_word == LastWord(
        at=2000.0, reply="450 4.2.1 words", cause="peer.said", remote_mta="mx.full.test"
    )


def test_a_delayed_recipient_is_due_as_the_schedule_says() -> None:
    assert settled(message(), DELAYED).changes[0].due == 2000.0 + 300.0
    assert settled(message(recipient(attempts=1)), DELAYED).changes[0].due == 2000.0 + 900.0


def test_a_delay_by_itself_is_not_reported() -> None:
    assert settled(message(), DELAYED).reports == ()


def test_the_last_attempt_comes_when_the_time_is_up() -> None:
    assert settled(message(recipient(attempts=50)), DELAYED, now=1000.0 + 5 * DAY - 60).changes[0].due == 1000 + 5 * DAY


def test_expiry_fails_with_5_4_7_and_keeps_the_last_trouble() -> None:
    settlement = settled(message(), DELAYED, now=1000.0 + 5 * DAY)
    assert settlement.changes[0].state is RecipientState.FAILED
    last_word = settlement.changes[0].last_word
    assert last_word is not None
    assert last_word.reply.startswith("554 5.4.7 ")
    assert last_word.cause == "delivery.expired"
    (report,) = settlement.reports
    assert report.octets is not None
    assert b"Status: 5.4.7\r\nRemote-MTA: dns; mx.full.test\r\nDiagnostic-Code: smtp; 450 4.2.1 words" in report.octets


HOURS = 3600.0


def tried(at: float, text: str = "<x@full.test>", *, number: int = 1) -> QueuedRecipient:
    word = LastWord(at=at, reply="450 4.2.1 words", cause="peer.said")
    return replace(recipient(text, number=number, attempts=3), last_word=word)


def test_the_sender_is_warned_at_the_first_attempt_after_four_hours() -> None:
    (report,) = settled(message(tried(1000.0 + 3 * HOURS)), DELAYED, now=1000.0 + 4 * HOURS).reports
    assert report.octets is not None
    assert b"Action: delayed\r\nStatus: 4.2.1\r\n" in report.octets
    assert b"Will-Retry-Until: Tue, 06 Jan 1970 00:16:40 +0000\r\n" in report.octets
    assert b"Subject: Your message is delayed\r\n" in report.octets
    assert b"text/rfc822-headers" in report.octets


def test_the_sender_is_warned_only_once() -> None:
    again = tried(1000.0 + 4 * HOURS)
    assert settled(message(again), DELAYED, now=1000.0 + 7 * HOURS).reports == ()


def test_an_attempt_is_made_when_the_warning_is_due() -> None:
    change = settled(message(tried(1000.0)), DELAYED, now=1000.0 + 3.9 * HOURS).changes[0]
    assert change.due == 1000.0 + 4 * HOURS
    quiet = tried(1000.0, "<x@full.test> NOTIFY=FAILURE")
    assert settled(message(quiet), DELAYED, now=1000.0 + 3.9 * HOURS).changes[0].due > 1000.0 + 4.2 * HOURS


@pytest.mark.parametrize(("notify", "warned"), [("DELAY", 1), ("FAILURE,DELAY", 1), ("FAILURE", 0), ("NEVER", 0)])
def test_only_those_who_want_it_are_warned(notify: str, warned: int) -> None:
    late = tried(1000.0, f"<x@full.test> NOTIFY={notify}")
    assert len(settled(message(late), DELAYED, now=1000.0 + 5 * HOURS).reports) == warned


def test_nobody_is_warned_of_a_report_or_when_the_schedule_has_no_warning() -> None:
    late = message(tried(1000.0))
    assert settled(replace(late, reverse_path=NULL_REVERSE_PATH), DELAYED, now=1000.0 + 5 * HOURS).reports == ()
    pairs = ((late.recipients[0], DELAYED),)
    schedule = RetrySchedule(warn_after=0)
    assert not decide(late, pairs, now=1000.0 + 5 * HOURS, schedule=schedule, random=lambda: 0.5).owes_report


def test_a_message_that_was_to_wait_is_late_only_after_that() -> None:
    held = replace(message(tried(1000.0)), hints=Hints(not_before=1000.0 + 3 * HOURS))
    assert settled(held, DELAYED, now=1000.0 + 5 * HOURS).reports == ()
    assert len(settled(held, DELAYED, now=1000.0 + 7 * HOURS).reports) == 1


def test_failures_and_delays_of_one_round_are_in_one_report_with_all_of_a_small_message() -> None:
    group = message(tried(1000.0), tried(1000.0, "<y@full.test>", number=2))
    (report,) = settled(group, DELAYED, FAILED, now=1000.0 + 5 * HOURS).reports
    assert report.octets is not None
    assert b"Action: delayed" in report.octets
    assert b"Action: failed" in report.octets
    assert ORIGINAL in report.octets


def test_hints_and_null_reverse_path_bring_expiry_forward() -> None:
    assert expiry(replace(message(), hints=Hints(expires_at=1234.0)), SCHEDULE) == 1234.0
    assert expiry(replace(message(), reverse_path=NULL_REVERSE_PATH), SCHEDULE) == 1000.0 + REPORT_LIFETIME
    assert expiry(message(), SCHEDULE) == 1000.0 + 5 * DAY


def test_one_report_covers_all_recipients_that_failed() -> None:
    group = message(*(recipient(f"<x{number}@full.test>", number=number) for number in (1, 2, 3)))
    (report,) = settled(group, FAILED, DELAYED, FAILED).reports
    assert report.octets is not None
    assert report.octets.count(b"Action: failed") == 2
    assert b"x2@full.test" not in report.octets


def test_a_report_is_ordinary_mail_from_nobody() -> None:
    (report,) = settled(message(), FAILED).reports
    submission = report.submission
    assert submission.envelope.encode() == b"<>\r\n<a@client.test> NOTIFY=NEVER\r\n"
    assert submission.routes == (Route.parse("maildir:a"),)
    assert submission.message_id == "R1"
    assert report.octets is not None
    assert report.facts.size == len(report.octets)


def test_null_reverse_path_never_earns_a_report() -> None:
    assert settled(replace(message(), reverse_path=NULL_REVERSE_PATH), FAILED).reports == ()


@pytest.mark.parametrize("notify", ["NEVER", "SUCCESS", "DELAY"])
def test_notify_suppresses_reports_of_failure(notify: str) -> None:
    assert settled(message(recipient(f"<x@full.test> NOTIFY={notify}")), FAILED).reports == ()


def test_success_is_reported_only_when_asked_for_and_not_by_the_next_hop() -> None:
    asked = message(recipient("<x@full.test> NOTIFY=SUCCESS"))
    assert len(settled(asked, RELAYED).reports) == 1
    assert settled(asked, replace(RELAYED, dsn_passed_on=True)).reports == ()
    by_lmtp = replace(RELAYED, action=Action.DELIVERED)
    assert len(settled(asked, by_lmtp).reports) == 1
    assert settled(asked, replace(by_lmtp, dsn_passed_on=True)).reports == ()
    assert settled(message(), RELAYED).reports == ()


def test_a_sender_who_can_not_be_reached_gets_no_report() -> None:
    assert settled(message(), FAILED, routed=()).reports == ()


def test_a_report_follows_the_aliases_of_the_sender() -> None:
    other = ForwardPath.parse(b"<b@example.test>")
    (report,) = settled(message(), FAILED, routed=((other, Route.parse("maildir:b")),)).reports
    assert report.submission.envelope.recipients[0].forward_path == other


def test_no_more_of_the_original_is_wanted_than_goes_back() -> None:
    large = replace(message(), facts=ContentFacts(size=10_000_000))
    pairs = ((large.recipients[0], FAILED),)
    decision = decide(large, pairs, now=2000.0, schedule=SCHEDULE, random=lambda: 0.5)
    assert 0 < decision.octets_wanted < 200_000
    pairs = ((large.recipients[0], DELAYED),)
    assert decide(large, pairs, now=2000.0, schedule=SCHEDULE, random=lambda: 0.5).octets_wanted == 0


def test_postponing_counts_no_attempt() -> None:
    (change,) = postpone([recipient(attempts=3)], due=7.0)
    assert (change.state, change.due, change.attempts) == (RecipientState.WAITING, 7.0, 3)


def test_a_failure_whose_report_can_not_be_routed_now_is_not_settled_but_fails_again_later() -> None:
    group = message(*(recipient(number=number) for number in (1, 2, 3)))
    outcomes = tuple(zip(group.recipients, (DELAYED, FAILED, RELAYED), strict=True))
    decision = decide(group, outcomes, now=2000.0, schedule=SCHEDULE, random=lambda: 0.5)
    settlement = without_report(decision, (), again=2300.0)
    states = {change.recipient_id: (change.state, change.due) for change in settlement.changes}
    assert settlement.reports == ()
    assert states[2] == (RecipientState.WAITING, 2300.0)
    assert states[3][0] is RecipientState.DELIVERED
    assert len(settlement.changes) == 3
