"""The POP3 engine: octets in, events out; no sockets, no clock, no mail. RFC 1939, RFC 2449, RFC 2595, RFC 5034.

An event wants something of whoever keeps the mail, and is answered by `opened` or `refused`, `content`, or `removed`;
until then nothing more is read. What is said meanwhile waits (RFC 2449 §6.6, pipelining).
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from heloise.pop3 import replies
from heloise.pop3.command import LONGEST, Pop3Command
from heloise.pop3.maildrop import Digest, Entry, Password, Proof
from heloise.pop3.replies import Pop3Reply, no, ok
from heloise.pop3.states import PLACES, READING, State

LONGEST_RESPONSE = 4096  # octets of a line of SASL, which may be longer than a command (RFC 5034 §4)
MOST_ERRORS = 20
MOST_GUESSES = 5
MOST_UNSENT = 65_536  # octets
_DIGEST = 32  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class LoginWanted:
    """Whose mailbox is it? Answered by `opened` or `refused`."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class ContentWanted:
    """Bring this message. Answered by `content`."""

    uid: str


@dataclass(frozen=True, slots=True)
class RemovalWanted:
    """Remove these, then all is done. Answered by `removed`. RFC 1939 §6."""

    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TlsWanted:
    """Shake hands, then say `secured`."""


@dataclass(frozen=True, slots=True)
class Said:
    """So much waits to be sent that it has to go before more is read."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more comes."""


Pop3Event: TypeAlias = LoginWanted | ContentWanted | RemovalWanted | TlsWanted | Said | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Offers:
    """What a session is offered. `timestamp` is that of APOP, with brackets, "" where it is not offered; `in_clear`:
    passwords may be said without TLS."""

    hostname: str
    tls: bool = False
    in_clear: bool = False
    timestamp: str = ""


class Pop3Session:
    """One session. `is_secured` from the beginning where TLS came first (RFC 8314 §3)."""

    def __init__(self, offers: Pop3Offers, *, is_secured: bool = False) -> None:
        self._offers = offers
        self._is_secured = is_secured
        self._state = State.AUTHORIZATION
        self._input = bytearray()
        self._output = bytearray()
        self._events: list[Pop3Event] = []
        self._is_swallowing = False  # of a line that is too long, up to its end
        self._is_over = False
        self._user = ""
        self._entries: tuple[Entry, ...] = ()
        self._deleted: set[int] = set()
        self._lines: int | None = None  # of the body that are wanted, for TOP
        self._errors = self._guesses = 0
        self._acts: dict[str, Callable[[Pop3Command], None]] = {
            "USER": self._named,
            "PASS": self._pass,
            "APOP": self._apop,
            "AUTH": self._auth,
            "STLS": self._stls,
            "CAPA": self._capa,
            "QUIT": self._quit,
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retr,
            "TOP": self._top,
            "DELE": self._dele,
            "RSET": self._rset,
            "NOOP": self._noop,
        }
        self._say(replies.greeting(offers.hostname, offers.timestamp))

    # For whoever carries octets

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._state

    def receive_data(self, octets: bytes) -> None:
        """What came; b"" when nothing more will."""
        if octets:
            self._input += octets
        else:
            self._is_over = True

    def data_to_send(self) -> bytes:
        """What is to be said now."""
        octets = bytes(self._output)
        self._output.clear()
        return octets

    def next_event(self) -> Pop3Event | None:
        """The next thing that somebody has to do; None when more octets are needed."""
        while not self._events and self._state in READING and len(self._output) < MOST_UNSENT:
            line = self._line()
            if line is None:
                break
            self._take(line)
        if self._events:
            return self._events.pop(0)
        if len(self._output) >= MOST_UNSENT:
            return Said()
        if self._is_over and self._state in READING:
            self._state = State.ENDED  # RFC 1939 §6: without QUIT nothing is removed
            return Ended()
        return None

    def close_with(self, reply: Pop3Reply) -> None:
        """End it from our side; nothing is removed."""
        if self._state is not State.ENDED:
            self._say(reply)
            self._end()

    # For whoever keeps mail

    def opened(self, entries: Sequence[Entry]) -> None:
        """The answer to `LoginWanted`."""
        self._entries = tuple(entries)
        self._state = State.TRANSACTION
        self._say(ok(f"{len(self._entries)} messages"))

    def refused(self, reply: Pop3Reply) -> None:
        """The other answer to `LoginWanted`."""
        self._guesses += 1
        self._state = State.AUTHORIZATION
        self._say(reply)
        if self._guesses >= MOST_GUESSES:
            self._end()

    def content(self, octets: bytes | None) -> None:
        """The answer to `ContentWanted`: the message, or None when it is there no more."""
        self._state = State.TRANSACTION
        if octets is None:
            self._say(no("the message is there no more"))
            return
        lines, self._lines = self._lines, None
        self._say(ok(f"{len(octets)} octets" if lines is None else ""))
        self._output += stuffed(octets if lines is None else top(octets, lines))

    def removed(self, all_of_them: bool) -> None:
        """The answer to `RemovalWanted`."""
        self._say(ok("good bye") if all_of_them else replies.NOT_REMOVED)
        self._end()

    def secured(self) -> None:
        """TLS protects from now on. RFC 2595 §4: what was known before is forgotten."""
        self._is_secured = True
        self._state = State.AUTHORIZATION
        self._user = ""

    # Lines

    def _line(self) -> bytes | None:
        """The next line without its end; b"" stands for one that was refused."""
        longest = LONGEST_RESPONSE if self._state is State.RESPONDING else LONGEST
        end = self._input.find(b"\n")
        if end < 0:
            if len(self._input) >= longest:
                self._is_swallowing = True
                self._input.clear()
            return None
        line = bytes(self._input[: end + 1])
        del self._input[: end + 1]
        if self._is_swallowing or len(line) > longest:
            self._is_swallowing = False
            self._fail(replies.TOO_LONG)
            return b""
        return line.rstrip(b"\r\n") or b" "

    def _take(self, line: bytes) -> None:
        if not line:
            return
        if self._state is State.RESPONDING:
            self._respond(line)
            return
        command = Pop3Command.parse(line)
        places = PLACES.get(command.verb)
        if places is None:
            self._fail(replies.UNKNOWN)
        elif self._state not in places:
            self._fail(replies.NAME_FIRST if command.verb == "PASS" else replies.OUT_OF_PLACE)
        else:
            self._acts[command.verb](command)

    def _say(self, reply: Pop3Reply) -> None:
        self._output += reply.encode()

    def _fail(self, reply: Pop3Reply) -> None:
        self._say(reply)
        self._errors += 1
        if self._errors >= MOST_ERRORS:
            self._say(replies.TOO_MANY_ERRORS)
            self._end()

    def _end(self) -> None:
        self._state = State.ENDED
        self._input.clear()
        self._events.append(Ended())

    def _say_lines(self, first: Pop3Reply, lines: Sequence[str]) -> None:
        self._say(first)
        self._output += stuffed("".join(f"{line}\r\n" for line in lines).encode())

    # Who is there. RFC 1939 §4, §7

    @property
    def _may_say_passwords(self) -> bool:
        return self._is_secured or self._offers.in_clear

    def _login(self, proof: Proof) -> None:
        self._state = State.JUDGING
        self._events.append(LoginWanted(proof))

    def _named(self, command: Pop3Command) -> None:
        if not self._may_say_passwords:
            self._fail(replies.NOT_IN_CLEAR)
        elif not command.rest.strip():
            self._fail(replies.BAD_ARGUMENTS)
        else:
            self._user = command.rest.strip()
            self._state = State.NAMED
            self._say(replies.NAME_TAKEN)

    def _pass(self, command: Pop3Command) -> None:
        self._login(Password(self._user, command.rest))

    def _apop(self, command: Pop3Command) -> None:
        user, _, digest = command.rest.rpartition(" ")
        if not self._offers.timestamp:
            self._fail(replies.NO_APOP)
        elif not user or len(digest) != _DIGEST:
            self._fail(replies.BAD_ARGUMENTS)
        else:
            self._login(Digest(user, self._offers.timestamp, digest.lower()))

    def _auth(self, command: Pop3Command) -> None:
        arguments = command.arguments
        if not arguments:  # RFC 5034 §5 has no such form, but clients ask so what there is
            self._say_lines(ok(), ["PLAIN"] if self._may_say_passwords else [])
        elif not self._may_say_passwords:
            self._fail(replies.NOT_IN_CLEAR)
        elif arguments[0].upper() != "PLAIN" or len(arguments) > 2:
            self._fail(replies.NO_MECHANISM)
        elif len(arguments) == 2:
            self._respond(b"" if arguments[1] == "=" else arguments[1].encode())
        else:
            self._state = State.RESPONDING
            self._output += b"+ \r\n"

    def _respond(self, line: bytes) -> None:
        """RFC 4616 §2: who to act as, who one is, the password."""
        self._state = State.AUTHORIZATION
        if line.strip() == b"*":
            self._fail(replies.CANCELLED)
            return
        try:
            acting, user, password = b64decode(line.strip(), validate=True).decode("utf-8").split("\0")
        except (binascii.Error, ValueError):
            self._fail(replies.NOT_BASE64)
            return
        if not user or acting not in ("", user):
            self._fail(replies.NOT_BASE64)
        else:
            self._login(Password(user, password))

    def _stls(self, command: Pop3Command) -> None:
        if self._is_secured or not self._offers.tls:
            self._fail(replies.HAVE_TLS if self._is_secured else replies.NO_TLS)
        elif self._input:
            # RFC 2595 §4: what came before the handshake may be an attacker's, as with STARTTLS (CVE-2011-0411).
            self._say(replies.INJECTED)
            self._end()
        else:
            self._say(replies.BEGIN_TLS)
            self._state = State.SECURING
            self._events.append(TlsWanted())

    def _capa(self, command: Pop3Command) -> None:
        """RFC 2449 §5, §6."""
        lines = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER"]
        if self._may_say_passwords:
            lines += ["USER", "SASL PLAIN"]
        if self._offers.tls and not self._is_secured and self._state is not State.TRANSACTION:
            lines.append("STLS")
        self._say_lines(ok("capabilities"), [*lines, "IMPLEMENTATION heloise"])

    # The mailbox. RFC 1939 §5, §7

    def _there(self) -> list[tuple[int, Entry]]:
        return [(number, each) for number, each in enumerate(self._entries, 1) if number not in self._deleted]

    def _entry(self, command: Pop3Command) -> Entry | None:
        """The one that the first argument means; when there is none, that is said."""
        number = command.number(0)
        if number is None or not 1 <= number <= len(self._entries) or number in self._deleted:
            self._fail(replies.no_such_message(command.rest))
            return None
        return self._entries[number - 1]

    def _stat(self, command: Pop3Command) -> None:
        there = self._there()
        self._say(ok(f"{len(there)} {sum(entry.size for _, entry in there)}"))

    def _list(self, command: Pop3Command) -> None:
        self._tell(command, lambda entry: str(entry.size))

    def _uidl(self, command: Pop3Command) -> None:
        self._tell(command, lambda entry: entry.uid)

    def _tell(self, command: Pop3Command, what: Callable[[Entry], str]) -> None:
        if not command.arguments:
            there = self._there()
            self._say_lines(ok(f"{len(there)} messages"), [f"{number} {what(entry)}" for number, entry in there])
        elif (entry := self._entry(command)) is not None:
            self._say(ok(f"{command.number(0)} {what(entry)}"))

    def _retr(self, command: Pop3Command) -> None:
        self._fetch(command, None)

    def _top(self, command: Pop3Command) -> None:
        lines = command.number(1)
        if lines is None:
            self._fail(replies.BAD_ARGUMENTS)
        else:
            self._fetch(command, lines)

    def _fetch(self, command: Pop3Command, lines: int | None) -> None:
        if (entry := self._entry(command)) is not None:
            self._lines = lines
            self._state = State.FETCHING
            self._events.append(ContentWanted(entry.uid))

    def _dele(self, command: Pop3Command) -> None:
        if self._entry(command) is not None:
            number = command.number(0)
            assert number is not None
            self._deleted.add(number)
            self._say(ok(f"message {number} is deleted"))

    def _rset(self, command: Pop3Command) -> None:
        self._deleted.clear()
        self._say(ok(f"{len(self._entries)} messages"))

    def _noop(self, command: Pop3Command) -> None:
        self._say(ok())

    def _quit(self, command: Pop3Command) -> None:
        if self._state is State.TRANSACTION:
            self._state = State.UPDATE
            self._events.append(RemovalWanted(tuple(self._entries[each - 1].uid for each in sorted(self._deleted))))
        else:
            self._say(ok("good bye"))
            self._end()


def stuffed(octets: bytes) -> bytes:
    """A multi-line answer: what begins with a dot has another before it, and a dot alone ends it. RFC 1939 §3."""
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    octets = octets.replace(b"\r\n.", b"\r\n..")
    return (b"." if octets.startswith(b".") else b"") + octets + b".\r\n"


def top(octets: bytes, lines: int) -> bytes:
    """The header, the empty line, and so many lines of the body. RFC 1939 §7."""
    end = octets.find(b"\r\n\r\n")
    place = len(octets) if end < 0 else end + 4
    if octets.startswith(b"\r\n"):
        place = 2
    for _ in range(lines):
        found = octets.find(b"\r\n", place)
        if found < 0:
            return octets
        place = found + 2
    return octets[:place]
