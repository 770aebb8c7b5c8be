"""What the server engine tells its driver.

A *proposal* waits for an answer: the driver decides and calls `ServerSession.resolve(proposal, reply)`, and the
engine commits. A *fact* has happened and needs nothing. At most one proposal is open at any time.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from heloise.mail.attributes import Attributes
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.path import ReversePath
from heloise.mail.reply import Reply
from heloise.smtp.command import Hello, Mail, Plain, Rcpt
from heloise.smtp.sasl.mechanism import Question, ServerMechanism


@dataclass(frozen=True, slots=True)
class ConnectionProposed:
    """A client has connected. 220 greets it, 554 refuses it, 421 sends it away."""


@dataclass(frozen=True, slots=True)
class HelloProposed:
    """EHLO, HELO or LHLO. `reply` is the answer the engine would give; resolve with it or with a refusal."""

    command: Hello
    reply: Reply


@dataclass(frozen=True, slots=True)
class MailProposed:
    """MAIL, with syntax, sequence and extensions checked."""

    command: Mail


@dataclass(frozen=True, slots=True)
class RecipientProposed:
    """RCPT, checked likewise. Accepted by any 2yz, so 250 and 251."""

    command: Rcpt
    reverse_path: ReversePath


@dataclass(frozen=True, slots=True)
class ContentProposed:
    """DATA, or the first BDAT: resolve with GO_AHEAD to have the content, or refuse."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class MessageProposed:
    """The content has ended and was well-formed. The final word: 250 only when responsibility was taken."""

    envelope: Envelope
    facts: ContentFacts


@dataclass(frozen=True, slots=True)
class VerifyProposed:
    """VRFY with its argument; `utf8` when the reply may be in UTF-8 (RFC 6531 §3.7.4.2)."""

    text: str
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class ExpandProposed:
    """EXPN with its argument; `utf8` as for VRFY."""

    text: str
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class QueueRunProposed:
    """ETRN with a checked node name; `kind` is "" for a node, "@" for all hosts under it, "#" for a named queue."""

    kind: str
    node: str


@dataclass(frozen=True, slots=True)
class TurnProposed:
    """ATRN with checked domains in lower case, none for all that are the client's. 250 turns the connection around: the
    engine is done then, and `ServerSession.is_turned`."""

    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TlsProposed:
    """STARTTLS. After 220 the driver shakes hands (`ServerSession.is_securing`) and says `secured` or `not_secured`."""


@dataclass(frozen=True, slots=True)
class CredentialsProposed:
    """What a client proves itself with (AUTH, by `mechanism`). 235 lets it in as `question.user`.

    For KeysWanted the driver gives the keys to `exchange` and resolves with the challenge that comes of it (334).
    """

    mechanism: str
    question: Question
    exchange: ServerMechanism = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ClientProposed:
    """XCLIENT: the session is to be that of the client which `claim` tells of. With 220 it begins anew, with whatever
    the driver has made of `permitted` and `auth` in the view."""

    claim: Attributes


@dataclass(frozen=True, slots=True)
class CommandProposed:
    """RSET, NOOP, QUIT, HELP or an unknown verb where the driver wants to answer that (`ServerSession(asks=…)`), a verb
    that its own extension brings, and what is said in a dialogue that such a verb has opened. `reply` is what the
    engine would say; whatever is said, RSET has reset and QUIT ends."""

    command: Plain
    reply: Reply


@dataclass(frozen=True, slots=True)
class StatusProposed:
    """HELP STATUS: resolve with 211 lines about the server."""


Proposal: TypeAlias = (
    ConnectionProposed
    | HelloProposed
    | MailProposed
    | RecipientProposed
    | ContentProposed
    | MessageProposed
    | VerifyProposed
    | ExpandProposed
    | QueueRunProposed
    | TurnProposed
    | TlsProposed
    | CredentialsProposed
    | ClientProposed
    | CommandProposed
    | StatusProposed
)


@dataclass(frozen=True, slots=True)
class ContentReceived:
    """Octets of the content, transparency dots removed."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class TransactionReset:
    """The open transaction is over without a message: RSET, a new hello, a refused content, or the end."""

    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Nothing more will come; send what `data_to_send` gives and close. `lost` when the client did not say QUIT."""

    lost: bool


Fact: TypeAlias = ContentReceived | TransactionReset | SessionEnded
Event: TypeAlias = Proposal | Fact
