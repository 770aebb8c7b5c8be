"""What a development server knows, as JSON for its API and for `heloise dev --json`. Pure."""

from collections.abc import Iterator
from email.message import Message
from typing import Any

from heloise.faults.book import is_given
from heloise.faults.rule import FaultRule
from heloise.inbox.message import CaughtMessage
from heloise.inbox.sessions import CaughtSession
from heloise.mail.reply import Reply
from heloise.mail.violation import Violation
from heloise.smtp.codes import REPLY_CODES
from heloise.smtp.status_codes import STATUS_DETAILS
from heloise.smtp.transcript import CHALLENGE, Direction, TranscriptLine


def summary_json(message: CaughtMessage) -> dict[str, Any]:
    """A message in a list."""
    return {
        "id": message.message_id,
        "session": message.origin.session,
        "received_at": message.origin.received_at,
        "sender": message.sender,
        "recipients": list(message.recipients),
        "from": message.header("From"),
        "to": message.header("To"),
        "subject": message.subject,
        "size": len(message.octets),
    }


def message_json(message: CaughtMessage) -> dict[str, Any]:
    """A message whole: envelope with parameters, header, text and the list of its parts."""
    return {
        **summary_json(message),
        **transaction_json(message),
        "header": [[name, str(value)] for name, value in message.content.raw_items()],
        "text": message.text,
        "parts": list(_parts(message.content)),
    }


def transaction_json(message: CaughtMessage) -> dict[str, Any]:
    """How a message came: its envelope with parameters, and the client."""
    envelope = message.envelope
    return {
        "envelope": {
            "reverse_path": str(envelope.reverse_path),
            "parameters": str(envelope.parameters),
            "recipients": [
                {"forward_path": str(each.forward_path), "parameters": str(each.parameters)}
                for each in envelope.recipients
            ],
        },
        "client": message.origin.peer_address,
        "hello": message.origin.hello_name,
        "protocol": message.origin.protocol,
    }


def _parts(content: Message) -> Iterator[dict[str, Any]]:
    for part in content.walk():
        if not part.is_multipart():
            octets = part.get_payload(decode=True)
            size = len(octets) if isinstance(octets, bytes) else 0
            yield {"content_type": part.get_content_type(), "filename": part.get_filename(), "size": size}


def header_json(session: CaughtSession) -> dict[str, Any]:
    """A session in a list."""
    return {
        "id": session.session_id,
        "client": session.address,
        "started_at": session.started_at,
        "state": "lost" if session.is_lost else "over" if session.is_over else "open",
        "taken": session.taken,
        "refused": session.refused,
        "violations": len(session.violations),
    }


def session_json(session: CaughtSession) -> dict[str, Any]:
    """A session whole."""
    return {
        **header_json(session),
        "transcript": [line_json(line) for line in session.transcript],
        "left_out": session.transcript.left_out,
        "violations": [violation_json(each) for each in session.violations],
    }


def line_json(line: TranscriptLine) -> dict[str, Any]:
    """One line of a transcript; a reply with its cause, a challenge, which is not kept, by its code."""
    told: dict[str, Any] = {"by": line.direction.value, "text": line.text}
    if line.reply is not None:
        cause = line.reply.cause
        told |= _titles(line.reply)
        told |= {"cause": cause.id, "clause": cause.clause, "inputs": dict(cause.inputs)}
        told |= {"meaning": cause.kind.meaning, "advice": cause.kind.advice}
        told["rule"] = None if cause.rule is None else str(cause.rule)
    elif line.direction is Direction.SERVER and (challenge := REPLY_CODES.get(CHALLENGE)) is not None:
        told |= {"code": CHALLENGE, "title": challenge.title, "status": None, "status_title": None, "cause": None}
        told |= {"clause": challenge.clause, "inputs": {}, "rule": None}
        told |= {"meaning": challenge.meaning, "advice": challenge.advice}
    return told


def _titles(reply: Reply) -> dict[str, Any]:
    """Code and status with what the registries call them."""
    code, status = REPLY_CODES.get(reply.code), reply.status
    detail = None if status is None else STATUS_DETAILS.get((status.subject, status.detail))
    return {
        "code": reply.code,
        "title": None if code is None else code.title,
        "status": None if status is None else str(status),
        "status_title": None if detail is None else detail.title,
    }


def violation_json(violation: Violation) -> dict[str, Any]:
    """One violation; octets as Latin-1 text."""
    return {
        "session": violation.session,
        "command": violation.command,
        "id": violation.kind.id,
        "clause": violation.kind.clause,
        "meaning": violation.kind.meaning,
        "octets": violation.octets.decode("latin-1"),
    }


def fault_json(rule: FaultRule, struck: int) -> dict[str, Any]:
    """One rule, and how often it has struck."""
    return {
        "fault": rule.name or None,
        "rule": None if rule.rule is None else str(rule.rule),
        "number": rule.rule.line if rule.rule is not None and is_given(rule) else None,
        "stage": rule.stage.value,
        "to": rule.to or None,
        "reply": None if rule.reply is None else str(rule.reply),
        "cut": None if rule.cut is None else rule.cut.value,
        "delay": rule.delay,
        "times": rule.times,
        "struck": struck,
    }
