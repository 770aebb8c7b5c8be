"""The report that is owed for the step from a name to those it stands for.

`expanded` for an alias with several targets, `delivered` for a list. RFC 3461 §5.2.7. Pure.

It is composed before the message is taken and kept together with it: both or none.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from heloise.dsn.compose import compose_report
from heloise.dsn.report import RecipientReport, Report
from heloise.dsn.returned import LARGEST_HEADER, Returned
from heloise.dsn.submission import submit_report
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.ids import MessageId
from heloise.mail.outcome import Action
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.mail.sink import Companion
from heloise.mail.status import EnhancedStatus
from heloise.mail.trace import Origin

BEGINNING = LARGEST_HEADER  # octets of the content that are kept for the report
_DONE = EnhancedStatus(2, 0, 0)


class Owed(NamedTuple):
    """What is to be reported of a recipient, with what was said to RCPT."""

    action: Action
    reply: Reply


def owed_report(
    envelope: Envelope,
    origin: Origin,
    owed: Mapping[Recipient, Owed],
    beginning: bytes,
    *,
    hostname: str,
    message_id: MessageId,
    report_id: MessageId,
    routes: Sequence[tuple[ForwardPath, Route]],
) -> Companion | None:
    """The report to the sender of `envelope`, as it came, about what is `owed` to him; None when he can not be told.

    `beginning` are the first octets of the content, `routes` where mail for the sender goes.
    """
    report = Report(
        reporting_mta=hostname,
        report_id=report_id,
        now=origin.received_at,
        original_id=message_id,
        reverse_path=envelope.reverse_path,
        parameters=envelope.parameters,
        arrived=origin.received_at,
        recipients=tuple(
            RecipientReport(recipient=recipient, action=action, status=_DONE, diagnostic=str(reply))
            for recipient, (action, reply) in owed.items()
        ),
        returned=Returned.header_of(beginning),  # RFC 3461 §4.3: all of it goes back only with a failure
        received_from=origin.hello_name or None,
    )
    composed = compose_report(report)
    if composed is None:
        return None
    submitted = submit_report(report, composed[0], routes)
    return None if submitted is None else Companion(submission=submitted, octets=composed[1])
