"""A report that somebody got back, in plain words: what happened to whom, why, and what to do. RFC 3464.

Pure; `explain` prints it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heloise.dsn.parse import parse_report
from heloise.dsn.reading import ReadRecipient, ReadReport
from heloise.explain.explanations import Explanation, explain_code, explain_text
from heloise.mail.outcome import Action
from heloise.mail.status import Severity

_WHAT: Mapping[Action | None, str] = MappingProxyType(
    {
        Action.FAILED: "The message was not delivered to this address, and will not be tried again.",
        Action.DELAYED: "The message is not delivered yet; it is still being tried. Do not send it again.",
        Action.DELIVERED: "The message lies in the mailbox.",
        Action.RELAYED: "The message was passed on to a server that sends no reports of success.",
        Action.EXPANDED: "The message was passed on to all who are behind this address.",
        None: "The report does not say what became of the message.",
    }
)
_SEVERITY: Mapping[Action | None, Severity] = MappingProxyType(
    {Action.FAILED: Severity.PERMANENT, Action.DELAYED: Severity.TRANSIENT, None: Severity.TRANSIENT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one recipient. `said` are the words that decided it, with who said them."""

    address: str
    severity: Severity
    title: str
    what: str
    said: str
    why: str
    advice: str


def read_bounce(octets: bytes) -> tuple[str, tuple[Fate, ...]] | None:
    """A sentence about the report and the fate of each recipient; None when it is no report."""
    report = parse_report(octets)
    return None if report is None else (_about(report), tuple(map(_fate, report.recipients)))


def _about(report: ReadReport) -> str:
    words = ["A report"]
    words += [f"of {report.reporting_mta}"] if report.reporting_mta else []
    words += [f'about the message "{report.original_subject}"'] if report.original_subject else []
    words += [f"of {report.arrived}"] if report.arrived else []
    guessed = "" if report.is_standard else ". It has no fields for programs, so this is guessed from its words"
    return " ".join(words) + guessed + "."


def _fate(recipient: ReadRecipient) -> Fate:
    explanation = next(_explanations(recipient), None)
    title = recipient.action.value if recipient.action is not None else "unknown"
    told = explanation is not None and recipient.action in (Action.FAILED, Action.DELAYED, None)
    return Fate(
        address=_address(recipient),
        severity=_SEVERITY.get(recipient.action, Severity.COMPLETED),
        title=f"{title} {recipient.status}" if recipient.status is not None else title,
        what=_WHAT[recipient.action] + _until(recipient),
        said=_said(recipient),
        why=explanation.meaning if told and explanation is not None else "",
        advice=_advice(recipient, explanation),
    )


def _address(recipient: ReadRecipient) -> str:
    if recipient.original and recipient.original != recipient.address:
        return f"{recipient.original} (now {recipient.address})"
    return recipient.address


def _until(recipient: ReadRecipient) -> str:
    return f" It will be tried until {recipient.will_retry_until}." if recipient.will_retry_until else ""


def _said(recipient: ReadRecipient) -> str:
    if recipient.diagnostic is None:
        return ""
    return f"{recipient.remote_mta or 'The server'} said: {recipient.diagnostic}"


def _explanations(recipient: ReadRecipient) -> Iterator[Explanation]:
    """By the status when it says something, else by the code."""
    code = (recipient.diagnostic or "")[:3]
    if recipient.status is not None and (recipient.status.subject, recipient.status.detail) != (0, 0):
        yield from explain_text(str(recipient.status))
    if code.isascii() and code.isdigit() and code[0] in "245":
        yield explain_code(int(code))


def _advice(recipient: ReadRecipient, explanation: Explanation | None) -> str:
    match recipient.action:
        case Action.FAILED | None:
            return explanation.advice if explanation is not None else "Read what the server said."
        case Action.DELAYED:
            return "Wait; there will be another report when it is given up."
        case Action.DELIVERED | Action.RELAYED | Action.EXPANDED:
            return "Nothing to do."
