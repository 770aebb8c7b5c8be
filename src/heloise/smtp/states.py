"""The server's states and the one table that says which command is in place when.

Theory of operation. The engine is in exactly one state. For a command it looks up `(state, verb)`: found, the command
is in place, and when its answer is good the state becomes the one found; absent, the command is out of place and
`OUT_OF_PLACE` says why (503). A bad answer never changes the state, so a refused EHLO leaves everything as it was
(RFC 5321 §4.1.4). Verbs of extensions bring their rows along (see extension.py). Everything that affects transitions
is in this file; nothing here knows of octets or replies' texts.

What two states would say alike is written out: the diagram in docs/architecture.md is drawn from the table.
"""

from collections.abc import Mapping
from enum import Enum

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Verb


class ServerState(Enum):
    """Where a session stands."""

    __hash__ = object.__hash__  # Enum has one in Python, which would be called for each look into the table

    CONNECTED = "connected"  # the greeting is not said yet
    REFUSED = "refused"  # greeted with 554: only QUIT is left
    GREETED = "greeted"
    READY = "ready"  # after hello, no transaction
    MAIL = "mail"  # MAIL accepted, no recipient yet
    NO_RECIPIENT = "no recipient"  # every RCPT so far was refused
    RECIPIENTS = "recipients"  # at least one recipient accepted
    TEXT = "text"  # after 354
    CHUNKS = "chunks"  # after a BDAT without LAST
    CHUNKS_FAILED = "chunks failed"  # a BDAT was refused: only RSET mends it
    SPENT = "spent"  # the one transaction of ONEX is done
    AUTHENTICATING = "authenticating"  # after AUTH: the next line is a response (RFC 4954 §4)
    SECURING = "securing"  # after 220 to STARTTLS: the next is a handshake, or the end (RFC 3207 §4)
    TURNED = "turned"  # after ATRN: the engine is done, the peer is the server now (RFC 2645 §5.3)
    CLOSED = "closed"


S = ServerState
_ANY = (S.GREETED, S.READY, S.MAIL, S.NO_RECIPIENT, S.RECIPIENTS, S.SPENT)
_OPEN = (S.MAIL, S.NO_RECIPIENT, S.RECIPIENTS)
_CHUNKING = (S.CHUNKS, S.CHUNKS_FAILED)

Transitions = Mapping[tuple[ServerState, str], ServerState]


def _base() -> dict[tuple[ServerState, str], ServerState]:
    table: dict[tuple[ServerState, str], ServerState] = {}
    for state in (*_ANY, *_CHUNKING):
        # RFC 5321 §4.1.4: these work before hello and disturb no transaction.
        for verb in (Verb.NOOP, Verb.HELP):
            table[state, verb] = state
        # §4.1.1.1: a new hello ends the open transaction as RSET does.
        for verb in (Verb.EHLO, Verb.HELO, Verb.LHLO):
            table[state, verb] = S.SPENT if state is S.SPENT else S.READY
        table[state, Verb.RSET] = state if state in (S.GREETED, S.SPENT) else S.READY
        table[state, Verb.QUIT] = S.CLOSED
    table[S.REFUSED, Verb.QUIT] = S.CLOSED
    table[S.READY, Verb.MAIL] = S.MAIL
    for state in _OPEN:
        table[state, Verb.RCPT] = S.RECIPIENTS
    table[S.RECIPIENTS, Verb.DATA] = S.TEXT
    return table


BASE_TRANSITIONS: Transitions = _base()

# Rows for a verb that works anywhere and changes no state, for extensions to use.
ANYWHERE: frozenset[ServerState] = frozenset(_ANY)


def out_of_place(state: ServerState, verb: str) -> Reply:
    """The 503 (or 554) for a known verb that the table does not have in this state."""
    match state:
        case S.REFUSED:
            return replies.REFUSED_SESSION
        case S.SPENT if verb in (Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.BDAT):
            return replies.ONE_TRANSACTION_SPENT
        case S.CHUNKS | S.CHUNKS_FAILED:
            return replies.CHUNKING_MIXED
        case S.GREETED:
            return replies.HELLO_FIRST
        case S.READY:
            return replies.MAIL_FIRST
        case S.NO_RECIPIENT if verb in (Verb.DATA, Verb.BDAT):
            return replies.NO_VALID_RECIPIENTS
        case S.MAIL | S.NO_RECIPIENT if verb in (Verb.DATA, Verb.BDAT):
            return replies.RCPT_FIRST
        case _:
            return replies.NESTED_MAIL if verb == Verb.MAIL else replies.IN_TRANSACTION
