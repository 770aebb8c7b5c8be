"""The nouns of a report, and who is owed one. RFC 3461 §5.2, §6; RFC 3464 §2."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heloise.dsn.returned import Returned
from heloise.mail.cause import Cause
from heloise.mail.envelope import Parameters, Recipient
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.path import ReversePath
from heloise.mail.reply import Reply
from heloise.mail.status import EnhancedStatus

# RFC 3464 §2.3.4: the class of a status goes with the action.
_CLASS: Mapping[Action, int] = MappingProxyType(
    {Action.FAILED: 5, Action.DELAYED: 4, Action.DELIVERED: 2, Action.RELAYED: 2, Action.EXPANDED: 2}
)
# RFC 3461 §4.1: the word of NOTIFY that asks for a report of each action.
_NOTIFY: Mapping[Action, str] = MappingProxyType(
    {
        Action.FAILED: "FAILURE",
        Action.DELAYED: "DELAY",
        Action.DELIVERED: "SUCCESS",
        Action.RELAYED: "SUCCESS",
        Action.EXPANDED: "SUCCESS",
    }
)
_UNASKED = frozenset({Action.FAILED, Action.DELAYED})  # reported also when there is no NOTIFY at all


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientReport:
    """What a report says of one recipient.

    `diagnostic` is the text of the deciding reply, with code; `remote_mta` who said it, None when the words are our
    own. `cause` explains it in the human part. `is_due_unasked`: told unless NOTIFY is
    NEVER. Times in seconds since the epoch.
    """

    recipient: Recipient
    action: Action
    status: EnhancedStatus
    diagnostic: str
    remote_mta: str | None = None
    cause: Cause | None = None
    last_attempt: float | None = None
    will_retry_until: float | None = None
    is_due_unasked: bool = False

    def __post_init__(self) -> None:
        if self.status.klass != _CLASS[self.action]:
            raise ValueError(f"status {self.status} does not go with action {self.action.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All a report is made of.

    `reporting_mta` is our host name, `report_id` a message id of its own; `reverse_path` and `parameters` are those of
    the original MAIL; `received_from` the name the original client gave; `original_id` our id of the message.
    """

    reporting_mta: str
    report_id: str
    now: float
    original_id: str
    reverse_path: ReversePath
    parameters: Parameters
    arrived: float
    recipients: tuple[RecipientReport, ...]
    returned: Returned
    received_from: str | None = None


def is_owed(recipient: Recipient, action: Action) -> bool:
    """Did the sender ask, or by saying nothing agree, to be told of this? RFC 3461 §4.1."""
    notify = recipient.parameters.value("NOTIFY")
    if notify is None:
        return action in _UNASKED
    return _NOTIFY[action] in notify.upper().split(",")


def may_be_told(recipient: Recipient) -> bool:
    """Has the sender not said NOTIFY=NEVER?"""
    return (recipient.parameters.value("NOTIFY") or "").upper() != "NEVER"


def outcome_is_owed(reverse_path: ReversePath, recipient: Recipient, outcome: Outcome) -> bool:
    """Is a report due for this outcome, and due from us?"""
    if reverse_path.is_null:
        return False  # RFC 5321 §6.1: a report about a report would never end
    if outcome.tells_relayed and outcome.action is Action.RELAYED:
        return may_be_told(recipient)
    if outcome.dsn_passed_on and outcome.action in (Action.RELAYED, Action.DELIVERED):
        return False  # RFC 3461 §5.2.1: the duty has moved on with the message
    return is_owed(recipient, outcome.action)


def status_of(action: Action, stage: Stage, reply: Reply) -> EnhancedStatus:
    """The status of a report: the one the reply has, or the best that can be read from its code."""
    if reply.status is not None and reply.status.klass == _CLASS[action]:
        return reply.status
    subject, detail = (reply.status.subject, reply.status.detail) if reply.status else _guess(stage, reply.code)
    return EnhancedStatus(_CLASS[action], subject, detail)


def _guess(stage: Stage, code: int) -> tuple[int, int]:
    """RFC 3464 §2.3.4: without an enhanced code of the peer, what the plain one means at this stage (RFC 3463)."""
    match stage, code:
        case Stage.RCPT, 550 | 551 | 553:
            return 1, 1
        case Stage.RCPT, 450:
            return 2, 1
        case Stage.RCPT, 452 | 552:
            return 2, 2
        case _, 552:
            return 3, 4
        case _, 452:
            return 3, 1
        case _:
            return 0, 0
