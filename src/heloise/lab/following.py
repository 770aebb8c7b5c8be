"""Where a session stands with a server of which nothing but its words is known. RFC 5321 §4.1.4. Pure.

The states and the table are those of our own engine (`heloise.smtp.states`); a server that says yes where the table has
no row is followed to where the command leads. For our own servers this is not asked: their engine says it itself.
"""

from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp.command import Verb
from heloise.smtp.states import ServerState, Transitions

_CLOSING = 421  # RFC 5321 §3.8
_POSITIVE = (Severity.COMPLETED, Severity.INTERMEDIATE)
_NOT_UNDERSTOOD = range(500, 505)  # RFC 5321 §4.2.4: such a command has done nothing
_HELLOS = (Verb.EHLO, Verb.HELO, Verb.LHLO)


class Follower:
    """Follows one session. `transitions` is the table with the rows of all extensions."""

    def __init__(self, transitions: Transitions) -> None:
        self.state = ServerState.CONNECTED
        self._transitions = transitions
        self._anywhere = {verb: following for (state, verb), following in transitions.items() if state is not following}
        self._one_transaction = False

    def greeted(self, reply: Reply) -> None:
        """The greeting was said. RFC 5321 §3.1."""
        self.state = ServerState.GREETED if reply.severity is Severity.COMPLETED else ServerState.REFUSED
        self._look_for_the_end(reply)

    def answered(self, verb: str, reply: Reply, *, last: bool = True) -> None:
        """The reply to a command; `last` is False for a BDAT without LAST."""
        if reply.severity in _POSITIVE:
            self._accepted(verb, reply, last=last)
        else:
            self._refused(verb, reply, last=last)
        self._look_for_the_end(reply)

    def finished(self, reply: Reply) -> None:
        """The reply to a message. The transaction is over, whatever it was. RFC 5321 §4.1.1.4."""
        self.state = ServerState.SPENT if self._one_transaction else ServerState.READY
        self._look_for_the_end(reply)

    def secured(self) -> None:
        """The handshake is done: nothing that was said before counts. RFC 3207 §4.2."""
        self.state, self._one_transaction = ServerState.GREETED, False

    def ended(self) -> None:
        """The connection is gone, or the session."""
        self.state = ServerState.CLOSED

    def _look_for_the_end(self, reply: Reply) -> None:
        if reply.code == _CLOSING:
            self.ended()

    def _accepted(self, verb: str, reply: Reply, *, last: bool) -> None:
        if verb == "AUTH":
            waits = reply.severity is Severity.INTERMEDIATE
            self.state = ServerState.AUTHENTICATING if waits else ServerState.READY
        elif verb == Verb.BDAT and last:
            self.finished(reply)
        else:
            if verb == Verb.ONEX:
                self._one_transaction = True
            elif verb == "XCLIENT":
                self._one_transaction = False
            following = self._transitions.get((self.state, verb))
            self.state = following or self._anywhere.get(verb, self.state)

    def _refused(self, verb: str, reply: Reply, *, last: bool) -> None:
        is_in_place = (self.state, verb) in self._transitions
        if self.state is ServerState.AUTHENTICATING:
            self.state = ServerState.READY  # RFC 4954 §4
        elif verb == Verb.RCPT and self.state is ServerState.MAIL:
            self.state = ServerState.NO_RECIPIENT
        elif verb == Verb.BDAT and is_in_place:
            if last and self.state is ServerState.CHUNKS:
                self.finished(reply)
            else:
                self.state = ServerState.CHUNKS_FAILED  # RFC 3030 §2
        elif verb == Verb.DATA and is_in_place and reply.code not in _NOT_UNDERSTOOD:
            self.state = ServerState.READY  # RFC 5321 §4.1.1.4: nothing is left of the transaction
        elif verb == "XCLIENT" and is_in_place and reply.code not in _NOT_UNDERSTOOD:
            self.state = ServerState.REFUSED
