"""What a check may look at: one view for each stage, frozen, and nothing else of the server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from heloise.mail.content import Content, ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import NO_PARAMETERS, Envelope, Parameters, Recipient
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.policy.fields import Field, read_fields
from heloise.policy.stage import Stage


class ListenerRole(Enum):
    """Whom a listener is for."""

    MX = "mx"  # other servers, bringing mail for our own domains
    SUBMISSION = "submission"  # our own users (RFC 6409)
    LMTP = "lmtp"  # a server of ours that delivers through this one (RFC 2033)
    DEV = "dev"  # programs under development on this machine


@dataclass(frozen=True, kw_only=True)
class SessionView:
    """The session as it stands.

    `client` is an IP address as text, "unix", or "unknown" when only another server knows it; `client_name` its host
    name where a proxy has told it; `local` is our end. `is_trusted` is a client that may relay: by its network, or
    since it has shown who it is (`user`, by `mechanism`). `tags` and `points` were given earlier in this session and
    transaction.
    """

    session: str
    client: str
    client_port: int = 0
    client_name: str | None = None
    local: str = ""
    local_port: int = 0
    role: ListenerRole = ListenerRole.MX
    listener: str = ""
    hostname: str = ""
    may_relay: bool = False
    hello_name: str = ""
    is_esmtp: bool = False
    encryption: Encryption | None = None
    user: str | None = None
    mechanism: str | None = None
    now: float = 0.0
    tags: frozenset[str] = frozenset()
    points: float = 0.0

    @property
    def is_trusted(self) -> bool:
        """May this client send mail through us to anywhere?"""
        return self.may_relay or self.user is not None

    @cached_property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The client's IP address; None on a Unix socket, and when it is not known."""
        try:
            return ip_address(self.client)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectView:
    """A client has connected."""

    session: SessionView
    stage: Stage = field(default=Stage.CONNECT, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloView:
    """It has said its name."""

    session: SessionView
    name: str
    stage: Stage = field(default=Stage.HELLO, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailView:
    """It has named a sender."""

    session: SessionView
    reverse_path: ReversePath
    parameters: Parameters = NO_PARAMETERS
    stage: Stage = field(default=Stage.MAIL, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RcptView:
    """It has named a recipient whom the router would take. `recipients` were accepted before in this transaction;
    `routes` lead to where the mail for this one is to go."""

    session: SessionView
    reverse_path: ReversePath
    forward_path: ForwardPath
    parameters: Parameters = NO_PARAMETERS
    mail_parameters: Parameters = NO_PARAMETERS
    recipients: tuple[Recipient, ...] = ()
    routes: tuple[Route, ...] = ()
    stage: Stage = field(default=Stage.RCPT, init=False)

    @property
    def is_for_postmaster(self) -> bool:
        """Whoever is refused must be able to ask why. RFC 5321 §4.5.1."""
        mailbox = self.forward_path.mailbox
        return mailbox is None or mailbox.local_part.lower() == "postmaster"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """It is about to send the message."""

    session: SessionView
    envelope: Envelope
    message_id: MessageId | None = None
    stage: Stage = field(default=Stage.DATA, init=False)


@dataclass(frozen=True, kw_only=True)
class MessageView:
    """The message is here. `header` ends with its last CRLF; `body` is all after it, with the empty line first."""

    session: SessionView
    envelope: Envelope
    message_id: MessageId
    facts: ContentFacts
    header: bytes
    body: Content
    stage: Stage = field(default=Stage.MESSAGE, init=False)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields of the header, in order."""
        return read_fields(self.header)

    def values(self, name: str) -> tuple[str, ...]:
        """The values of all fields of this name, unfolded, in order."""
        return tuple(each.text for each in self.fields if each.is_named(name))

    async def chunks(self) -> AsyncIterator[bytes]:
        """All octets of the message, in pieces."""
        if self.header:
            yield self.header
        async for octets in self.body.chunks():
            yield octets


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupView:
    """It asks about a name: VRFY or EXPN (`verb`)."""

    session: SessionView
    verb: str
    text: str
    stage: Stage = field(default=Stage.LOOKUP, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownView:
    """It has given a command that there is not, `line` as it was understood, the verb in upper case."""

    session: SessionView
    line: str
    stage: Stage = field(default=Stage.UNKNOWN, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedView:
    """It has named a recipient that is refused by `reply`, since there is none, or he is not for this client."""

    session: SessionView
    reverse_path: ReversePath
    forward_path: ForwardPath
    reply: Reply
    parameters: Parameters = NO_PARAMETERS
    stage: Stage = field(default=Stage.REFUSED, init=False)


View: TypeAlias = (
    ConnectView | HelloView | MailView | RcptView | DataView | MessageView | LookupView | UnknownView | RefusedView
)
