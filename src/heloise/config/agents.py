"""Sections about programs and web services that take mail: `[[pipe]]`, `[[hook]]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from collections.abc import Mapping
from dataclasses import dataclass, field

from heloise.config.addressing import LineEndings
from heloise.config.kinds import AbsolutePath, AgentName, Octets, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipe:
    """`[[pipe]]`: a program that takes mail on its standard input, as the route "pipe:name". There may be several.

    Its exit code says what became of the message, as in sysexits.h: 0 it was taken, 75 later, 67 no such user; its
    output says more, and may begin with a status such as "5.2.2 The mailbox is full". Return-Path and Delivered-To are
    written on top of the message. The environment has SENDER, RECIPIENT, LOCAL, EXTENSION, DOMAIN, MESSAGE_ID, PATH,
    HOME, USER, and nothing else.
    """

    name: AgentName
    """What routes call it: "procmail" for "pipe:procmail"."""

    command: tuple[str, ...]
    """The program, by its absolute path, and its arguments: ["/usr/bin/procmail", "-f", "{sender}", "{recipient}"]. No
    shell reads them. {sender}, {recipient}, {user}, {extension}, {domain} and {message_id} stand for whole arguments;
    an address that begins with "-" is given in angle brackets, so that it is not taken for an option."""

    user: str | None = None
    """The account to run it as, when the server runs as root; as root nothing is run."""

    directory: AbsolutePath = AbsolutePath("/")
    """Where it starts."""

    timeout: Seconds = Seconds(300)
    """It is killed after this, with all that it started, and run again later."""

    one_recipient: bool = True
    """Run it once for each recipient; else once for a message, with as many arguments for {recipient} as there are."""

    line_endings: LineEndings = LineEndings.LF
    """How lines end: "lf" as programs on Unix expect it, or "crlf" as the message came."""

    concurrency: int = 4
    """How many of it run at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """`[[hook]]`: a web service that takes mail, as the route "http:name". There may be several.

    The message is POSTed as it is (message/rfc822); the header Heloise-Envelope has id, sender, recipients and time as
    JSON. 2yz means that it was taken; the answer may say otherwise of single recipients:
    {"recipients": {"alice@example.org": "5.1.1 No such user"}}. 408, 425, 429, 5yz and no answer mean later, all other
    4yz never. Redirects are not followed.
    """

    name: AgentName
    """What routes call it: "tickets" for "http:tickets"."""

    url: str
    """Where to POST to: "https://app.example.net/mail". The certificate must be good."""

    secret: str | None = None
    """Signs each request: Heloise-Signature is "sha256=" and the HMAC over the text of Heloise-Envelope, one LF, and
    the body."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers to be sent along: { Authorization = "Bearer …" }."""

    timeout: Seconds = Seconds(60)
    """How long a request may take, with its answer."""

    max_size: Octets | None = None
    """Larger messages are not sent but fail; no limit when it is not given."""

    concurrency: int = 10
    """Requests at a time."""
