"""What a client does against the rules: the decisions, pure. RFC 5321, RFC 5322 and those of the extensions.

Most of it the server answers already: a reply of 5yz whose cause is one of `ANSWERED` is a violation by itself. The
rest is tolerated by servers that take mail from everybody, and found here only.
"""

import re
from collections.abc import Iterable, Iterator

from heloise.mail import causes
from heloise.mail.cause import CauseKind

# A refusal for one of these is the client's own doing; others, such as an unknown mailbox, are not.
ANSWERED: frozenset[str] = frozenset(
    kind.id
    for kind in (
        causes.HELLO_NAME,
        causes.COMMAND_UNKNOWN,
        causes.COMMAND_EMPTY,
        causes.COMMAND_ARGUMENT,
        causes.COMMAND_NEEDS_ARGUMENT,
        causes.COMMAND_SYNTAX,
        causes.COMMAND_NOT_IMPLEMENTED,
        causes.LINE_TOO_LONG,
        causes.LINE_ENDING,
        causes.PATH_SYNTAX,
        causes.PARAMETER_SYNTAX,
        causes.PARAMETER_TWICE,
        causes.PARAMETER_UNKNOWN,
        causes.PARAMETER_VALUE,
        causes.SEQUENCE_HELLO_FIRST,
        causes.SEQUENCE_NESTED_MAIL,
        causes.SEQUENCE_MAIL_FIRST,
        causes.SEQUENCE_RCPT_FIRST,
        causes.SEQUENCE_IN_TRANSACTION,
        causes.SEQUENCE_CHUNKING,
        causes.SEQUENCE_BINARY_DATA,
        causes.SEQUENCE_ONEX_SPENT,
        causes.SEQUENCE_WRONG_HELLO,
        causes.RECIPIENT_NOT_ASCII,
        causes.SIZE_OVER_LIMIT,
        causes.SESSION_FLOOD,
        causes.CONTENT_LINE_ENDING,
        causes.TLS_INJECTED,
        causes.TLS_ALREADY,
        causes.AUTH_SYNTAX,
        causes.AUTH_ALREADY,
        causes.AUTH_MECHANISM,
        causes.AUTH_NEEDS_TLS,
    )
)

# RFC 2920 §3.1: these are the last of a group; RFC 5321 §4.1.1.4 and RFC 4954 §4 say so of DATA and AUTH themselves.
LAST_IN_GROUP = frozenset({b"EHLO", b"HELO", b"LHLO", b"DATA", b"VRFY", b"EXPN", b"NOOP", b"AUTH", b"STARTTLS"})
_ECHOES = {causes.SEQUENCE_MAIL_FIRST.id: b"MAIL", causes.SEQUENCE_RCPT_FIRST.id: b"RCPT"}
LONGEST_TEXT_LINE = 998  # octets without CRLF, RFC 5322 §2.1.1
LARGEST_HEADER = 1 << 18  # octets that are looked at for fields
_DOMAIN = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")
_NEEDED = ((b"date", causes.LINT_DATE), (b"from", causes.LINT_FROM), (b"message-id", causes.LINT_MESSAGE_ID))


def verb_of(line: bytes) -> bytes:
    """The verb of a command line, in upper case."""
    return line.split(maxsplit=1)[0].upper() if line.strip() else b""


def is_past_sync_point(line: bytes, *, unread: int, may_pipeline: bool) -> bool:
    """Has the client said more before the reply to this command, where it has to wait for it? RFC 2920 §3.1."""
    verb = verb_of(line)
    if not unread or verb in (b"QUIT", b"BDAT"):  # what follows QUIT is another matter; a chunk follows BDAT
        return False
    return not may_pipeline or verb in LAST_IN_GROUP


def names_no_host(line: bytes) -> bool:
    """Is it a hello with a name that is no domain, though servers bear it? RFC 5321 §4.1.2."""
    words = line.split()
    if len(words) != 2 or verb_of(line) not in (b"EHLO", b"HELO", b"LHLO") or words[1].startswith(b"["):
        return False  # what can not be read, and bad literals, the server refuses
    return words[1].isascii() and _DOMAIN.fullmatch(words[1]) is None


class ContentLint:
    """Looks at one content as it comes in. `eight_bit` when MAIL has said that it may be so."""

    def __init__(self, *, eight_bit: bool) -> None:
        self._may_be_eight_bit = eight_bit
        self._header = b""
        self._in_header = True
        self._line = 0  # octets of the unfinished line
        self._found: dict[CauseKind, bytes] = {}

    def see(self, octets: bytes) -> None:
        """More of it."""
        if self._in_header and len(self._header) < LARGEST_HEADER:
            self._header += octets
            if b"\r\n\r\n" in self._header or self._header.startswith(b"\r\n"):
                self._in_header = False
        if not self._may_be_eight_bit and not octets.isascii():
            self._find(causes.LINT_EIGHT_BIT, _around_eight_bit(octets))
        self._see_lines(octets)

    def _see_lines(self, octets: bytes) -> None:
        start = 0
        while (end := octets.find(b"\n", start)) >= 0:
            length = self._line + end - start
            if length > LONGEST_TEXT_LINE + 1:  # with its CR
                self._find(causes.LINT_TEXT_LINE, octets[start:end])
            start, self._line = end + 1, 0
        self._line += len(octets) - start

    def _find(self, kind: CauseKind, octets: bytes) -> None:
        self._found.setdefault(kind, octets)

    def end(self) -> Iterator[tuple[CauseKind, bytes]]:
        """What is wrong with it, each once, with octets that show it."""
        yield from self._found.items()
        header = b"" if self._header.startswith(b"\r\n") else self._header.partition(b"\r\n\r\n")[0]
        lines = [line for line in header.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
        names = [found[1].lower() for line in lines if (found := _FIELD.match(line))]
        for name, kind in _NEEDED:
            if name not in names:
                yield kind, lines[0] if lines else b""
        for name in _repeated(names):
            yield causes.LINT_FIELD_TWICE, name


_ONCE = frozenset({b"date", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"message-id", b"subject"})


def _repeated(names: Iterable[bytes]) -> Iterator[bytes]:
    """The fields that may be there once, and are there again. RFC 5322 §3.6."""
    seen: set[bytes] = set()
    told: set[bytes] = set()
    for name in names:
        if name in seen and name in _ONCE and name not in told:
            told.add(name)
            yield name
        seen.add(name)


def _around_eight_bit(octets: bytes) -> bytes:
    place = next(index for index, octet in enumerate(octets) if octet > 127)
    return octets[max(0, place - 30) : place + 30]


def is_echo(cause: str, last_refused: bytes) -> bool:
    """Is this refusal only the echo of one before, in a pipelined group? RFC 2920 §3.2 has clients live with it."""
    return _ECHOES.get(cause) == last_refused
