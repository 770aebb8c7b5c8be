"""Dialogue files: one protocol rule each. `dialogue_play` plays them against the server engine and the client engine.

    # RFC 5321 §3.3: an error of RCPT undoes nothing          the first line names the section
    # options: lmtp message_size=100 without=DSN,SIZE           of the server: any of SessionLimits, and these
    # options: auth=clear,required                             users have the password "sesame"; AUTH in clear, a must
    # options: spokesman                                       the client may use XCLIENT and XFORWARD
    # answer: RCPT TO:<bad@* => 550 5.1.1 no such user          what the driver says to what the engine proposes
    # mirrored: verbose                                         the client engine, with these options, says each C line
    S: 220 mx.test          the server says a line that starts so; one that ends with $ is the whole line
    S: ...                  the rest of this reply, whatever it is
    S: (closed)             the session is over
    C: EHLO client.test     the client says this line; several in a row are sent together
    C! a\\nb                 these octets, with Python's escapes and no CRLF

What the client has to do is read from its own lines: the envelope from MAIL and RCPT, the content from the text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from heloise.mail.reply import Reply
from heloise.smtp.limits import SessionLimits
from heloise.smtp.reply_reader import ReplyReader
from heloise.smtp.transaction import ClientOptions

HOSTNAME = "mx.test"
CLIENT = "client.test"
REST = "..."
CLOSED = "(closed)"
_RULE = re.compile(r"(.+?) => (.+)")


class DialogueMismatchError(AssertionError):
    """Somebody said something else than the dialogue has."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a dialogue; `kind` is `S:`, `C:` or `C!`."""

    number: int
    kind: str
    text: str

    @property
    def octets(self) -> bytes:
        """What the client sends."""
        if self.kind == "C!":
            return self.text.encode().decode("unicode_escape").encode("latin-1")
        return self.text.encode() + b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A dialogue file, read."""

    title: str
    lines: tuple[Line, ...]
    answers: tuple[tuple[str, Reply], ...] = ()
    limits: SessionLimits = field(default=SessionLimits())
    without: frozenset[str] = frozenset()
    lmtp: bool = False
    takes_mail: bool = True
    spokesman: bool = False
    auth: frozenset[str] | None = None
    mirrored: ClientOptions | None = None

    @property
    def is_mirrored(self) -> bool:
        """Can it be played against the client engine?"""
        return self.mirrored is not None


def parse_dialogue(text: str) -> Dialogue:
    """Read a dialogue. Raises ValueError with the number of the line that can not be read."""
    title, *rest = text.splitlines()
    if not title.startswith("# "):
        raise ValueError("line 1: a dialogue begins with a remark that names its section")
    dialogue = Dialogue(title=title[2:], lines=())
    lines: list[Line] = []
    for number, line in enumerate(rest, 2):
        kind, _, said = line.partition(" ")
        try:
            if kind == "#":
                dialogue = _with_directive(dialogue, *said.partition(": ")[::2])
            elif kind in ("S:", "C:", "C!"):
                lines.append(Line(number, kind, said))
            elif line.strip():
                raise ValueError(f"neither S:, C:, C! nor #: {line!r}")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return replace(dialogue, lines=tuple(lines))


def _with_directive(dialogue: Dialogue, name: str, value: str) -> Dialogue:
    match name.rstrip(":"):
        case "options":
            for word in value.split():
                dialogue = _with_option(dialogue, *word.partition("=")[::2])
            return dialogue
        case "answer":
            found = _RULE.fullmatch(value)
            if found is None:
                raise ValueError("an answer is written pattern => reply")
            return replace(dialogue, answers=(*dialogue.answers, (found[1], read_reply(found[2]))))
        case "mirrored":
            return replace(dialogue, mirrored=_client_options(value.split()))
        case _:
            return dialogue  # a remark


def _with_option(dialogue: Dialogue, name: str, value: str) -> Dialogue:
    if name == "lmtp":
        return replace(dialogue, lmtp=True)
    if name == "fetched":
        return replace(dialogue, takes_mail=False)
    if name == "spokesman":
        return replace(dialogue, spokesman=True)
    if name == "auth":
        return replace(dialogue, auth=frozenset(value.split(",")))
    if name == "without":
        return replace(dialogue, without=frozenset(value.split(",")))
    if name not in {each.name for each in fields(SessionLimits)}:
        raise ValueError(f"no such option: {name}")
    # Of the type that it has: compiled, a flag is True or False and nothing else.
    change: dict[str, Any] = {name: type(getattr(dialogue.limits, name))(float(value))}
    return replace(dialogue, limits=replace(dialogue.limits, **change))


def _client_options(words: Sequence[str]) -> ClientOptions:
    known = {"verbose", "only_transaction", "chunking", "lmtp", "start_with_helo"}
    if not known.issuperset(words):
        raise ValueError(f"the client's options are {', '.join(sorted(known))}")
    switches: dict[str, Any] = dict.fromkeys(words, True)
    return replace(ClientOptions(hello_name=CLIENT), **switches)


def read_reply(text: str) -> Reply:
    """A reply of one line, as it stands in a script. Raises ValueError."""
    reader = ReplyReader()
    reader.success_has_status = True
    reader.feed(text.encode() + b"\r\n")
    found = reader.next_reply()
    if found is None:
        raise ValueError(f"not a reply: {text}")
    return found
