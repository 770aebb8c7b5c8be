"""Commands: one line from the client, as a value. RFC 5321 §4.1.

`parse_command` reads a line; what can not be read comes back as the reply that refuses it. Commands without a grammar
of their own (DATA, VRFY, and the verbs that extensions add) are `Plain`: a verb and an argument.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeAlias

from heloise.mail.address import check_domain
from heloise.mail.envelope import NO_PARAMETERS, Parameters, RepeatedParameterError, split_path
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply
from heloise.smtp import replies


class Verb(StrEnum):
    """The verbs of RFC 5321 and the extensions built in. The set is open: extensions add theirs as strings."""

    EHLO = "EHLO"
    HELO = "HELO"
    LHLO = "LHLO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BDAT = "BDAT"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"
    VRFY = "VRFY"
    EXPN = "EXPN"
    HELP = "HELP"
    ETRN = "ETRN"
    ATRN = "ATRN"
    VERB = "VERB"
    ONEX = "ONEX"


@dataclass(frozen=True, slots=True)
class Hello:
    """EHLO, HELO or LHLO with the client's name. RFC 5321 §4.1.1.1, RFC 2033 §4.1."""

    verb: Verb
    name: str

    def encode(self) -> bytes:
        """The wire form with CRLF."""
        return f"{self.verb.value} {self.name}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL FROM. RFC 5321 §4.1.1.2."""

    reverse_path: ReversePath
    parameters: Parameters = NO_PARAMETERS

    @property
    def verb(self) -> Verb:
        """Which command it is."""
        return Verb.MAIL

    def encode(self) -> bytes:
        """The wire form with CRLF."""
        return b"MAIL FROM:" + _with_parameters(self.reverse_path.encode(), self.parameters)


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT TO. RFC 5321 §4.1.1.3."""

    forward_path: ForwardPath
    parameters: Parameters = NO_PARAMETERS

    @property
    def verb(self) -> Verb:
        """Which command it is."""
        return Verb.RCPT

    def encode(self) -> bytes:
        """The wire form with CRLF."""
        return b"RCPT TO:" + _with_parameters(self.forward_path.encode(), self.parameters)


@dataclass(frozen=True, slots=True)
class Bdat:
    """BDAT: a chunk of `size` octets follows. RFC 3030 §2."""

    size: int
    last: bool = False

    @property
    def verb(self) -> Verb:
        """Which command it is."""
        return Verb.BDAT

    def encode(self) -> bytes:
        """The wire form with CRLF; the octets follow it."""
        return b"BDAT %d LAST\r\n" % self.size if self.last else b"BDAT %d\r\n" % self.size


@dataclass(frozen=True, slots=True)
class Plain:
    """Any other command: a verb in upper case and its argument, empty when there is none."""

    verb: str
    argument: str = ""

    def encode(self) -> bytes:
        """The wire form with CRLF."""
        return f"{self.verb} {self.argument}\r\n".encode() if self.argument else f"{self.verb}\r\n".encode()


Command: TypeAlias = Hello | Mail | Rcpt | Bdat | Plain

_VERB: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,31}")
_CHUNK: Final = re.compile(rb"(\d{1,20})(?:[ ]+(LAST))?", re.IGNORECASE)
_CR: Final = 13
_LF: Final = 10
_GT: Final = 62
_SHORT: Final = 128  # octets of a line whose path is remembered
_BARE: Final = {verb.encode(): Plain(verb) for verb in ("DATA", "RSET", "NOOP", "QUIT")}  # as nearly all write them
_HELLO_VERBS: Final = {b"EHLO": Verb.EHLO, b"HELO": Verb.HELO, b"LHLO": Verb.LHLO}


def parse_command(line: bytes) -> Command | Reply:
    """Read one command line, without its CRLF. What can not be read is answered by the reply returned."""
    if _CR in line or _LF in line or 0 in line:  # numbers: for octets Python first tries, and fails, to make one
        return replies.LINE_ENDING
    if (bare := _BARE.get(line)) is not None:
        return bare
    if len(line) <= _SHORT and (usual := _usual(line)) is not None:
        return usual
    verb, _, argument = line.partition(b" ")
    verb = verb.upper()
    argument = argument.strip(b" \t")  # RFC 5321 §4.1.1: trailing blanks are tolerated
    if verb == b"RCPT":
        return _parse_rcpt(argument)
    if verb == b"MAIL":
        return _parse_mail(argument)
    if verb in _HELLO_VERBS:
        return _parse_hello(_HELLO_VERBS[verb], argument)
    if verb == b"BDAT":
        return _parse_bdat(argument)
    if _VERB.fullmatch(verb) is None:
        return replies.COMMAND_UNKNOWN if verb else replies.COMMAND_EMPTY
    try:
        return Plain(verb.decode("ascii"), argument.decode("utf-8"))
    except UnicodeDecodeError:
        return replies.COMMAND_SYNTAX


def _usual(line: bytes) -> Mail | Rcpt | None:
    """MAIL or RCPT as they are mostly written: in capitals, without a blank, without parameters."""
    if line[:9] == b"RCPT TO:<" and line[-1] == _GT:
        forward_path = _forward_path(line[8:])
        return None if forward_path is None else Rcpt(forward_path)
    if line[:11] == b"MAIL FROM:<" and line[-1] == _GT:
        reverse_path = _reverse_path(line[10:])
        return None if reverse_path is None else Mail(reverse_path)
    return None


# The same people write again and again, and nobody changes a path that was read.
@lru_cache(maxsize=4096)
def _forward_path(octets: bytes) -> ForwardPath | None:
    """`octets` as a path, when that and nothing else is in it."""
    try:
        path, parameters = split_path(octets)
        return None if parameters else ForwardPath.parse(path)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _reverse_path(octets: bytes) -> ReversePath | None:
    try:
        path, parameters = split_path(octets)
        return None if parameters else ReversePath.parse(path)
    except ValueError:
        return None


def _parse_hello(verb: Verb, argument: bytes) -> Command | Reply:
    try:
        return Hello(verb, check_domain(argument.decode("utf-8")))
    except ValueError:
        return replies.bad_hello_name(argument)


def _parse_mail(argument: bytes) -> Command | Reply:
    if argument[:5].upper() != b"FROM:":
        return replies.syntax("MAIL FROM:<reverse-path>")
    try:
        # RFC 5321 §3.3 has no blank after the colon; tolerate it in reading, as every peer does.
        path, parameters = split_path(argument[5:].lstrip(b" "))
        known = _reverse_path(path) if len(path) <= _SHORT else None
        reverse_path = ReversePath.parse(path) if known is None else known
    except ValueError as error:
        return replies.bad_reverse_path(str(error))
    found = _parse_parameters(parameters)
    return Mail(reverse_path, found) if isinstance(found, Parameters) else found


def _parse_rcpt(argument: bytes) -> Command | Reply:
    if argument[:3].upper() != b"TO:":
        return replies.syntax("RCPT TO:<forward-path>")
    try:
        path, parameters = split_path(argument[3:].lstrip(b" "))
        known = _forward_path(path) if len(path) <= _SHORT else None
        forward_path = ForwardPath.parse(path) if known is None else known
    except ValueError as error:
        return replies.bad_forward_path(str(error))
    found = _parse_parameters(parameters)
    return Rcpt(forward_path, found) if isinstance(found, Parameters) else found


def _parse_parameters(octets: bytes) -> Parameters | Reply:
    if not octets:
        return NO_PARAMETERS
    try:
        return Parameters.parse(octets)
    except RepeatedParameterError:
        return replies.PARAMETER_TWICE
    except ValueError as error:
        return replies.bad_parameter(str(error))


def _parse_bdat(argument: bytes) -> Command | Reply:
    found = _CHUNK.fullmatch(argument)
    if found is None:
        return replies.syntax("BDAT size [LAST]")
    return Bdat(int(found[1]), found[2] is not None)


def _with_parameters(path: bytes, parameters: Parameters) -> bytes:
    return path + b" " + parameters.encode() + b"\r\n" if parameters.items else path + b"\r\n"
