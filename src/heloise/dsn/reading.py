"""The nouns of a report that somebody else wrote. RFC 3464 §2. All text is clean; what was not said is None."""

import re
from dataclasses import dataclass

from heloise.mail.outcome import Action
from heloise.mail.reply import printable
from heloise.mail.status import EnhancedStatus

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]\d)", re.ASCII)
_LONGEST = 4000
_BY_CLASS = {2: Action.DELIVERED, 4: Action.DELAYED, 5: Action.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecipient:
    """What a report says of one recipient.

    `address` is the final recipient, `original` the one the sender wrote, where that is told. `diagnostic` are the
    words that decided it, of `diagnostic_type` smtp when they are an SMTP server's, of `remote_mta` when that is named.
    Dates are as they were written.
    """

    address: str
    action: Action | None
    status: EnhancedStatus | None
    original: str | None = None
    remote_mta: str | None = None
    diagnostic: str | None = None
    diagnostic_type: str | None = None
    last_attempt: str | None = None
    will_retry_until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """A report. `is_standard` is False when the recipients were guessed from its text."""

    recipients: tuple[ReadRecipient, ...]
    is_standard: bool
    reporting_mta: str | None = None
    envelope_id: str | None = None
    arrived: str | None = None
    received_from: str | None = None
    original_message_id: str | None = None
    original_subject: str | None = None
    text: str = ""


def fit(text: str) -> str:
    """On one line, without control characters, not endless."""
    return printable(" ".join(text.split()), _LONGEST)


def read_status(text: str) -> EnhancedStatus | None:
    """The first enhanced status in `text`."""
    found = _STATUS.search(text)
    return None if found is None else EnhancedStatus(int(found[1]), int(found[2]), int(found[3]))


def read_action(text: str, status: EnhancedStatus | None) -> Action | None:
    """The action word, or what the class of the status says in its place."""
    word = text.split("(", 1)[0].strip().lower()
    known = {action.value: action for action in Action}
    return known.get(word) or (_BY_CLASS[status.klass] if status is not None else None)
