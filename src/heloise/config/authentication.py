"""Sections about users who prove who they are: `[auth]`, `[auth.service]` and `[auth.tokens]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from collections.abc import Mapping
from dataclasses import dataclass, field

from heloise.config.kinds import AbsolutePath, Seconds
from heloise.smtp.sasl.exchange import MECHANISMS


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthService:
    """`[auth.service]`: a web service that knows the passwords of users who are nowhere else. It is asked by a POST of
    {"user": …, "password": …, "client": …} (JSON). 2yz lets the user in; the answer may tell his addresses:
    {"addresses": ["alice@example.org", "@alice.example"]}. 401, 403 and 404 refuse; all else is trouble (454). For
    PLAIN and LOGIN only."""

    url: str
    """Where to POST to: "https://app.example.net/login". The certificate must be good."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers to be sent along: { Authorization = "Bearer …" }."""

    timeout: Seconds = Seconds(10)
    """How long an answer may take."""

    concurrency: int = 20
    """Questions at a time."""

    keep: Seconds = Seconds(60)
    """So long a good answer holds for the same user and password; 0 asks every time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTokens:
    """`[auth.tokens]`: users with tokens of OAuth 2.0 (OAUTHBEARER and XOAUTH2, RFC 7628). The authorization server is
    asked about each, by introspection (RFC 7662). A client says who it is, and its token has to say the same."""

    url: str
    """The introspection endpoint: "https://login.example.net/introspect". The certificate must be good."""

    client_id: str | None = None
    """Our name there."""

    client_secret_file: AbsolutePath | None = None
    """The first line of this file is our secret there."""

    claims: tuple[str, ...] = ("username", "email", "sub")
    """What in the answer names the user; the first that is there counts."""

    scope: str | None = None
    """A token must have this scope."""

    timeout: Seconds = Seconds(10)
    """How long an answer may take."""

    concurrency: int = 20
    """Questions at a time."""

    keep: Seconds = Seconds(60)
    """So long an answer holds for the same token, but not longer than the token; 0 asks every time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """`[auth]`: users who prove who they are (AUTH, RFC 4954). They may relay."""

    users: AbsolutePath | None = None
    """The file of the users, written by `heloise user`: a line each, name:keys and then the addresses of the user. It
    is read again when it changes."""

    sqlite: AbsolutePath | None = None
    """A database of SQLite with more users, which is asked by `query`."""

    postgresql: str | None = None
    """A database of PostgreSQL with more users, as in [[map]]."""

    query: str | None = None
    """One SELECT, with :name for the user's name. The first column of each row is a word of the line that the file of
    users would have behind the colon: the keys, then the addresses."""

    timeout: Seconds = Seconds(5)
    """So long the database may take to answer; then the client gets 454 4.7.0."""

    mechanisms: tuple[str, ...] = MECHANISMS
    """Those that are offered, the best first. SCRAM-SHA-1 and CRAM-MD5 want what `heloise user --keep` keeps for them;
    SCRAM-SHA-256-PLUS and SCRAM-SHA-1-PLUS (bound to the TLS connection by tls-server-end-point; clients that insist on
    tls-exporter can not use them), EXTERNAL, OAUTHBEARER and XOAUTH2 are offered where there is what they need."""

    sender_login_match: bool = False
    """A user sends only from addresses of his own: those in his line, "@example.org" for a whole domain, and his name
    when it is an address. Others get 553 5.7.1."""

    service: AuthService | None = None
    """[auth.service]: a web service that knows the passwords of more users."""

    tokens: AuthTokens | None = None
    """[auth.tokens]: users with tokens of OAuth 2.0."""

    certificates: Mapping[str, str] = field(default_factory=dict)
    """Whom a client's certificate stands for, by a name in it (an address or host of subjectAltName, or the common
    name): "laptop.example.org" = "alice". For EXTERNAL."""

    @property
    def has_users(self) -> bool:
        """Can anybody prove who he is?"""
        others = (self.query, self.service, self.tokens)
        return self.users is not None or bool(self.certificates) or any(one is not None for one in others)
