"""What a sender is to be told of a recipient, as text that the queue keeps until the report of the round. Pure."""

import json
from dataclasses import replace

from heloise.dsn.report import RecipientReport
from heloise.mail.cause import Cause, Rule
from heloise.mail.causes import CATALOGUE
from heloise.mail.outcome import Action
from heloise.mail.status import EnhancedStatus
from heloise.queue.model import Debt, Owed, QueuedRecipient


def write_debt(recipient: QueuedRecipient, item: RecipientReport) -> Debt:
    """`item`, which is about `recipient`, as text."""
    cause = item.cause
    text = json.dumps(
        {
            "action": item.action.value,
            "status": str(item.status),
            "diagnostic": item.diagnostic,
            "remote_mta": item.remote_mta,
            "cause": None if cause is None else cause.id,
            "rule": None if cause is None or cause.rule is None else [cause.rule.file, cause.rule.line],
            "inputs": [] if cause is None else cause.inputs,
            "last_attempt": item.last_attempt,
            "will_retry_until": item.will_retry_until,
            "unasked": item.is_due_unasked,
        }
    )
    return Debt(recipient.id, text)


def read_debts(owed: Owed) -> tuple[RecipientReport, ...]:
    """What is still true of what is owed: not that somebody is late who was tried again since. Raises ValueError."""
    texts = {debt.recipient_id: debt.report for debt in owed.debts}
    items = [(each, _read(each, texts[each.id])) for each in owed.message.recipients if each.id in texts]
    return tuple(item for recipient, item in items if _is_true(recipient, item))


def _is_true(recipient: QueuedRecipient, item: RecipientReport) -> bool:
    if item.action is not Action.DELAYED:
        return True
    last = recipient.last_word
    return not recipient.state.is_final and last is not None and last.at == item.last_attempt


def _read(recipient: QueuedRecipient, text: str) -> RecipientReport:
    try:
        found = json.loads(text)
        item = RecipientReport(
            recipient=recipient.recipient,
            action=Action(found["action"]),
            status=EnhancedStatus.parse(found["status"]),
            diagnostic=found["diagnostic"],
            remote_mta=found["remote_mta"],
            last_attempt=found["last_attempt"],
            will_retry_until=found["will_retry_until"],
            is_due_unasked=found.get("unasked", False),
        )
        kind = CATALOGUE.get(found["cause"])
        rule = None if found["rule"] is None else Rule(*found["rule"])
        inputs = tuple((name, value) for name, value in found["inputs"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not what is owed about a recipient: {text[:80]!r}") from error
    # A newer program may have reasons that this one does not know; the report is as good without.
    return item if kind is None else replace(item, cause=Cause(kind=kind, rule=rule, inputs=inputs))
