"""How much a session takes. Frozen, one per session: no session changes another's. RFC 5321 §4.5.3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from heloise.mail.cause import Rule

# Where what limits a session is written: by the name of the limit, or by the keyword of an extension.
Rules: TypeAlias = Mapping[str, Rule]

NO_RULES: Rules = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRules:
    """Who has to prove who he is, and how. `mechanisms` are those there are, the best first; none: no AUTH at all.

    Those that show the password (PLAIN, LOGIN) or a token are offered under TLS, and in clear where `in_clear` is True.
    `certificates` says for EXTERNAL which user a name in a client's certificate stands for, in lower case.
    """

    mechanisms: tuple[str, ...] = ()
    in_clear: bool = False
    is_required: bool = False
    certificates: Mapping[str, str] = field(default_factory=dict)


NO_AUTH = AuthRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Sizes in octets, times in seconds.

    The RFC says what a server must take at least; all defaults are above that.
    """

    command_line: int = 4096  # RFC 5321 §4.5.3.1.4 asks for 512, RFC 3461 §5.4 for 1036
    endless_line: int = 65536  # past this the session is ended with 421
    text_line: int = 1 << 20  # RFC 5321 §4.5.3.1.6 asks for 1000
    message_size: int = 36_700_160  # RFC 1870; 0 for no limit
    recipients: int = 1000  # RFC 5321 §4.5.3.1.8 asks for 100
    received_fields: int = 100  # RFC 5321 §6.3
    mends_line_endings: bool = False  # a bare LF in content becomes CRLF, and the message is not refused for it
    errors: int = 20  # refused commands before 421
    idle_commands: int = 0  # without a message between them, in as many seconds, before 421; 0 for no limit
    refused_recipients: int = 0  # one after the other, before 421; 0 for no limit
    command_timeout: float = 300.0  # RFC 5321 §4.5.3.2.7
    data_timeout: float = 300.0
    data_rate: int = 50  # octets a second at least, in the mean of a data_timeout; 0 for no such limit
    future_release: float = 14 * 86400.0  # the longest that a message is held, RFC 4865; 0 for never
    deliver_by_minimum: float = 0.0  # the shortest time that BY with R may give, RFC 2852
    one_transaction_idle: float = 5.0  # after the transaction promised by ONEX
