"""The sessions of a development server, also those that brought no mail: each with its transcript, the newest kept."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from heloise.inbox.message import CaughtMessage
from heloise.inbox.news import News
from heloise.mail.ids import MessageId
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.mail.violation import Violation
from heloise.reception.door import Visit
from heloise.reception.passing import Passing, Say
from heloise.smtp.events import Fact, MessageProposed, Proposal, SessionEnded
from heloise.smtp.server import ServerSession
from heloise.smtp.transcript import Recorder, Transcript, render

KEPT = 1000
LINES = 500  # of a transcript
MESSAGES = 1000  # of a session that it knows by their ids
_VIOLATIONS = 100  # of a session


@dataclass(slots=True, kw_only=True)
class CaughtSession:
    """One session, as far as it has come. `started_at` in seconds since the epoch; `taken` and `refused` are counts,
    `message_ids` what it brought, the first of it.

    `peer` is the client's end of the connection; `engine` the session itself, while it is open."""

    session_id: str
    address: str
    started_at: float
    news: News = field(default_factory=News, repr=False)
    message_ids: list[MessageId] = field(default_factory=list)
    transcript: Transcript = field(default_factory=lambda: Transcript(LINES))
    violations: list[Violation] = field(default_factory=list)
    taken: int = 0
    is_over: bool = False
    is_lost: bool = False
    peer: str = ""
    engine: ServerSession | None = None

    @property
    def refused(self) -> int:
        """How often the server said no."""
        negative = (Severity.TRANSIENT, Severity.PERMANENT)
        return sum(line.reply is not None and line.reply.severity in negative for line in self.transcript)

    @property
    def text(self) -> str:
        """What was said, with the cause of each reply."""
        state = "lost" if self.is_lost else "over" if self.is_over else "open"
        head = f"session {self.session_id} from {self.address} ({state}; {self.taken} taken, {self.refused} refused)\n"
        return head + render(self.transcript, explained=True)

    def violated(self, violation: Violation) -> None:
        """The client has done something against a rule."""
        if len(self.violations) < _VIOLATIONS:
            self.violations.append(violation)
            self.news.tell()


class SessionBook:
    """Knows the newest sessions, and tells `news` of changes."""

    def __init__(self, kept: int = KEPT, news: News | None = None) -> None:
        self.news = news if news is not None else News()
        self._kept = kept
        self._sessions: OrderedDict[str, CaughtSession] = OrderedDict()

    def begin(self, session_id: str, address: str, now: float) -> CaughtSession:
        """A session begins; the oldest one is forgotten when there are too many."""
        session = CaughtSession(session_id=session_id, address=address, started_at=now, news=self.news)
        self._sessions[session_id] = session
        if len(self._sessions) > self._kept:
            self._sessions.popitem(last=False)
        self.news.begun += 1
        self.news.tell()
        return session

    def caught(self, message: CaughtMessage) -> None:
        """A session has brought a message. See `heloise.inbox.inbox.Inbox.on_caught`."""
        session = self._sessions.get(message.origin.session)
        if session is not None and len(session.message_ids) < MESSAGES:
            session.message_ids.append(message.message_id)
        self.news.caught += 1
        self.news.tell()

    @property
    def sessions(self) -> tuple[CaughtSession, ...]:
        """Oldest first."""
        return tuple(self._sessions.values())

    def get(self, session_id: str) -> CaughtSession | None:
        """The session of this id, or None when it is not there (any more)."""
        return self._sessions.get(session_id)

    def of_peer(self, peer: str) -> CaughtSession | None:
        """The newest session of a client that is connected from there, an address with its port."""
        return next((each for each in reversed(self._sessions.values()) if each.peer == peer), None)

    def clear(self) -> None:
        """Forget all of them."""
        self._sessions.clear()

    def attend(self, visit: Visit) -> Visit:
        """See `heloise.reception.door.Attend`: know how a session ends."""
        session = self._sessions.get(visit.session_id)
        if session is None:
            return visit
        session.peer, session.engine = str(visit.stream.peer), visit.session
        return replace(visit, receiver=_Keeping(visit, session))


class _Keeping(Passing):
    def __init__(self, visit: Visit, session: CaughtSession) -> None:
        super().__init__(visit.receiver)
        self._session = session

    async def answer(self, proposal: Proposal, say: Say) -> tuple[Reply, ...]:
        answers = await super().answer(proposal, say)
        if isinstance(proposal, MessageProposed) and answers[0].severity is Severity.COMPLETED:
            self._session.taken += 1
        return answers

    async def note(self, fact: Fact) -> None:
        await super().note(fact)
        if isinstance(fact, SessionEnded):
            self._session.is_over, self._session.is_lost = True, fact.lost
            self._session.engine = None
            self._session.news.tell()


class Together:
    """Several recorders as one. See `heloise.smtp.transcript.Recorder`."""

    def __init__(self, recorders: Sequence[Recorder]) -> None:
        self._recorders = recorders

    def command(self, line: bytes) -> None:
        """See there."""
        for each in self._recorders:
            each.command(line)

    def reply(self, reply: Reply) -> None:
        """See there."""
        for each in self._recorders:
            each.reply(reply)

    def content(self, size: int) -> None:
        """See there."""
        for each in self._recorders:
            each.content(size)

    def note(self, text: str) -> None:
        """See there."""
        for each in self._recorders:
            each.note(text)


class Telling:
    """A recorder that keeps nothing, and tells that there is something new. See `heloise.smtp.transcript.Recorder`."""

    def __init__(self, news: News) -> None:
        self._news = news

    def command(self, line: bytes) -> None:
        """A reply will follow."""

    def reply(self, reply: Reply) -> None:
        """It has come."""
        self._news.tell()

    def content(self, size: int) -> None:
        """A reply will follow."""

    def note(self, text: str) -> None:
        """Something has happened."""
        self._news.tell()
