"""From outcomes to a settlement: who is tried again and when, who has ended, what the sender is told. Pure.

In two steps, since the original has to be read in between: `decide` says what becomes of everybody and how much of
the original a report needs, `settle` makes the settlement with the report in it. RFC 5321 §4.5.4.1, §6.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

from heloise.delivery.debts import write_debt
from heloise.dsn.compose import compose_report
from heloise.dsn.report import RecipientReport, Report, outcome_is_owed, status_of
from heloise.dsn.returned import returned, wanted
from heloise.dsn.submission import Routed, submit_report
from heloise.mail import causes
from heloise.mail.content import ContentFacts
from heloise.mail.ids import MessageId
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.status import EnhancedStatus
from heloise.queue.model import (
    LastWord,
    NewMessage,
    Owed,
    QueuedMessage,
    QueuedRecipient,
    RecipientChange,
    RecipientState,
    Settlement,
)
from heloise.queue.schedule import RetrySchedule, expires_at, next_attempt
from heloise.smtp import replies

_LATE = EnhancedStatus(4, 4, 7)  # RFC 2852 §4.2
REPORT_LIFETIME = 2 * 86400.0  # seconds; nobody waits longer for a report
Decided: TypeAlias = Sequence[tuple[QueuedRecipient, Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of the recipients of one attempt; the report needs `octets_wanted` of the original.

    `reported` is what the sender is to be told, by recipient. `outcomes` are those of the attempt, but for recipients
    that are given up: theirs is FAILED.
    """

    message: QueuedMessage
    now: float
    outcomes: tuple[tuple[QueuedRecipient, Outcome], ...]
    changes: tuple[RecipientChange, ...]
    reported: tuple[tuple[QueuedRecipient, RecipientReport], ...] = ()
    octets_wanted: int = 0

    @property
    def owes_report(self) -> bool:
        """Is the sender to be told something?"""
        return bool(self.reported)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Who reports, under which id, and where a report to the sender goes: nowhere when `routed` is empty."""

    hostname: str
    report_id: MessageId
    routed: Routed = ()


def decide(
    message: QueuedMessage, decided: Decided, *, now: float, schedule: RetrySchedule, random: Callable[[], float]
) -> Decision:
    """The decision about `decided` at `now` (seconds since the epoch); `random` spreads the retries."""
    expires, warning = expiry(message, schedule), warning_at(message, schedule)
    spread: float | None = None
    changes: list[RecipientChange] = []
    reported: list[tuple[QueuedRecipient, RecipientReport]] = []
    outcomes: list[tuple[QueuedRecipient, Outcome]] = []
    for recipient, last in decided:
        outcome = _expired(last, expires) if last.action is Action.DELAYED and now >= expires else last
        outcomes.append((recipient, outcome))
        owed = outcome_is_owed(message.reverse_path, recipient.recipient, outcome)
        due = now
        if outcome.action is Action.DELAYED:
            if spread is None:
                spread = random()  # the same for all: who went in one transaction goes in one again
            again = next_attempt(schedule, now=now, attempts=recipient.attempts + 1, random=spread)
            # There is an attempt when the time is up, not some hours after, and one when a warning is due.
            due = min(again, expires, warning) if owed and now < warning else min(again, expires)
            owed = owed and _is_to_be_warned(recipient, warning, now)
        changes.append(_change(recipient, outcome, now=now, due=due))
        if owed:
            item = _reported(recipient, outcome, last, now, expires)
            if message.hints.warn_at is not None and outcome.action is Action.DELAYED:
                item = replace(item, status=_LATE)
            reported.append((recipient, item))
    return Decision(
        message=message,
        now=now,
        outcomes=tuple(outcomes),
        changes=tuple(changes),
        reported=tuple(reported),
        octets_wanted=octets_wanted(message, [item for _, item in reported]) if reported else 0,
    )


def octets_wanted(message: QueuedMessage, items: Sequence[RecipientReport]) -> int:
    """How much of the original a report of these wants."""
    return wanted(message.parameters, message.facts, _actions(items)) if items else 0


def postpone(recipients: Sequence[QueuedRecipient], *, due: float) -> tuple[RecipientChange, ...]:
    """Back into the queue until `due`, as if they had not been leased: no attempt is counted, no word replaced."""
    return tuple(
        RecipientChange(
            recipient_id=recipient.id,
            state=RecipientState.WAITING,
            due=due,
            attempts=recipient.attempts,
            last_word=recipient.last_word,
        )
        for recipient in recipients
    )


def settle(decision: Decision, reporting: Reporting | None = None, original: bytes = b"") -> Settlement:
    """The settlement of `decision`, with its report when it owes one; `original` are the octets it wanted."""
    message, reports = decision.message, tuple[NewMessage, ...]()
    if reporting is not None:
        items = [item for _, item in decision.reported]
        reports = _reports(message, items, reporting, original, now=decision.now)
    return Settlement(message_id=message.message_id, changes=decision.changes, reports=reports)


def settle_owing(decision: Decision) -> Settlement:
    """The settlement of `decision` while others of the same round are on their way: its report comes with theirs."""
    return Settlement(
        message_id=decision.message.message_id,
        changes=decision.changes,
        owed=tuple(write_debt(recipient, item) for recipient, item in decision.reported),
    )


def pay(
    owed: Owed, items: Sequence[RecipientReport], reporting: Reporting | None, original: bytes = b"", *, now: float
) -> Settlement:
    """The settlement that tells the sender `items`, which is what is still true of `owed`."""
    reports = _reports(owed.message, items, reporting, original, now=now) if reporting is not None else ()
    return Settlement(message_id=owed.message.message_id, changes=(), reports=reports, paid=owed.debts)


def without_report(decision: Decision, undecided: Sequence[QueuedRecipient], *, again: float) -> Settlement:
    """The settlement when the report that is owed can not be sent now.

    Who failed fails once more at `again`, with the report: no failure is lost in silence (RFC 5321 §6.1). Everybody
    else is settled, since to be told of a success or a delay is not worth a second copy.
    """
    failed = [recipient for recipient, outcome in decision.outcomes if outcome.action is Action.FAILED]
    kept = {recipient.id for recipient in failed}
    changes = tuple(change for change in decision.changes if change.recipient_id not in kept)
    changes += postpone((*failed,), due=again) + postpone(undecided, due=decision.now)
    return Settlement(message_id=decision.message.message_id, changes=changes)


def expiry(message: QueuedMessage, schedule: RetrySchedule) -> float:
    """When the message is given up: as its hints say, else by the schedule, and sooner when it is a report."""
    # What its sender holds back (RFC 4865) begins to be late when it is released.
    begun = max(message.accepted_at, message.hints.not_before or 0.0)
    moment = expires_at(schedule, accepted_at=begun)
    if message.hints.expires_at is not None:
        moment = min(moment, message.hints.expires_at)  # RFC 2852 §4.2
    return min(moment, begun + REPORT_LIFETIME) if message.reverse_path.is_null else moment


def warning_at(message: QueuedMessage, schedule: RetrySchedule) -> float:
    """When the sender is told, once, that it takes long; infinity when never."""
    if message.hints.warn_at is not None:
        return message.hints.warn_at  # RFC 2852 §4.2: as he asked
    if not schedule.warn_after:
        return inf
    accepted = max(message.accepted_at, message.hints.not_before or 0.0)
    return accepted + schedule.warn_after


def _is_to_be_warned(recipient: QueuedRecipient, warning: float, now: float) -> bool:
    """The first attempt that ends after `warning` tells the sender. The last word is stored in the same transaction
    as the report, so it tells whether that was before."""
    return now >= warning and (recipient.last_word is None or recipient.last_word.at < warning)


def out_of_time(message: QueuedMessage, now: float) -> Outcome | None:
    """The outcome for a message whose sender gave it no longer: it is not tried any more. RFC 2852 §4.2."""
    expires = message.hints.expires_at
    if expires is None or now < expires:
        return None
    words = [recipient.last_word for recipient in message.recipients]
    last = next((word.reply for word in words if word is not None), "it was not tried yet")
    cause = causes.DELIVERY_EXPIRED.because(expired=f"{expires:.0f}", last=last)
    return Outcome(action=Action.FAILED, stage=Stage.ROUTE, reply=replies.expired(last, cause))


def _expired(last: Outcome, expires: float) -> Outcome:
    """RFC 5321 §4.5.4.1: given up. The last trouble is kept: it is what somebody can mend."""
    cause = causes.DELIVERY_EXPIRED.because(expired=f"{expires:.0f}", last=last.reply, last_cause=last.reply.cause.id)
    return Outcome(
        action=Action.FAILED,
        stage=last.stage,
        reply=replies.expired(str(last.reply), cause),
        ambiguous=last.ambiguous,
    )


def _change(recipient: QueuedRecipient, outcome: Outcome, *, now: float, due: float) -> RecipientChange:
    state = RecipientState.DELIVERED
    if outcome.action is Action.DELAYED:
        state = RecipientState.WAITING
    elif outcome.action is Action.FAILED:
        state = RecipientState.FAILED
    return RecipientChange(
        recipient_id=recipient.id,
        state=state,
        due=due,
        attempts=recipient.attempts + 1,
        last_word=LastWord(
            at=now, reply=str(outcome.reply), cause=outcome.reply.cause.id, remote_mta=outcome.remote_mta
        ),
    )


def _reported(
    recipient: QueuedRecipient, outcome: Outcome, last: Outcome, now: float, expires: float
) -> RecipientReport:
    """`last` differs from `outcome` at expiry: the status says expired, the diagnostic what the last trouble was."""
    return RecipientReport(
        recipient=recipient.recipient,
        action=outcome.action,
        status=status_of(outcome.action, outcome.stage, outcome.reply),
        diagnostic=str(last.reply),
        remote_mta=last.remote_mta,
        cause=outcome.reply.cause,
        is_due_unasked=outcome.tells_relayed and outcome.action is Action.RELAYED,
        last_attempt=now,
        will_retry_until=expires if outcome.action is Action.DELAYED else None,
    )


def _actions(reported: Sequence[RecipientReport]) -> list[Action]:
    return [item.action for item in reported]


def _reports(
    message: QueuedMessage, items: Sequence[RecipientReport], reporting: Reporting, original: bytes, *, now: float
) -> tuple[NewMessage, ...]:
    """The one report about `items`; none when there is nothing to tell, or nobody to tell it."""
    if not items:
        return ()
    report = Report(
        reporting_mta=reporting.hostname,
        report_id=reporting.report_id,
        now=now,
        original_id=message.message_id,
        reverse_path=message.reverse_path,
        parameters=message.parameters,
        arrived=message.accepted_at,
        recipients=tuple(items),
        returned=returned(message.parameters, message.facts, _actions(items), original),
        received_from=message.origin.hello_name or None,
    )
    composed = compose_report(report)
    if composed is None:
        return ()
    envelope, octets = composed
    submission = submit_report(report, envelope, reporting.routed)
    if submission is None:
        return ()
    facts = ContentFacts(size=len(octets), eight_bit=not octets.isascii())
    return (NewMessage(submission=submission, facts=facts, octets=octets),)
