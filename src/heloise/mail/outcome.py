"""What became of a recipient in one attempt. The action words are those of RFC 3464 §2.3.3."""

from dataclasses import dataclass
from enum import Enum

from heloise.mail.reply import Reply


class Stage(Enum):
    """How far a conversation with a next hop had come when something was decided."""

    ROUTE = "route"
    CONNECT = "connect"
    GREETING = "greeting"
    HELLO = "hello"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"  # the text was sent; the reply to the final dot decides


class Action(Enum):
    """RFC 3464 §2.3.3."""

    __hash__ = object.__hash__  # Enum has one in Python, which would be called for each look into a table

    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    DELAYED = "delayed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one attempt for one recipient.

    `reply` is what the next hop said, or what we say in its place (then `remote_mta` is None). A DELAYED recipient
    is tried again. `dsn_passed_on` is True when the next hop took over the duty to report (RFC 3461 §5.2.1).
    `tells_relayed`: a RELAYED recipient is reported unless its NOTIFY is NEVER (RFC 2852 §4.2).
    `ambiguous` is True when the connection was lost after the final dot: the peer may have the message.
    """

    action: Action
    stage: Stage
    reply: Reply
    remote_mta: str | None = None
    dsn_passed_on: bool = False
    ambiguous: bool = False
    tells_relayed: bool = False

    @property
    def is_final(self) -> bool:
        """True when this recipient is not tried again."""
        return self.action is not Action.DELAYED
