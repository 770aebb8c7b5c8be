"""Looks at a session while it is served, and notes what its client does against the rules.

Three places are listened at: the commands and replies by the recorder, the contents by the receiver, and the octets as
they came by the stream, so that a violation can be shown as it was said. With `pedantic` what servers usually bear is
refused: a bad content by 554, a client that does not wait by 421.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from heloise.lint.rules import ANSWERED, ContentLint, is_echo, is_past_sync_point, names_no_host, verb_of
from heloise.mail import causes
from heloise.mail.cause import CauseKind
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.mail.violation import SHOWN, Violation
from heloise.reception.door import Visit
from heloise.reception.passing import Passing, PassingStream, Say
from heloise.smtp import replies
from heloise.smtp.events import (
    ContentProposed,
    ContentReceived,
    Fact,
    MessageProposed,
    Proposal,
    SessionEnded,
    TransactionReset,
)
from heloise.smtp.server import ServerSession
from heloise.smtp.states import ServerState
from heloise.world import LinkError, Stream

Tell = Callable[[Violation], None]
_BAD_ENDING = re.compile(rb"[^\n]*(?:\r(?!\n)|(?<!\r)\n|\0)[^\n]*")
_TOO_LONG = (causes.LINE_TOO_LONG.id, causes.SESSION_FLOOD.id)
_CUT_SHORT = (causes.LINE_ENDING.id, causes.CONTENT_LINE_ENDING.id)


class SessionLint:
    """A recorder, and what knows the session it records. It looks from `attend` on."""

    def __init__(self, session_id: str, tell: Tell, *, pedantic: bool = False) -> None:
        self._session_id = session_id
        self._tell = tell
        self._pedantic = pedantic
        self._session: ServerSession | None = None
        self._commands = 0
        self._line = b""
        self._last_refused = b""
        self._has_quit = False
        self._has_spoken = False
        self.heard = b""  # the octets that came last
        self.refusal: Reply | None = None  # what is said next, when we are pedantic

    def attend(self, visit: Visit) -> Visit:
        """Stand between. See `heloise.reception.door.Attend`."""
        self._session = visit.session
        stream = _Listening(visit.stream, self)
        return replace(visit, stream=stream, receiver=_Reading(visit, self))

    # What the engine tells

    def command(self, line: bytes) -> None:
        """A line of the client, before it is looked at."""
        self._commands += 1
        self._line = line
        session = self._session
        if session is None:
            return
        self._has_spoken = True
        if verb_of(line) == b"QUIT":
            self._has_quit = True
            if session.unread:
                self._after_quit(self._tail(line))
        elif names_no_host(line):
            self.found(causes.LINT_HELLO_NAME, line)
        elif session.state is not ServerState.AUTHENTICATING and is_past_sync_point(
            line, unread=session.unread, may_pipeline=_may_pipeline(session)
        ):
            self.found(causes.LINT_PIPELINING, self._tail(line))
            self._refuse(replies.impatient(causes.LINT_PIPELINING))

    def reply(self, reply: Reply) -> None:
        """What we said to it."""
        verb = verb_of(self._line)
        if reply.severity not in (Severity.PERMANENT, Severity.TRANSIENT):
            if verb == self._last_refused:
                self._last_refused = b""
            return
        cause = reply.cause.id
        if is_echo(cause, self._last_refused):
            return
        if cause in ANSWERED:
            self.found(reply.cause.kind, self._shown(cause))
        if verb in (b"MAIL", b"RCPT"):
            self._last_refused = verb

    def content(self, size: int) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        mail = None if self._session is None else self._session.view.mail
        declared = None if mail is None else mail.parameters.value("SIZE")
        if declared is not None and declared.isdigit() and size > int(declared):
            self.found(causes.LINT_SIZE, f"SIZE={declared}, {size} octets came".encode())

    def note(self, text: str) -> None:
        """See there."""

    # What is found

    def received(self, octets: bytes) -> None:
        """Octets as they came."""
        if self._has_quit and octets:
            self._after_quit(octets)
        self.heard = octets if len(octets) >= SHOWN * 8 else (self.heard + octets)[-SHOWN * 8 :]

    def ended(self, *, lost: bool) -> None:
        """The session is over."""
        if lost and self._has_spoken and not self._has_quit:
            self.found(causes.LINT_NO_QUIT, self._line)

    def not_secured(self) -> None:
        """A handshake has failed: there is nobody to say QUIT to."""
        self._has_spoken = False

    def found(self, kind: CauseKind, octets: bytes) -> None:
        """The client has done something."""
        self._tell(Violation(kind=kind, octets=octets, command=self._commands, session=self._session_id))

    def read(self, kind: CauseKind, octets: bytes) -> None:
        """Something is wrong with a content."""
        self.found(kind, octets)
        self._refuse(replies.unfit_content(kind))

    def _refuse(self, reply: Reply) -> None:
        if self._pedantic and self.refusal is None:
            self.refusal = reply

    def _after_quit(self, octets: bytes) -> None:
        self._has_quit = False  # once
        self.found(causes.LINT_AFTER_QUIT, octets)
        self._has_spoken = False

    def _shown(self, cause: str) -> bytes:
        """The octets that were refused for this; a line that can not be a command the engine does not tell."""
        if cause in _CUT_SHORT and (bad := _BAD_ENDING.search(self.heard)) is not None:
            return bad[0]
        return self.heard.rstrip(b"\r\n").rpartition(b"\n")[2] if cause in _TOO_LONG else self._line

    def _tail(self, line: bytes) -> bytes:
        """The line, and what came behind it."""
        place = self.heard.rfind(line)
        return self.heard[place:] if place >= 0 else line


def _may_pipeline(session: ServerSession) -> bool:
    return session.view.is_esmtp and "PIPELINING" in session.view.permitted


class _Reading(Passing):
    """Reads contents, and refuses for a pedantic lint."""

    def __init__(self, visit: Visit, lint: SessionLint) -> None:
        super().__init__(visit.receiver)
        self._session = visit.session
        self._lint = lint
        self._content: ContentLint | None = None

    async def answer(self, proposal: Proposal, say: Say) -> tuple[Reply, ...]:
        """As the real one does, after what is to be said before."""
        if isinstance(proposal, ContentProposed):
            body = (proposal.envelope.parameters.value("BODY") or "").upper()
            self._content = ContentLint(eight_bit=body in ("8BITMIME", "BINARYMIME"))
        elif isinstance(proposal, MessageProposed) and self._content is not None:
            content, self._content = self._content, None
            for kind, octets in content.end():
                self._lint.read(kind, octets)
        refusal, self._lint.refusal = self._lint.refusal, None
        if refusal is None:
            return await super().answer(proposal, say)
        if not isinstance(proposal, MessageProposed):
            return (refusal,)
        await super().note(TransactionReset(refusal))
        return (refusal,) * (len(proposal.envelope.recipients) if self._session.view.is_lmtp else 1)

    def not_secured(self, error: LinkError) -> None:
        """As the real one does."""
        self._lint.not_secured()
        super().not_secured(error)

    async def note(self, fact: Fact) -> None:
        """As the real one does."""
        if isinstance(fact, ContentReceived) and self._content is not None:
            self._content.see(fact.octets)
        elif isinstance(fact, SessionEnded):
            self._lint.ended(lost=fact.lost)
        await super().note(fact)


class _Listening(PassingStream):
    """A stream that tells the lint what comes in."""

    def __init__(self, stream: Stream, lint: SessionLint) -> None:
        super().__init__(stream)
        self._lint = lint

    async def receive(self) -> bytes:
        """See there."""
        octets = await super().receive()
        self._lint.received(octets)
        return octets
