"""XFORWARD: a server in front of us tells where it has a message from. postfix.org, XFORWARD_README.

Promises: offered to configured networks only, to others it is 550 5.7.0; never in a transaction (503). What it tells
changes no permission: it is kept with the message, for the log and the passport, and goes on to next hops that are
configured for it. It is forgotten at the end of the transaction.
"""

import re

from heloise.mail.attributes import Attributes
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ServerState

KEYWORD = "XFORWARD"
NAMES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")
FORM = "XFORWARD attribute=value..."
LONGEST_COMMAND = 512  # octets; XFORWARD_README, "the command line"


def advertise(view: ServerView) -> str:
    """The attributes that are understood."""
    return f"{KEYWORD} {' '.join(NAMES)}"


def answer(view: ServerView, command: Command) -> Reply:
    """250, or 501 for an attribute or a value that is none."""
    assert isinstance(command, Plain)
    if not command.argument:
        return replies.needs_argument(FORM)
    try:
        told = Attributes.parse(command.argument)
        _check(told)
    except ValueError as error:
        return replies.bad_attribute(str(error))
    view.forwarded = told if view.forwarded is None else view.forwarded.updated(told)
    return replies.FORWARDED


def commands(offer: str, told: Attributes) -> list[bytes]:
    """What to say to a peer with this `offer`: as many commands as it takes, each with its CRLF."""
    found: list[bytes] = []
    line = b""
    for word in told.only(offer.upper().split()).words():
        octets = word.encode()
        if line and len(line) + len(octets) + 3 > LONGEST_COMMAND:
            found.append(line + b"\r\n")
            line = b""
        line = (line or KEYWORD.encode()) + b" " + octets
    return [*found, line + b"\r\n"] if line else found


def _check(told: Attributes) -> None:
    for name, _ in told.items:
        if name not in NAMES:
            raise ValueError(f"there is no attribute {name}")
    source = told.get("SOURCE")
    if source is not None and source.upper() not in ("LOCAL", "REMOTE"):
        raise ValueError("SOURCE is LOCAL or REMOTE")
    port = told.get("PORT")
    if port is not None and (re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) is None or int(port) > 65535):
        raise ValueError("PORT is a number from 0 to 65535")


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="Postfix XFORWARD_README",
    summary="tells where a server in front of us has a message from",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.LINE,
            transitions={ServerState.READY: ServerState.READY},
            form=FORM,
            summary="tell where the next message is from",
            ends_group=False,
            answer=answer,
            denied=replies.NOT_A_SPOKESMAN,
        ),
    ),
)
