"""What the client engine tells its driver. All are facts; after each TransactionDone the driver may begin another."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.smtp.transaction import Offers, RecipientAnswer


@dataclass(frozen=True, slots=True)
class ConversationReady:
    """Greeting and hello are over; a transaction may begin."""

    offers: Offers


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRefused:
    """There will be no transaction here: the peer refused at the greeting or at hello, or the link was lost there.

    `start_over_with_helo`: the connection was dropped at EHLO; connect again with `ClientOptions.start_with_helo`.
    `start_over_in_plaintext`: the handshake failed, and TLS is not required; connect again without `starttls`.
    """

    stage: Stage
    reply: Reply
    said_by_peer: bool = True
    start_over_with_helo: bool = False
    start_over_in_plaintext: bool = False


@dataclass(frozen=True, slots=True)
class TlsWanted:
    """220 to STARTTLS: shake hands, and say `secured` or `not_secured`."""


@dataclass(frozen=True, slots=True)
class ResponseWanted:
    """334 to AUTH: call `compute`, which may take its time and never raises, and give what it gives to `respond`."""

    compute: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """A 0yz line (VERB): what the peer is doing. Nothing depends on it."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class ContentWanted:
    """The content may be sent now, while `content_demand` says so."""


@dataclass(frozen=True, slots=True)
class TransactionDone:
    """All recipients are decided: one answer each, in the order of the envelope."""

    answers: tuple[RecipientAnswer, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply to what was asked by `ask`. After 250 to ATRN the state is TURNED."""

    reply: Reply
    said_by_peer: bool = True


@dataclass(frozen=True, slots=True)
class ConversationEnded:
    """Outside a transaction: the peer closed, said 421 or answered QUIT."""

    reply: Reply | None = None


ClientEvent: TypeAlias = (
    ConversationReady
    | ConversationRefused
    | TlsWanted
    | ResponseWanted
    | Progress
    | ContentWanted
    | TransactionDone
    | Answered
    | ConversationEnded
)
