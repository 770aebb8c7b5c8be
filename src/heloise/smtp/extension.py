"""The shape of an ESMTP extension: one file, one constant `EXTENSION`, both sides of the conversation. RFC 5321 §2.2.

To add one: write a file in extensions/ that ends with `EXTENSION = Extension(...)`. The registry finds it. Outside
this package use the entry-point group `heloise.extensions`. The functions are pure; what they need of the session is
in `ServerView`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeAlias

from heloise.mail.attributes import NO_ATTRIBUTES, Attributes
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Envelope, Parameter, Recipient
from heloise.mail.hints import Hints
from heloise.mail.reply import Reply
from heloise.smtp.command import Command, Mail, Rcpt
from heloise.smtp.events import Proposal
from heloise.smtp.limits import NO_AUTH, AuthRules, Rules, SessionLimits
from heloise.smtp.states import ServerState

FOR_SPOKESMEN = frozenset({"XCLIENT", "XFORWARD"})
"""Keywords that nobody may use but whom an operator has named: who may, says for others who they are."""


class VerbKind(Enum):
    """How a verb takes its input."""

    LINE = "line"  # one line, one reply: VRFY, ETRN
    DIALOGUE = "dialogue"  # lines go to and fro until it is done: AUTH
    CHUNK = "chunk"  # a counted number of octets follows the line: BDAT
    UPGRADE = "upgrade"  # one line, one reply, after which the connection is another: STARTTLS, ATRN


def no_time() -> float:
    """For sessions in which nothing depends on the time."""
    return 0.0


@dataclass(slots=True, kw_only=True)
class ServerView:
    """What is known of a session, for extensions to read; a verb that switches something on writes it here.

    `permitted` are the keywords this client may use, in this state, on this listener; it is asked before an extension
    is. `rules` say where the operator wrote what limits this session. `auth_nonce` is printable, and nobody can guess
    it. `authenticated_by` is the mechanism of AUTH, if it was that. `now` tells seconds since the epoch. `mail` is the
    open transaction's MAIL, `forwarded` what XFORWARD told for it. `claim` is what XCLIENT says the client is. `errors`
    counts what the engine has refused.
    """

    hostname: str
    limits: SessionLimits
    permitted: frozenset[str]
    rules: Rules = field(default_factory=dict)
    is_lmtp: bool = False
    takes_mail: bool = True
    auth: AuthRules = NO_AUTH
    auth_nonce: str = ""
    encryption: Encryption | None = None
    authenticated_as: str | None = None
    authenticated_by: str | None = None
    hello_name: str = ""
    is_esmtp: bool = False
    verbose: bool = False
    one_transaction: bool = False
    now: Callable[[], float] = no_time
    mail: Mail | None = None
    claim: Attributes = NO_ATTRIBUTES
    forwarded: Attributes | None = None
    errors: int = 0
    author_unproven: bool = False  # AUTH= was given by a client that is not known

    @property
    def is_secured(self) -> bool:
        """Does the session run under TLS?"""
        return self.encryption is not None


VerbAnswer: TypeAlias = Reply | Proposal


class Exchange(Protocol):
    """What a DIALOGUE verb has opened; that of AUTH is `heloise.smtp.sasl.exchange.Exchange`."""

    def hear(self, line: bytes) -> VerbAnswer:
        """A line of the client, without CRLF. 334 goes on, another reply is the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbSpec:
    """A verb that an extension adds.

    `transitions` are its rows of the state table; `form` is what HELP shows; `ends_group` is True when it may only be
    the last of a pipelined group (RFC 2920 §3.1). `answer` is for LINE and UPGRADE verbs: a reply, or a proposal to
    be resolved. For DIALOGUE verbs `open` gives a reply, or the exchange and its first word. The engine itself runs
    CHUNK. `denied` is said to a client that may not use the verb, in place of 502.
    """

    verb: str
    kind: VerbKind
    transitions: Mapping[ServerState, ServerState]
    form: str
    summary: str
    ends_group: bool = True
    answer: Callable[[ServerView, Command], VerbAnswer] | None = None
    denied: Reply | None = None
    open: Callable[[ServerView, Command], Reply | tuple[Exchange, VerbAnswer]] | None = None


class Downgrade(Enum):
    """What a relay does when the next hop lacks the extension and this message used it."""

    PROCEED = "proceed"  # send without
    CONVERT = "convert"  # make the content fit
    REPORT_RELAYED = "report relayed"  # send without and tell the sender so (RFC 3461 §5.2.2)
    FAIL = "fail"  # must not be sent on


def _not_advertised(view: ServerView) -> str | None:
    return None


def no_mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """It adds no parameters to MAIL."""
    return ()


def _no_rcpt_arguments(offer: str, envelope: Envelope, recipient: Recipient) -> tuple[Parameter, ...]:
    return ()


def always_proceed(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """No message depends on it."""
    return Downgrade.PROCEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One extension. `keyword` is its EHLO keyword (or the verb for one that has none), `rfc` where it is defined.

    `needs` are the keywords of extensions without which it can not be used.

    Server: `advertise` gives the EHLO line or None; `mail_keywords` and `rcpt_keywords` name the parameters it adds,
    `check_mail` and `check_rcpt` object to wrong ones and are called for every MAIL and RCPT while it is permitted;
    `check_use` is called only for a MAIL with one of `mail_keywords`, for each of them.
    Client: `mail_arguments` and `rcpt_arguments` get the offer (the text after the keyword in the peer's EHLO answer)
    and give the parameters to send; `downgrade` says what to do when the peer has no such offer.
    Queue: `hints` of an envelope that is taken now (seconds since the epoch); `after` gives the envelope as it goes on
    when it was held for so many seconds. Both are asked only when one of `mail_keywords` was used.
    """

    keyword: str
    rfc: str
    summary: str
    needs: frozenset[str] = field(default=frozenset())
    advertise: Callable[[ServerView], str | None] = _not_advertised
    mail_keywords: frozenset[str] = field(default=frozenset())
    rcpt_keywords: frozenset[str] = field(default=frozenset())
    verbs: tuple[VerbSpec, ...] = ()
    check_mail: Callable[[ServerView, Mail], Reply | None] | None = None
    check_use: Callable[[ServerView, Mail], Reply | None] | None = None
    check_rcpt: Callable[[ServerView, Rcpt], Reply | None] | None = None
    mail_arguments: Callable[[str, Envelope, ContentFacts], tuple[Parameter, ...]] = no_mail_arguments
    rcpt_arguments: Callable[[str, Envelope, Recipient], tuple[Parameter, ...]] = _no_rcpt_arguments
    downgrade: Callable[[Envelope, ContentFacts], Downgrade] = always_proceed
    hints: Callable[[Envelope, float], Hints] | None = None
    after: Callable[[Envelope, float], Envelope] | None = None
