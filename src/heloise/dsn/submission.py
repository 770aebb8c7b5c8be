"""A report on its way into the queue, where it is ordinary mail. RFC 3464 §2, RFC 5321 §6.1."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from heloise.dsn.report import Report
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin

Routed: TypeAlias = Sequence[tuple[ForwardPath, Route]]
RouteReport: TypeAlias = Callable[[ForwardPath], Awaitable[Routed]]
"""Where a report to this path goes: nowhere when it is empty."""


def submit_report(report: Report, envelope: Envelope, routed: Routed) -> Submission | None:
    """The submission of a composed report, or None when its recipient can not be routed: it would only fail again."""
    (addressed,) = envelope.recipients
    if not routed:
        return None
    return Submission(
        message_id=MessageId(report.report_id),
        envelope=replace(envelope, recipients=tuple(Recipient(path, addressed.parameters) for path, _ in routed)),
        routes=tuple(route for _, route in routed),
        origin=Origin(
            hello_name=report.reporting_mta,
            peer_address="local",
            protocol="report",
            session=report.original_id,
            received_at=report.now,
        ),
    )
