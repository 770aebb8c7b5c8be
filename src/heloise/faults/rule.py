"""A fault rule: when it strikes, and what happens then. Plain values.

FaultRule(stage=Stage.RCPT, to="*@slow.test", times=2, reply=FaultReply.parse("451 4.3.0 Not now"))
"""

import re
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Self

from heloise.delivery.rate import Rate
from heloise.mail.cause import Rule
from heloise.mail.reply import printable
from heloise.mail.status import EnhancedStatus

_REPLY = re.compile(r"([2-5][0-9]{2})(?: ([245]\.[0-9]{1,3}\.[0-9]{1,3}))?(?: (.+))?", re.DOTALL)
_STATUSES = {421: "4.3.2", 450: "4.2.1", 451: "4.3.0", 452: "4.3.1", 454: "4.7.0", 535: "5.7.8", 550: "5.1.1"}
_STATUSES |= {551: "5.1.6", 552: "5.3.4", 553: "5.1.3", 554: "5.0.0", 500: "5.5.2", 501: "5.5.4", 503: "5.5.1"}
_CLASSES_WITH_STATUS = (2, 4, 5)
_TEXT = "Failing on purpose"


class Stage(Enum):
    """Where in a session a rule strikes: at the answer to this."""

    CONNECT = "connect"
    HELLO = "hello"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the command, and the first BDAT
    CONTENT = "content"  # while the text of a message comes in
    MESSAGE = "message"  # the final dot, and the last BDAT
    VRFY = "vrfy"
    EXPN = "expn"
    ETRN = "etrn"
    ATRN = "atrn"
    STATUS = "status"


class Cut(Enum):
    """What becomes of the connection."""

    DROP = "drop"  # closed in order, instead of an answer
    RESET = "reset"  # RST
    HALF_CLOSE = "half-close"  # no more is said, but still listened
    LOSE_REPLY = "lose-reply"  # done what was asked for, a message is taken; then dropped instead of saying so
    TLS_FAILURE = "tls-failure"  # STARTTLS is agreed to, and then the handshake refused by an alert


class Per(Enum):
    """What a rule counts by."""

    RECIPIENT = "recipient"
    SENDER = "sender"
    CLIENT = "client"
    SESSION = "session"
    RULE = "rule"  # everything together


BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.HELLO, Stage.TLS, Stage.AUTH})
_HAVE_RECIPIENTS = frozenset({Stage.RCPT, Stage.DATA, Stage.CONTENT, Stage.MESSAGE})


@dataclass(frozen=True, slots=True)
class FaultReply:
    """What is said. `status` is None for 3yz, and for a code said without one."""

    code: int
    status: EnhancedStatus | None
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`451`, `451 4.3.0`, `451 Not now` or `451 4.3.0 Not now`. Raises ValueError with the end of a sentence."""
        found = _REPLY.fullmatch(text.strip())
        if found is None:
            raise ValueError('is not a reply; write it like "451" or "451 4.3.0 Try again later"')
        code = int(found[1])
        klass = code // 100
        status = EnhancedStatus.parse(found[2] or _STATUSES.get(code, f"{klass}.0.0")) if klass != 3 else None
        if found[2] and (klass not in _CLASSES_WITH_STATUS or not found[2].startswith(str(klass))):
            raise ValueError(f"has the status {found[2]}, which does not go with {code}")
        return cls(code, status, printable(found[3] or _TEXT))

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.code, self.status, self.text) if part is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is looked at: where a session stands. Addresses as text without brackets, "" for nobody (the null path)."""

    stage: Stage
    client: str
    session: str
    hello: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One rule. What is not given does not matter; times in seconds.

    `to`, `sender` and `hello` are patterns with * and ?, in any case. `first` and `times` are of the attempts that the
    rule has seen for one `per`: it strikes at `times` of them, from the `first` one on; None is for ever. `lasting`
    ends it so long after the first attempt. `after` and `until` count from the start of the server. With a `rate` it
    strikes only at what is more than that. `octets` are said in place of a reply. `at` is how much of a content comes
    in before Stage.CONTENT. `rule` is where it is written, `name` what else it is called by.
    """

    stage: Stage = Stage.RCPT
    to: str = ""
    sender: str | None = None
    client: tuple[IPv4Network | IPv6Network, ...] = ()
    hello: str = ""
    first: int = 1
    times: int | None = None
    per: Per | None = None
    lasting: float | None = None
    after: float = 0.0
    until: float | None = None
    rate: Rate | None = None
    probability: float = 1.0
    reply: FaultReply | None = None
    delay: float = 0.0
    cut: Cut | None = None
    octets: bytes | None = None
    at: int = 0
    rule: Rule | None = None
    name: str = ""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ValueError(problem)

    def _problem(self) -> str:
        if self.reply is None and self.cut is None and self.octets is None and not self.delay:
            return "nothing happens by it; give it a reply, a delay, a cut or octets"
        if (self.cut is Cut.TLS_FAILURE) != (self.stage is Stage.TLS) and self.cut is Cut.TLS_FAILURE:
            return 'the cut "tls-failure" belongs to the stage "tls"'
        if self.stage is Stage.CONTENT and (self.reply is not None or self.octets is not None):
            return 'nothing can be said at the stage "content"; there it is a delay or a cut'
        if self.cut is not None and (self.reply is not None or self.octets is not None):
            return "it has a cut beside a reply or octets; the connection is cut instead of an answer"
        if (self.to and self.stage not in _HAVE_RECIPIENTS) or (self.sender and self.stage in BEFORE_MAIL):
            return f'at the stage "{self.stage.value}" the address is not known yet'
        if not 0 <= self.probability <= 1:
            return "a probability is from 0 to 1"
        if self.first < 1 or (self.times is not None and self.times < 1):
            return "attempts are counted from 1"
        return ""

    @property
    def counted_per(self) -> Per:
        """By what attempts are counted: by recipient where there is one, else by client."""
        if self.per is not None:
            return self.per
        return Per.RECIPIENT if self.stage in _HAVE_RECIPIENTS else Per.CLIENT

    def matches(self, situation: Situation) -> bool:
        """Is it for this? Attempts, time and chance are looked at elsewhere."""
        return (
            situation.stage is self.stage
            and (not self.to or bool(self.meant(situation)))
            and (self.sender is None or _fits(self.sender, situation.sender))
            and (not self.hello or _fits(self.hello, situation.hello))
            and (not self.client or _is_in(situation.client, self.client))
        )

    def meant(self, situation: Situation) -> tuple[str, ...]:
        """The recipients it is for."""
        if not self.to:
            return situation.recipients
        return tuple(each for each in situation.recipients if _fits(self.to, each))

    def key(self, situation: Situation) -> str:
        """What its attempts are counted by."""
        match self.counted_per:
            case Per.RECIPIENT:
                return ",".join(self.meant(situation)).lower()
            case Per.SENDER:
                return situation.sender.lower()
            case Per.CLIENT:
                return situation.client
            case Per.SESSION:
                return situation.session
            case Per.RULE:
                return ""


def _fits(pattern: str, text: str) -> bool:
    return fnmatchcase(text.lower(), pattern.lower())


def _is_in(client: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False  # somebody on a Unix socket
    return any(address in network for network in networks)
