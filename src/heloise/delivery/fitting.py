"""What one next hop gets of a message: the content in a form it takes, with its facts. RFC 6152 §3, RFC 6531 §3.2.

Next hops are many and forms are few, so each form is made once for an attempt.
"""

from dataclasses import dataclass
from typing import TypeAlias

from heloise.delivery.downgrade.convert import Converted, convert
from heloise.delivery.downgrade.survey import Obstacle, Unconvertible
from heloise.mail.content import Content, ContentFacts
from heloise.mail.reply import Reply
from heloise.queue.model import QueuedMessage
from heloise.smtp import client_replies
from heloise.smtp.client_plan import ANY_FORM, WireForm


@dataclass(frozen=True, slots=True)
class Fitting:
    """What is sent. `breaks_signature`: better sent to a next hop that takes it as it is."""

    content: Content
    facts: ContentFacts
    breaks_signature: bool = False


Fit: TypeAlias = Fitting | Reply


class Fitter:
    """Fits the content of one message."""

    def __init__(self, message: QueuedMessage, content: Content, hostname: str) -> None:
        self._message = message
        self._content = content
        self._hostname = hostname
        self._as_it_is = Fitting(content, message.facts)
        self._known: dict[WireForm, Fit] = {}

    async def fit(self, form: WireForm) -> Fit:
        """The content in `form`, or the words for why there is none. Raises what reading the content raises."""
        if form == ANY_FORM:
            return self._as_it_is
        if form not in self._known:
            message = self._message
            found = await convert(
                self._content, message.facts, form, self._note(form), from_nobody=message.reverse_path.is_null
            )
            self._known[form] = _judged(found)
        return self._known[form]

    def _note(self, form: WireForm) -> bytes:
        before = "binary" if self._message.facts.binary else "8bit"
        after = "7bit" if form.seven_bit else "8bit"
        text = f"from {before} to {after} by {self._hostname} id {self._message.message_id}"
        return f"X-MIME-Autoconverted: {text}\r\n".encode()


def _judged(found: Converted | Unconvertible) -> Fit:
    if isinstance(found, Converted):
        return Fitting(found.content, found.facts, found.breaks_signature)
    match found.obstacle:
        case Obstacle.HEADER:
            return client_replies.header_not_ascii()
        case Obstacle.SEALED:
            return client_replies.sealed(found.what)
        case Obstacle.OTHER:
            return client_replies.unconvertible(found.what)
