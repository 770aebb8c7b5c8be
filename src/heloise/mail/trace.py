"""Trace fields: what a server writes on top of a message it took. RFC 5321 §4.4."""

from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from heloise.mail.address import Mailbox
from heloise.mail.attributes import Attributes
from heloise.mail.encryption import Encryption
from heloise.mail.path import ReversePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a message came from: the session that brought it. Kept with it in the queue.

    `peer_address` is an IP address or `unix`; `protocol` the with-type of RFC 3848 (SMTP, ESMTP, LMTP, UTF8SMTP…);
    `received_at` in seconds since the epoch; `encryption` what
    protected the session, if anything did; `forwarded` what a server in front of us told by XFORWARD of where it has
    the message from.
    """

    hello_name: str
    peer_address: str
    protocol: str
    session: str
    received_at: float
    peer_name: str | None = None
    encryption: Encryption | None = None
    forwarded: Attributes | None = None


def received_field(*, origin: Origin, by: str, message_id: str, sole_recipient: Mailbox | None) -> bytes:
    """The Received field of RFC 5321 §4.4, folded, with CRLF.

    `sole_recipient` gives the FOR clause; it is None when there are several, so that no blind copy is shown (§7.2).
    One outside ASCII is left out: this field must not be what makes a message need SMTPUTF8 at the next hop, when an
    alias or a forward has led it to an ASCII address.
    """
    info = f"{origin.peer_name} [{_literal(origin.peer_address)}]" if origin.peer_name else None
    info = info or f"[{_literal(origin.peer_address)}]"
    shown = sole_recipient is not None and sole_recipient.is_ascii
    recipient = f" for <{sole_recipient}>" if shown else ""
    hello = origin.hello_name or "unknown"
    tls = origin.encryption
    # A comment, in the words of other servers: RFC 5321 §4.4 has no clause for it.
    using = f"\t(using {tls.version} with cipher {tls.cipher})\r\n" if tls is not None else ""
    return (
        f"Received: from {hello} ({info})\r\n"
        f"{using}"
        f"\tby {by} with {origin.protocol} id {message_id}{recipient};\r\n"
        f"\t{mail_date(origin.received_at)}\r\n"
    ).encode()


def return_path_field(reverse_path: ReversePath) -> bytes:
    """Written once, at final delivery. RFC 5321 §4.4."""
    return b"Return-Path: " + reverse_path.encode() + b"\r\n"


def mail_date(moment: float) -> str:
    """`moment` (seconds since the epoch) as RFC 5322 §3.3 date-time, in UTC."""
    return _date(int(moment))


@lru_cache(maxsize=8)
def _date(second: int) -> str:
    # RFC 5322 §3.3: +0000 is UTC; -0000, which formatdate writes, means that nothing is known of the zone.
    return formatdate(second).replace("-0000", "+0000")


def _literal(address: str) -> str:
    return f"IPv6:{address}" if ":" in address else address
