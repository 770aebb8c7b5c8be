"""The list of the first page: sessions, the newest first, each with its mail, or messages. Pure, but for what it reads.

Mail outlives the session that brought it, since fewer sessions are kept than messages: it then has a row of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from heloise.app.dev.in_json import header_json
from heloise.app.dev.server import Catching
from heloise.inbox.message import CaughtMessage
from heloise.inbox.search import parse_query
from heloise.inbox.sessions import CaughtSession
from heloise.mail.status import Severity
from heloise.smtp.transcript import Direction, TranscriptLine

_SHOWN = 3  # messages of a session, recipients of a message
_LISTED = 200  # messages of one session
_TRIES = 20
_NO = (Severity.TRANSIENT, Severity.PERMANENT)
ONLY = ("refused", "mail", "violations", "open")
Row: TypeAlias = CaughtSession | CaughtMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What of the list is wanted: with this mailbox, query and state (of `ONLY`), each "" for any."""

    messages: bool = False
    mailbox: str = ""
    query: str = ""
    only: str = ""

    @property
    def is_for_all(self) -> bool:
        """Is nothing left out?"""
        return not (self.mailbox or self.query or self.only)


async def rows(running: Catching, wish: Wish, start: int, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """How many rows there are, and these of them. Raises ValueError for a query that can not be read."""
    found = _Newest(await _fitting(running, wish)) if wish.messages else await _sessions(running, wish)
    total = len(found)
    wanted = [found[place] for place in range(start, min(start + limit, total))]
    return total, [_json(running, row) for row in wanted]


async def _sessions(running: Catching, wish: Wish) -> Sequence[Row]:
    sessions, messages = running.sessions.sessions, running.inbox.messages
    if wish.is_for_all:
        return _Newest((*_orphans(messages, sessions), *sessions))
    fitting = await _fitting(running, wish) if wish.query or wish.mailbox else messages
    with_mail = {message.origin.session for message in fitting}
    fits = _fits_session(wish)
    kept = [each for each in sessions if _is_in_state(each, wish.only) and (each.session_id in with_mail or fits(each))]
    alone = () if wish.only in ("refused", "violations", "open") else _orphans(fitting, sessions)
    return _Newest((*alone, *kept))


async def _fitting(running: Catching, wish: Wish) -> Sequence[CaughtMessage]:
    inbox = running.inbox
    if wish.query:
        names = inbox.grouping.names
        found = await inbox.find(parse_query(wish.query))
        return tuple(each for each in found if wish.mailbox in names(each)) if wish.mailbox else found
    return inbox.mailbox(wish.mailbox) if wish.mailbox else inbox.messages


def _orphans(messages: Sequence[CaughtMessage], sessions: Sequence[CaughtSession]) -> list[CaughtMessage]:
    """Mail whose session is forgotten, or that came from a file."""
    known = {each.session_id for each in sessions}
    return [message for message in messages if message.origin.session not in known]


def _is_in_state(session: CaughtSession, only: str) -> bool:
    match only:
        case "refused":
            return session.refused > 0
        case "mail":
            return bool(session.message_ids)
        case "violations":
            return bool(session.violations)
        case "open":
            return not session.is_over
        case _:
            return True


def _fits_session(wish: Wish) -> Callable[[CaughtSession], bool]:
    """A session without such mail fits by what was said in it: so a refused recipient is found as well."""
    words = [word.strip('"').lower() for word in wish.query.split() if not word.startswith("-")]
    words = [word.partition(":")[2] if word.partition(":")[0] in ("to", "from", "sender") else word for word in words]
    words += [f"<{wish.mailbox}"] if wish.mailbox else []
    if not words:
        return lambda session: True

    def fits(session: CaughtSession) -> bool:
        text = session.text.lower()
        return all(word in text for word in words)

    return fits


class _Newest(Sequence[Row]):
    """A sequence from its end."""

    def __init__(self, oldest_first: Sequence[Row]) -> None:
        self._all = oldest_first

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, place: Any) -> Any:
        return self._all[len(self._all) - 1 - place]


def _json(running: Catching, row: Row) -> dict[str, Any]:
    if isinstance(row, CaughtMessage):
        session = running.sessions.get(row.origin.session)
        told = {"id": row.origin.session, "client": row.origin.peer_address, "hello": row.origin.hello_name}
        whole = {} if session is None else header_json(session)
        return {
            "kind": "message",
            "started_at": row.origin.received_at,
            "state": "over",
            "taken": 1,
            "refused": 0,
            "violations": 0,
            **told,
            **{name: whole[name] for name in ("state", "refused", "violations") if name in whole},
            "is_known": session is not None,
            "messages": [brief_json(row)],
            "message_count": 1,
            "refusal": None,
        }
    messages = [message for each in row.message_ids[:_SHOWN] if (message := running.inbox.get(each)) is not None]
    return {
        "kind": "session",
        **header_json(row),
        "is_known": True,
        "hello": _said(row.transcript, ("EHLO ", "HELO ", "LHLO ")),
        "messages": [brief_json(message) for message in messages],
        "message_count": len(row.message_ids),
        "refusal": _refusal(row.transcript),
        "sender": _said(row.transcript, ("MAIL FROM:",)),
        "recipient": _said(row.transcript, ("RCPT TO:",)),
    }


def attempts(running: Catching, session: CaughtSession) -> list[dict[str, Any]]:
    """The sessions in which the same sender tried the same first recipient, in order: this one, and its retries."""
    wanted = _parties(session)
    if not all(wanted):
        return []
    same = [each for each in running.sessions.sessions if _parties(each) == wanted]
    return [
        {**header_json(each), "refusal": _refusal(each.transcript), "is_this": each is session}
        for each in same[-_TRIES:]
    ]


def mail_of(running: Catching, session: CaughtSession) -> list[dict[str, Any]]:
    """The messages of a session that are still kept."""
    messages = (running.inbox.get(each) for each in session.message_ids[:_LISTED])
    return [brief_json(message) for message in messages if message is not None]


def _parties(session: CaughtSession) -> tuple[str, str]:
    return _said(session.transcript, ("MAIL FROM:",)), _said(session.transcript, ("RCPT TO:",))


def brief_json(message: CaughtMessage) -> dict[str, Any]:
    """A message in a row."""
    recipients, digest = message.recipients, message.digest
    return {
        "id": message.message_id,
        "subject": digest.subject,
        "sender": message.sender,
        "from": digest.from_[0].name or digest.from_[0].address if digest.from_ else "",
        "attachments": digest.attachments,
        "snippet": digest.snippet,
        "recipients": list(recipients[:_SHOWN]),
        "recipient_count": len(recipients),
        "size": len(message.octets),
        "received_at": message.origin.received_at,
    }


def _said(transcript: Iterable[TranscriptLine], commands: tuple[str, ...]) -> str:
    """What stood behind the first such command, up to the next blank."""
    for line in transcript:
        if line.direction is Direction.CLIENT:
            for command in commands:
                if line.text[: len(command)].upper() == command:
                    return line.text[len(command) :].strip().partition(" ")[0]
    return ""


def _refusal(transcript: Iterable[TranscriptLine]) -> dict[str, Any] | None:
    """The first no of a session: those that follow are often for want of what it refused."""
    before = ""
    for line in chain(transcript):
        if line.direction is Direction.CLIENT:
            before = line.text
        elif line.reply is not None and line.reply.severity in _NO:
            reply = line.reply
            return {"code": reply.code, "text": reply.text, "to": before, "cause": reply.cause.id}
    return None
