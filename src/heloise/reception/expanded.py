"""The report that an alias with several targets owes to a sender who asked for success. RFC 3461 §5.2.7.3 (c). Pure.

It is composed before the message is taken, so that nothing can go wrong between that and the 250, and put into the
queue right after.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from heloise.dsn.compose import compose_report
from heloise.dsn.report import RecipientReport, Report
from heloise.dsn.returned import LARGEST_HEADER, Returned
from heloise.dsn.submission import Routed, submit_report
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Recipient
from heloise.mail.ids import MessageId
from heloise.mail.outcome import Action
from heloise.mail.reply import Reply
from heloise.mail.sink import Submission
from heloise.mail.status import EnhancedStatus

BEGINNING = LARGEST_HEADER  # octets of the content that are kept for the report
_EXPANDED = EnhancedStatus(2, 0, 0)


class ReportNotKept(Exception):
    """The report could not be put into the queue; told to the journal, never raised."""


@dataclass(frozen=True, slots=True)
class ExpandedReport:
    """A report, ready for the queue."""

    submission: Submission
    octets: bytes

    @property
    def facts(self) -> ContentFacts:
        """Those of its octets."""
        return ContentFacts(size=len(self.octets), eight_bit=not self.octets.isascii())


def expanded_report(
    submission: Submission,
    expanded: Mapping[Recipient, Reply],
    beginning: bytes,
    *,
    hostname: str,
    report_id: MessageId,
    routed: Routed,
) -> ExpandedReport | None:
    """The report on the recipients of `submission` that were expanded (with what was said to RCPT), or None when the
    sender can not be told. `beginning` are the first octets of the content; `routed` is where a report to the sender
    goes."""
    envelope, origin = submission.envelope, submission.origin
    report = Report(
        reporting_mta=hostname,
        report_id=report_id,
        now=origin.received_at,
        original_id=submission.message_id,
        reverse_path=envelope.reverse_path,
        parameters=envelope.parameters,
        arrived=origin.received_at,
        recipients=tuple(
            RecipientReport(recipient=recipient, action=Action.EXPANDED, status=_EXPANDED, diagnostic=str(reply))
            for recipient, reply in expanded.items()
        ),
        returned=Returned.header_of(beginning),  # RFC 3461 §4.3: all of it goes back only with a failure
        received_from=origin.hello_name or None,
    )
    composed = compose_report(report)
    if composed is None:
        return None
    submitted = submit_report(report, composed[0], routed)
    return None if submitted is None else ExpandedReport(submitted, composed[1])
