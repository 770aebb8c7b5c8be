"""XCLIENT: a proxy or a test tool of ours speaks for a client. postfix.org, XCLIENT_README.

Promises: offered to configured networks only, to others it is 550 5.7.0; never in a transaction (503). After it the
session is that of the client it tells of, from the greeting on: with the permissions of that client, so that one
which may not use XCLIENT itself is not offered it again. Values are xtext; `[UNAVAILABLE]` and `[TEMPUNAVAIL]` stand
for what is not known. A user (LOGIN) is known until another XCLIENT; HELO until the client says its own.
"""

import re
from ipaddress import IPv4Address, IPv6Address

from heloise.mail.address import AddressError, check_domain
from heloise.mail.attributes import Attributes
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import ClientProposed
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ServerState

KEYWORD = "XCLIENT"
NAMES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
FORM = "XCLIENT attribute=value..."
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


def advertise(view: ServerView) -> str:
    """The attributes that are understood."""
    return f"{KEYWORD} {' '.join(NAMES)}"


def answer(view: ServerView, command: Command) -> Reply | ClientProposed:
    """501 for an attribute or a value that is none."""
    assert isinstance(command, Plain)
    if not command.argument:
        return replies.needs_argument(FORM)
    try:
        claim = Attributes.parse(command.argument)
        _check(claim)
    except ValueError as error:
        return replies.bad_attribute(str(error))
    return ClientProposed(view.claim.updated(claim))


def read_address(text: str) -> str:
    """`192.0.2.7` or `IPV6:2001:db8::7`, in the shortest form; IPv4 within IPv6 is IPv4. Raises ValueError."""
    if text[:5].upper() != "IPV6:":
        return str(IPv4Address(text))
    if "%" in text:
        raise ValueError("an address has a zone")
    address = IPv6Address(text[5:])
    return str(address if address.ipv4_mapped is None else address.ipv4_mapped)


def _check(claim: Attributes) -> None:
    """Raises ValueError, of which an AddressError is one."""
    for name, _ in claim.items:
        if name not in NAMES:
            raise ValueError(f"there is no attribute {name}")
        value = claim.get(name)
        if value is None:
            continue
        if name in ("ADDR", "DESTADDR"):
            try:
                read_address(value)
            except ValueError:
                raise ValueError(f"{name} is an IPv4 address, or IPV6: and an IPv6 address") from None
        elif name in ("PORT", "DESTPORT"):
            if _PORT.fullmatch(value) is None or int(value) > 65535:
                raise ValueError(f"{name} is a number from 0 to 65535")
        elif name == "PROTO":
            if value.upper() not in ("SMTP", "ESMTP"):
                raise ValueError("PROTO is SMTP or ESMTP")
        elif name == "NAME":
            try:
                check_domain(value)
            except AddressError:
                raise ValueError("NAME is a host name") from None


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="Postfix XCLIENT_README",
    summary="lets a proxy of ours speak for its client",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.UPGRADE,
            transitions={
                ServerState.GREETED: ServerState.GREETED,
                ServerState.READY: ServerState.GREETED,
            },
            form=FORM,
            summary="speak for this client, from the greeting on",
            answer=answer,
            denied=replies.NOT_A_SPOKESMAN,
        ),
    ),
)
