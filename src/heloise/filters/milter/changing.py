"""What a milter wants to be changed, in the words of the policy. Pure. libmilter, smfi_addheader and the others."""

import re
from collections.abc import Sequence

from heloise.filters.milter.packets import (
    AddHeader,
    AddRcpt,
    BodyChunk,
    ChangeFrom,
    ChangeHeader,
    DeleteRcpt,
    InsertHeader,
    MilterProtocolError,
    Modification,
    Quarantine,
)
from heloise.mail.envelope import Parameters
from heloise.mail.path import ForwardPath, ReversePath
from heloise.policy.changes import (
    AddField,
    AddRecipient,
    Change,
    ChangeField,
    ChangeSender,
    InsertField,
    RemoveRecipient,
    ReplaceBody,
)

_LINE_END = re.compile(rb"\r\n|\r|\n")


def changes_of(modifications: Sequence[Modification]) -> tuple[Change, ...]:
    """In their order; the pieces of another body become one. Raises MilterProtocolError for what is no address."""
    found: list[Change] = []
    body: list[bytes] = []
    for each in modifications:
        if isinstance(each, BodyChunk):
            body.append(each.octets)
        elif not isinstance(each, Quarantine):
            try:
                found.append(_change(each))
            except ValueError as error:
                raise MilterProtocolError(f"{each}: {error}") from None
    if body:
        found.append(ReplaceBody(_lines(b"".join(body))))
    return tuple(found)


def quarantine_of(modifications: Sequence[Modification]) -> str | None:
    """Why the message is to be kept back; None when it is not."""
    return next((each.reason for each in modifications if isinstance(each, Quarantine)), None)


def _change(modification: Modification) -> Change:
    match modification:
        case AddHeader(name, value):
            return AddField(name, value)
        case InsertHeader(index, name, value):
            # The first place is below the trace field of the server, which a milter never sees.
            return InsertField(max(index - 1, 0), name, value)
        case ChangeHeader(index, name, value):
            return ChangeField(name, max(index, 1), value or None)
        case ChangeFrom(path, arguments):
            parameters = Parameters.parse(arguments) if arguments else None
            return ChangeSender(ReversePath.parse(_bracketed(path)), parameters)
        case AddRcpt(path, arguments):
            return AddRecipient(ForwardPath.parse(_bracketed(path)), Parameters.parse(arguments))
        case DeleteRcpt(path):
            return RemoveRecipient(ForwardPath.parse(_bracketed(path)))
        case _:
            raise AssertionError(f"{modification} is no single change")


def _bracketed(path: bytes) -> bytes:
    """Many milters name an address without its brackets."""
    path = path.strip()
    return path if path.startswith(b"<") else b"<" + path + b">"


def _lines(body: bytes) -> bytes:
    """Lines ended by CRLF, whatever the milter ends them by. RFC 5321 §2.3.8."""
    lines = _LINE_END.sub(b"\r\n", body)
    return lines if not lines or lines.endswith(b"\r\n") else lines + b"\r\n"
