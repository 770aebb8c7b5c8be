"""`heloise send`: write a letter, carry it to a server, one or many times, and tell what became of it.

The letter is made by the standard library's `email`, with CRLF and a Date and a Message-ID; a finished message is
carried as it is, only that its line endings become CRLF.
"""

import mimetypes
import re
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from ipaddress import ip_address
from pathlib import Path

from heloise.link.converse import Conversation
from heloise.link.dial import DialFailure, dial
from heloise.mail.address import AddressError, check_domain
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope
from heloise.mail.ids import new_message_id
from heloise.mail.trace import mail_date
from heloise.smtp.extension import Extension
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions, RecipientAnswer
from heloise.smtp.transcript import Recorder
from heloise.world import NO_TLS, Endpoint, OutgoingTls, TlsLevel, UnixEndpoint, World

_LINE_ENDING = re.compile(rb"\r\n|\r|\n")
_LINK_CAUSES = frozenset({"link.refused", "link.timed-out", "link.lost", "link.lost-after-dot"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What to write. `headers` are put on top of, or in place of, those made here; `attachments` are files."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Where to carry what, how often. `message` is a finished one, or a letter to be written anew each time.

    `tls` protects the connection, `tls_first` before anything is said (RFC 8314 §3).
    """

    endpoint: Endpoint | UnixEndpoint
    options: ClientOptions
    envelope: Envelope
    message: bytes | Letter
    count: int = 1
    connect_timeout: float = 30.0
    tls: OutgoingTls = NO_TLS
    tls_first: bool = False


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of one message: an answer for each recipient, or the failure to reach the server at all."""

    answers: tuple[RecipientAnswer, ...] = field(default=())
    failure: DialFailure | None = None

    @property
    def is_taken(self) -> bool:
        """Did the server take it for every recipient?"""
        return self.failure is None and all(answer.is_taken for answer in self.answers)

    @property
    def is_trouble(self) -> bool:
        """Was it the connection, not the server's word, that stood in the way?"""
        if self.failure is not None:
            return not self.failure.said_by_peer
        return any(answer.reply.cause.id in _LINK_CAUSES for answer in self.answers if not answer.said_by_peer)


def level_for(endpoint: Endpoint | UnixEndpoint, wanted: TlsLevel | None, *, shows_login: bool) -> TlsLevel:
    """How a connection is protected when nobody says so: who shows a password makes sure to whom, but for programs on
    this machine."""
    if wanted is not None:
        return wanted
    return TlsLevel.VERIFY if shows_login and not is_here(endpoint) else TlsLevel.MAY


def is_here(endpoint: Endpoint | UnixEndpoint) -> bool:
    """Is it a program on this machine, so that nobody reads along?"""
    if isinstance(endpoint, UnixEndpoint) or endpoint.host == "localhost":
        return True
    try:
        return ip_address(endpoint.host).is_loopback
    except ValueError:
        return False


def own_name() -> str:
    """A name for our hello: that of this machine, if it is one."""
    try:
        return check_domain(socket.gethostname())
    except AddressError:
        return "localhost"


def write(letter: Letter, *, now: float, unique: str, domain: str) -> bytes:
    """The letter as a message, with CRLF.

    Args:
        letter: what to write.
        now: its date, in seconds since the epoch.
        unique: the left part of its Message-ID.
        domain: the right part.

    Raises:
        OSError: an attachment can not be read.
        ValueError: a header can not be written.
    """
    is_ascii = all(address.isascii() for address in (letter.sender, *letter.recipients))
    # Encoded to ASCII where it can be, so that it fits every server.
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit") if is_ascii else SMTPUTF8)
    message["Date"] = mail_date(now)
    message["Message-ID"] = f"<{unique}@{domain}>"
    message["From"] = letter.sender
    message["To"] = ", ".join(letter.recipients)
    message["Subject"] = letter.subject
    for name, value in letter.headers:
        del message[name]
        message[name] = value
    message.set_content(letter.body)
    for path in letter.attachments:
        main, _, sub = (mimetypes.guess_type(path.name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)
    return message.as_bytes()


async def carry(
    world: World, errand: Errand, registry: Iterable[Extension], *, recorder: Recorder | None = None
) -> AsyncIterator[Carried]:
    """Send the message as often as asked, over one connection as long as it lasts; yields after each.

    Ends early when the server can not be reached. Raises what `write` raises.
    """
    registry = tuple(registry)
    conversation: Conversation | None = None
    try:
        for _ in range(errand.count):
            if conversation is None or not conversation.usable:
                dialled = await dial(
                    world,
                    errand.endpoint,
                    errand.options,
                    registry,
                    recorder=recorder,
                    connect_timeout=errand.connect_timeout,
                    tls=errand.tls,
                    tls_first=errand.tls_first,
                )
                if isinstance(dialled, DialFailure):
                    yield Carried(failure=dialled)
                    return
                conversation = dialled
            yield Carried(await _deliver(conversation, errand.envelope, _octets(world, errand)))
    finally:
        if conversation is not None:
            await conversation.quit()


def _octets(world: World, errand: Errand) -> bytes:
    if isinstance(errand.message, bytes):
        return _LINE_ENDING.sub(b"\r\n", errand.message)
    now = world.clock.now()
    unique = new_message_id(now, world.entropy.octets(4))
    return write(errand.message, now=now, unique=unique, domain=errand.options.hello_name)


async def _deliver(conversation: Conversation, envelope: Envelope, octets: bytes) -> tuple[RecipientAnswer, ...]:
    """One message; those the server wants in a transaction of their own go in one (RFC 5321 §4.5.3.1.10)."""
    answers = {}
    left = envelope.recipients
    while left and conversation.usable:
        for answer in await conversation.deliver(
            replace(envelope, recipients=left), MemoryContent(octets), content_facts(octets)
        ):
            answers[answer.recipient] = answer
        again = tuple(recipient for recipient in left if answers[recipient].retry_at_once)
        left = again if len(again) < len(left) else ()
    return tuple(answers[recipient] for recipient in envelope.recipients)
