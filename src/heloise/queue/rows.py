"""Between the nouns of the queue and the rows of SQLite. What can not be read raises ValueError."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from heloise.mail.attributes import Attributes
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Parameters, Recipient
from heloise.mail.hints import NO_HINTS, Hints
from heloise.mail.ids import MessageId
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.mail.trace import Origin
from heloise.queue.model import LastWord, NewMessage, QueuedMessage, QueuedRecipient, RecipientState
from heloise.queue.schema import domain_key

Row: TypeAlias = tuple[Any, ...]

MESSAGE_COLUMNS = (
    "id, message_id, path, parameters, origin, hints, size, eight_bit, is_binary, accepted_at, "
    "recipients, pending, spool"
)
RECIPIENT_COLUMNS = "id, message, path, parameters, route, domain, state, due, attempts, last_word"
SPOOL = 12  # the place of this column in a message row
_UNKNOWN = Origin(hello_name="unreadable", peer_address="unreadable", protocol="SMTP", session="", received_at=0.0)


class NewRows(NamedTuple):
    """A new message as rows; `content` is None when it is in the spool."""

    message: Row
    content: Row | None
    recipients: list[Row]


def new_rows(new: NewMessage, queued: QueuedMessage) -> NewRows:
    """The rows of a new message, whose recipients have their numbers already."""
    number = queued.recipients[0].id
    return NewRows(
        _message_row(new, number),
        None if new.octets is None else (number, new.octets),
        _recipient_rows(queued.recipients, number),
    )


def _message_row(new: NewMessage, number: int) -> Row:
    submission, facts = new.submission, new.facts
    return (
        number,
        submission.message_id,
        str(submission.envelope.reverse_path),
        str(submission.envelope.parameters),
        write_origin(submission.origin),
        None if submission.hints == NO_HINTS else _write_hints(submission.hints),
        facts.size,
        facts.eight_bit,
        facts.binary,
        submission.origin.received_at,
        len(submission.routes),
        len(submission.routes),
        new.spool_name,
    )


def _recipient_rows(recipients: Sequence[QueuedRecipient], number: int) -> list[Row]:
    return [
        (
            queued.id,
            number,
            str(queued.recipient.forward_path),
            str(queued.recipient.parameters),
            str(queued.route),
            domain_key(queued.recipient.forward_path.domain),
            queued.state.value,
            queued.due,
            queued.attempts,
            write_last_word(queued.last_word),
        )
        for queued in recipients
    ]


def read_message(row: Row, recipients: Sequence[Row]) -> QueuedMessage:
    """A message from its rows. Raises ValueError when they can not be read."""
    _, message_id, path, parameters, origin, hints, size, eight_bit, is_binary, accepted_at, *_ = row
    return QueuedMessage(
        message_id=MessageId(message_id),
        reverse_path=ReversePath.parse(path.encode()),
        parameters=Parameters.parse(parameters.encode()),
        origin=read_origin(origin, accepted_at),
        facts=ContentFacts(size=size, eight_bit=bool(eight_bit), binary=bool(is_binary)),
        hints=NO_HINTS if hints is None else _read_hints(hints),
        accepted_at=accepted_at,
        recipients=tuple(map(read_recipient, recipients)),
    )


def read_recipient(row: Row) -> QueuedRecipient:
    """A recipient from its row. Raises ValueError when it can not be read."""
    number, _, path, parameters, route, _, state, due, attempts, last_word = row
    return QueuedRecipient(
        id=number,
        recipient=Recipient(ForwardPath.parse(path.encode()), Parameters.parse(parameters.encode())),
        route=Route.parse(route),
        state=RecipientState(state),
        due=due,
        attempts=attempts,
        last_word=_read_last_word(last_word),
    )


def unreadable_message(message_id: str, size: int, accepted_at: float) -> QueuedMessage:
    """What is shown of a message whose rows can not be read: that it is there."""
    return QueuedMessage(
        message_id=MessageId(message_id),
        reverse_path=NULL_REVERSE_PATH,
        parameters=Parameters(),
        origin=_UNKNOWN,
        facts=ContentFacts(size=size),
        hints=NO_HINTS,
        accepted_at=accepted_at,
        recipients=(),
    )


def write_last_word(word: LastWord | None) -> str | None:
    """A last word as JSON."""
    return None if word is None else json.dumps([word.at, word.reply, word.cause, word.remote_mta])


def _read_last_word(text: str | None) -> LastWord | None:
    if text is None:
        return None
    at, reply, cause, remote_mta = json.loads(text)
    return LastWord(at=at, reply=reply, cause=cause, remote_mta=remote_mta)


def write_origin(origin: Origin) -> str:
    """All but when, which is a column of its own: so the messages of one session have one text."""
    parts = (origin.hello_name, origin.peer_address, origin.protocol, origin.session, origin.peer_name)
    encryption = None if origin.encryption is None else str(origin.encryption)
    if origin.forwarded is not None:
        return _write_session(*parts, encryption, str(origin.forwarded))
    return _write_session(*parts) if encryption is None else _write_session(*parts, encryption)


@lru_cache(maxsize=4096)
def _write_session(*parts: str | None) -> str:
    return json.dumps(parts)


def read_origin(text: str, received_at: float) -> Origin:
    """What `write_origin` wrote. Raises ValueError."""
    hello_name, peer_address, protocol, session, peer_name, *others = json.loads(text)
    encryption, forwarded = (*others, None, None)[:2]
    return Origin(
        hello_name=hello_name,
        peer_address=peer_address,
        protocol=protocol,
        session=session,
        received_at=received_at,
        peer_name=peer_name,
        encryption=None if encryption is None else Encryption.parse(encryption),
        forwarded=None if forwarded is None else Attributes.parse(forwarded),
    )


def _write_hints(hints: Hints) -> str:
    parts = [hints.not_before, hints.expires_at, hints.priority]
    return json.dumps(parts if hints.warn_at is None else [*parts, hints.warn_at])


def _read_hints(text: str) -> Hints:
    not_before, expires_at, priority, *others = json.loads(text)
    return Hints(not_before=not_before, expires_at=expires_at, priority=priority, warn_at=others[0] if others else None)
