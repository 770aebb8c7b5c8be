"""What `heloise dev` does with recipients and names: takes everything, catches it, sends nothing anywhere."""

from typing import Final

from heloise.mail import causes
from heloise.mail.cause import Cause
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.routing.router import Accepted, Routing
from heloise.smtp import replies

CATCH: Final = Route(Transport.CATCH, "")
_CATCH: Final = str(CATCH)


class CatchingRouter:
    """Every recipient is taken."""

    def decide(self, path: ForwardPath, *, may_relay: bool) -> Routing:
        """See `heloise.reception.desk.RecipientRouter`."""
        cause = Cause(kind=causes.RECIPIENT_ACCEPTED, inputs=(("recipient", str(path)), ("route", _CATCH)))
        return Accepted(reply=replies.RECIPIENT_OK.with_cause(cause), expansions=((path, CATCH),))


class CatchingNames:
    """Every name is one of ours, nobody knows more."""

    async def verify(self, text: str, *, may_relay: bool, utf8: bool = False) -> Reply:
        """252: there are no users, all mail is caught."""
        return replies.cannot_verify(causes.VRFY_CANNOT_TELL.because(name=text))

    async def expand(self, text: str, *, may_relay: bool, utf8: bool = False) -> Reply:
        """There are no lists."""
        return replies.name_unknown(text)
