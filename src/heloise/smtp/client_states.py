"""Where a client session stands, what replies it waits for, and what each wait means. RFC 5321 §4.3, §4.5.3.2.

Theory of operation. The engine keeps a *queue of expectations*: each command sent appends what its reply will be for,
each reply takes the first one off. PIPELINING (RFC 2920) is then nothing but sending more before reading. The state
says which calls of the driver are in place; the first expectation says at which stage we are and how long to wait.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from heloise.mail.outcome import Stage


class ClientState(Enum):
    """Where a session stands."""

    GREETING = "greeting"
    HELLO = "hello"
    SECURING = "securing"  # 220 to STARTTLS: the driver shakes hands
    AUTHENTICATING = "authenticating"  # AUTH is out, or a response is wanted of the driver
    READY = "ready"  # no transaction
    COMMANDS = "commands"  # MAIL, RCPT and DATA are on their way
    CONTENT = "content"  # the driver gives the content
    FINAL = "final"  # the end of the content was given, or nothing is left to be given
    ASKING = "asking"  # ETRN or ATRN is out
    TURNED = "turned"  # 250 to ATRN: the engine is done, we are the server now (RFC 2645 §5.3)
    REFUSED = "refused"  # at greeting or hello: only QUIT is left
    QUITTING = "quitting"
    CLOSED = "closed"


class Expected(Enum):
    """What the next reply is for."""

    __hash__ = object.__hash__  # Enum has one in Python, which would be called for each look into a table

    GREETING = "greeting"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    ASIDE = "aside"  # RSET, VERB, ONEX, XFORWARD: whatever is said changes nothing, but for 421
    AUTH = "AUTH"
    QUESTION = "question"  # ETRN
    TURN = "ATRN"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CHUNK = "BDAT"
    END = "end"  # the final dot, or BDAT LAST
    NO_END = "no end"  # a dot that ends a text nobody is to receive
    QUIT = "QUIT"


@dataclass(frozen=True, slots=True)
class Expectation:
    """A reply that is due; `index` is the recipient it is for, -1 when it is for all."""

    kind: Expected
    index: int = -1


class Step(NamedTuple):
    """Octets to be sent and the replies they will have.

    For the transcript: `record` is the command line, `content_size` the size of the content that ends with this step.
    """

    octets: bytes
    expected: tuple[Expectation, ...]
    record: bytes | None
    content_size: int | None = None


class ContentDemand(Enum):
    """May the driver give content?"""

    NOW = "now"
    LATER = "later"  # after the next reply: BDAT without PIPELINING
    NO = "no"  # not, or no more


STAGE: dict[Expected, Stage] = {
    Expected.GREETING: Stage.GREETING,
    Expected.EHLO: Stage.HELLO,
    Expected.HELO: Stage.HELLO,
    Expected.STARTTLS: Stage.HELLO,
    Expected.AUTH: Stage.HELLO,
    Expected.ASIDE: Stage.MAIL,
    Expected.QUESTION: Stage.MAIL,
    Expected.TURN: Stage.MAIL,
    Expected.MAIL: Stage.MAIL,
    Expected.RCPT: Stage.RCPT,
    Expected.DATA: Stage.DATA,
    Expected.CHUNK: Stage.CONTENT,
    Expected.END: Stage.CONTENT,
    Expected.NO_END: Stage.CONTENT,
    Expected.QUIT: Stage.CONTENT,  # nothing is decided by it
}

# Names of ClientTimeouts.
PATIENCE: dict[Expected, str] = {
    Expected.GREETING: "greeting",
    Expected.EHLO: "hello",
    Expected.HELO: "hello",
    Expected.STARTTLS: "hello",
    Expected.AUTH: "hello",
    Expected.ASIDE: "mail",
    Expected.QUESTION: "mail",
    Expected.TURN: "final_dot",  # RFC 2645 §5.2.1: at least ten minutes
    Expected.MAIL: "mail",
    Expected.RCPT: "rcpt",
    Expected.DATA: "data",
    Expected.CHUNK: "data_block",
    Expected.END: "final_dot",
    Expected.NO_END: "final_dot",
    Expected.QUIT: "quit",
}
