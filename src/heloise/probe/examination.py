"""Everything that is asked of a server, and what it answered. Values only; the asking is in examine.py."""

from dataclasses import dataclass, field
from enum import Enum

from heloise.mail.encryption import Encryption
from heloise.mail.reply import Reply
from heloise.probe.x509 import CertificateFacts
from heloise.smtp.transaction import NO_OFFERS, Offers
from heloise.world import AnyEndpoint


class Question(Enum):
    """What a server is asked, beside EHLO. The value is how it is called for people and programs."""

    HELO = "HELO"
    NOOP = "NOOP"
    HELP = "HELP"
    UNKNOWN = "an unknown command"
    VRFY = "VRFY"
    VRFY_NOBODY = "VRFY of nobody"
    EXPN = "EXPN"
    ETRN = "ETRN"
    BARE_LF = "a command with a bare LF"
    NULL_SENDER = "mail from nobody"
    POSTMASTER = "mail for Postmaster"
    DOMAIN_POSTMASTER = "mail for Postmaster at its domain"


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to one question: `said` is the command. No reply: why there is none is in `trouble`."""

    said: str
    reply: Reply | None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsExamined:
    """A handshake. `trouble` when there was none; `unverified` is why the certificate is not believed, if it is not.

    `answers_plaintext`: a command sent in plaintext behind STARTTLS was answered under TLS (RFC 3207 §6), None when it
    could not be tried.
    """

    is_implicit: bool
    encryption: Encryption | None = None
    certificate: CertificateFacts | None = None
    unverified: str = ""
    trouble: str = ""
    answers_plaintext: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanger:
    """One of the mail exchangers of a domain, with its addresses; `trouble` when they can not be looked up."""

    host: str
    preference: int
    addresses: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A server, asked. `name` is what was asked for, `host` what the server calls itself, `domain` one of its own.

    `offers` are those of EHLO in plaintext (or under implicit TLS), `offers_under_tls` after STARTTLS. `pipelines`: a
    group of commands was answered in order, None when it does not offer to. `greeted_after` in seconds. `trouble` when
    there was no conversation at all.
    """

    name: str
    endpoint: AnyEndpoint
    exchangers: tuple[Exchanger, ...] = ()
    greeting: Reply | None = None
    greeted_after: float = 0.0
    host: str = ""
    domain: str = ""
    hello: Reply | None = None
    offers: Offers = NO_OFFERS
    offers_under_tls: Offers = NO_OFFERS
    tls: TlsExamined | None = None
    pipelines: bool | None = None
    heard: dict[Question, Heard] = field(default_factory=dict)
    trouble: str = ""
