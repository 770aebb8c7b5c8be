"""The client side of an ESMTP or LMTP session. RFC 5321, RFC 2033, RFC 2920, RFC 3030. Octets in, events out.

How to drive it: give octets to `receive_data`, take events from `next_event` until it returns None, send what
`data_to_send` gives. After ConversationReady call `begin`; on ContentWanted give the content by `send_content` and
`finish_content`; TransactionDone has one answer for each recipient, whatever happened. Trouble with the link is told by
`connection_lost` and `timed_out`, and comes back as answers too: the engine never leaves a recipient undecided.

Deadlines are data: `patience` says how many seconds the peer may take for what is due next, counted anew whenever
`turn` changes; the driver holds the timer.
"""

import sys
from collections import deque
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import assert_never

from heloise.mail import causes
from heloise.mail.attributes import NO_ATTRIBUTES, Attributes
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Envelope
from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp import client_replies
from heloise.smtp.client_content import OutgoingChunks, OutgoingContent, OutgoingText
from heloise.smtp.client_events import (
    Answered,
    ClientEvent,
    ContentWanted,
    ConversationEnded,
    ConversationReady,
    ConversationRefused,
    Progress,
    ResponseWanted,
    TlsWanted,
    TransactionDone,
)
from heloise.smtp.client_plan import Plan, Planner, WireForm
from heloise.smtp.client_states import PATIENCE, STAGE, ClientState, ContentDemand, Expectation, Expected, Step
from heloise.smtp.client_transaction import OpenTransaction
from heloise.smtp.command import Hello, Plain, Verb
from heloise.smtp.errors import LocalProtocolError, RemoteProtocolError
from heloise.smtp.extension import Extension
from heloise.smtp.extensions.xforward import KEYWORD as XFORWARD
from heloise.smtp.extensions.xforward import commands as xforward_commands
from heloise.smtp.reply_reader import ReplyReader
from heloise.smtp.sasl.choosing import ClientExchange, ClientLogin, begin_login
from heloise.smtp.stuffing import BareLineEndingError
from heloise.smtp.transaction import NO_OFFERS, ClientOptions, Offers
from heloise.smtp.transcript import Recorder

_CLOSING = 421  # RFC 5321 §3.8: may come at any time
_BEGINNING = (ClientState.GREETING, ClientState.HELLO, ClientState.AUTHENTICATING)
_OVER = (ClientState.CLOSED, ClientState.TURNED)
_REFUSALS = (Severity.TRANSIENT, Severity.PERMANENT)
_GREETING = Expectation(Expected.GREETING)
_EHLO = Expectation(Expected.EHLO)
_HELO = Expectation(Expected.HELO)
_STARTTLS = Expectation(Expected.STARTTLS)
_AUTH = Expectation(Expected.AUTH)
_ASIDE = Expectation(Expected.ASIDE)
_QUESTION = Expectation(Expected.QUESTION)
_TURN = Expectation(Expected.TURN)
_MAIL = Expectation(Expected.MAIL)
_DATA = Expectation(Expected.DATA)
_CHUNK = Expectation(Expected.CHUNK)
_END = Expectation(Expected.END)
_NO_END = Expectation(Expected.NO_END)
_QUIT = Expectation(Expected.QUIT)
_SAY_DATA = Step(b"DATA\r\n", (_DATA,), b"DATA\r\n")
_CONTENT_WANTED = ContentWanted()
_SECRET = b"****"  # what transcripts have of a response


class ClientSession:
    """One session with one peer.

    Args:
        options: how to speak.
        registry: the extensions; each gives the parameters it wants to send.
        recorder: is told what is said, but for what AUTH says.
        nonce: for AUTH: printable ASCII without a comma, new for each session and not to be guessed.
    """

    def __init__(
        self,
        options: ClientOptions,
        registry: Iterable[Extension],
        *,
        recorder: Recorder | None = None,
        nonce: str = "",
    ) -> None:
        self.state = ClientState.GREETING
        self.offers: Offers = NO_OFFERS
        self.encryption: Encryption | None = None
        self.authenticated_as: str | None = None
        self.peer_name = ""
        self.transactions = 0
        self._options = options
        self._registry = registry
        self._recorder = recorder
        self._nonce = nonce
        self._exchange: ClientExchange | None = None
        self._reader = ReplyReader()
        self._expected: deque[Expectation] = deque((_GREETING,))
        self._steps: deque[Step] = deque()  # not sent yet
        self._events: deque[ClientEvent] = deque()
        self._output: list[bytes] = []
        self._sent = 0
        self._pipelining = False
        self._dsn_offered = False
        self._transaction: OpenTransaction | None = None
        self._plan: Plan | None = None
        self._planner = Planner(registry, NO_OFFERS, prefer_chunking=options.chunking)
        self._outgoing: OutgoingContent | None = None
        self._needs_reset = False
        self._verbose_asked = False
        self._is_last = False  # ONEX was said
        self._most_transactions = sys.maxsize
        self._farewell: Reply | None = None  # why the session is over, for a transaction that comes too late

    # What the driver calls

    def receive_data(self, octets: bytes) -> None:
        """Octets from the peer; `b""` when it has closed its side."""
        if not octets:
            self.connection_lost("closed by the peer")
            return
        self._reader.feed(octets)
        try:
            while self.state not in _OVER and (reply := self._reader.next_reply()) is not None:
                self._take(reply)
        except RemoteProtocolError as error:
            self._break_off(client_replies.nonsense(self._stage.value, str(error)), str(error))

    def next_event(self) -> ClientEvent | None:
        """The next event; None when more octets are needed or nothing will come."""
        return self._events.popleft() if self._events else None

    def data_to_send(self) -> bytes:
        """All octets to be sent to the peer now; they are given once."""
        if not self._output:
            return b""
        octets = self._output[0] if len(self._output) == 1 else b"".join(self._output)
        self._output.clear()
        return octets

    def begin(self, envelope: Envelope, facts: ContentFacts, forwarded: Attributes = NO_ATTRIBUTES) -> None:
        """Start a transaction. A message that does not fit the peer is decided at once, and nothing is sent.

        So is one for a peer that has gone since the last transaction: nobody could know that before. `forwarded` is
        told before MAIL to a peer that offers XFORWARD.

        Raises:
            LocalProtocolError: not `usable` though the peer is there, or the envelope has no recipients.
        """
        if not envelope.recipients:
            raise LocalProtocolError("an envelope without recipients")
        if self.state is ClientState.CLOSED and self._farewell is not None:
            self._begin_too_late(envelope, self._farewell)
            return
        if not self.usable:
            raise LocalProtocolError(f"no transaction can begin now ({self.state.value})")
        plan = self._planner.plan(envelope, facts)
        self._transaction = OpenTransaction(envelope, dsn_offered=self._dsn_offered)
        if isinstance(plan, Reply):
            self._transaction.decide_rest(Stage.MAIL, self.judged(plan), said_by_peer=False)
        else:
            self._schedule(plan, self._transaction, forwarded)
        self._proceed()

    def _begin_too_late(self, envelope: Envelope, farewell: Reply) -> None:
        self._transaction = OpenTransaction(envelope, dsn_offered=self.offers.has("DSN"))
        self._transaction.decide_rest(Stage.MAIL, farewell, said_by_peer=farewell.cause.kind is causes.PEER_SAID)
        self._done(ClientState.CLOSED)

    def secured(self, encryption: Encryption) -> None:
        """The handshake is done, after TlsWanted or before the greeting (RFC 8314 §3). What the peer has offered in
        plaintext is forgotten, and EHLO said again. RFC 3207 §4.2.

        Raises:
            LocalProtocolError: no handshake was due.
        """
        if self.state not in (ClientState.GREETING, ClientState.SECURING):
            raise LocalProtocolError(f"no handshake is due now ({self.state.value})")
        self.encryption = encryption
        if self._recorder is not None:
            self._recorder.note(str(encryption))
        if self.state is ClientState.SECURING:
            self.offers = NO_OFFERS
            self._hello(Verb.LHLO if self._options.lmtp else Verb.EHLO)

    def not_secured(self, trouble: str) -> None:
        """The handshake has failed, and the session with it."""
        if self._recorder is not None:
            self._recorder.note(trouble)
        again = self.state is ClientState.SECURING and not self._options.tls_required
        self.state = ClientState.CLOSED
        self._events.append(
            ConversationRefused(
                stage=Stage.HELLO,
                reply=client_replies.tls_failed(trouble),
                said_by_peer=False,
                start_over_in_plaintext=again,
            )
        )

    def respond(self, line: bytes) -> None:
        """What ResponseWanted has computed: a line with its CRLF.

        Raises:
            LocalProtocolError: no response is wanted.
        """
        if self.state is not ClientState.AUTHENTICATING or self._expected:
            raise LocalProtocolError(f"no response is wanted now ({self.state.value})")
        self._issue(Step(line, (_AUTH,), _SECRET))

    def ask(self, command: Plain) -> None:
        """Say ETRN or ATRN, outside a transaction; its reply comes as `Answered`. RFC 1985, RFC 2645.

        Raises:
            LocalProtocolError: a transaction is open, or nobody is there.
        """
        if self.state is not ClientState.READY:
            raise LocalProtocolError(f"nothing can be asked now ({self.state.value})")
        self.state = ClientState.ASKING
        octets = command.encode()
        self._issue(self._command(octets, _TURN if command.verb == Verb.ATRN else _QUESTION))

    def form(self, envelope: Envelope, facts: ContentFacts) -> WireForm:
        """What the content has to be for this peer, if it is to be converted before `begin`."""
        return self._planner.form(envelope, facts)

    def judged(self, refusal: Reply) -> Reply:
        """`refusal`, for want of an offer: for now only, when nobody knows what the peer offers."""
        return client_replies.perhaps_offered(refusal) if self._options.start_with_helo else refusal

    @property
    def content_demand(self) -> ContentDemand:
        """May content be given?"""
        if self.state is not ClientState.CONTENT:
            return ContentDemand.NO
        return ContentDemand.LATER if self._steps else ContentDemand.NOW

    def send_content(self, chunk: bytes) -> None:
        """The next octets of the content.

        Octets that can not be sent as they are (bare CR or LF, not BINARYMIME) end the session without the final dot:
        all accepted recipients get 554 5.6.0 from us.

        Raises:
            LocalProtocolError: no content is wanted.
        """
        outgoing = self._content_wanted()
        if chunk:
            try:
                self._steps.extend(outgoing.feed(chunk))
            except BareLineEndingError as error:
                self._break_off(client_replies.CONTENT_LINE_ENDING, str(error))
            else:
                self._advance()

    def finish_content(self) -> None:
        """The content is complete.

        Raises:
            LocalProtocolError: no content is wanted.
        """
        outgoing = self._content_wanted()
        ends: tuple[Expectation, ...] = (_END,)
        if self._options.lmtp:  # RFC 2033 §4.2: one reply for each accepted recipient
            ends = tuple(Expectation(Expected.END, index) for index in self._open.accepted)
        try:
            step = outgoing.finish(ends)
        except BareLineEndingError as error:
            self._break_off(client_replies.CONTENT_LINE_ENDING, str(error))
            return
        self.state = ClientState.FINAL
        self._steps.append(step)
        self._advance()

    def _content_wanted(self) -> OutgoingContent:
        if self.state is not ClientState.CONTENT or self._outgoing is None:
            raise LocalProtocolError(f"no content is wanted now ({self.state.value})")
        return self._outgoing

    def quit(self) -> None:
        """Say QUIT, if there is still somebody to say it to. Idempotent."""
        if self.state in (ClientState.READY, ClientState.REFUSED):
            self.state = ClientState.QUITTING
            self._issue(Step(Plain(Verb.QUIT).encode(), (_QUIT,), b"QUIT"))

    def connection_lost(self, detail: str) -> None:
        """The connection has ended; `detail` is for people."""
        dropped = self.state is ClientState.HELLO
        reply = client_replies.lost(self._stage.value, detail)
        self._break_off(client_replies.lost_after_dot(detail) if self._end_is_out else reply, detail, dropped=dropped)

    def timed_out(self) -> None:
        """The peer took longer than `patience`. The driver then aborts the connection."""
        seconds = self.patience
        detail = f"silent for {seconds:g} seconds"
        reply = client_replies.timed_out(self._stage.value, seconds)
        self._break_off(client_replies.lost_after_dot(detail) if self._end_is_out else reply, detail)

    @property
    def patience(self) -> float:
        """Seconds the peer may take for what is due next. RFC 5321 §4.5.3.2."""
        timeouts = self._options.timeouts
        if self.state is ClientState.CONTENT or not self._expected:
            return timeouts.data_block
        seconds: float = getattr(timeouts, PATIENCE[self._expected[0].kind])
        return seconds

    @property
    def turn(self) -> int:
        """A number that changes with each line read and each command sent."""
        return self._reader.lines_read + self._sent

    @property
    def usable(self) -> bool:
        """May a transaction begin now?"""
        return self.state is ClientState.READY and not self._is_last and self.transactions < self._most_transactions

    # What to send

    def _issue(self, step: Step) -> None:
        self._output.append(step.octets)
        self._expected.extend(step.expected)
        self._sent += 1
        if self._recorder is not None:
            self._record(step, self._recorder)

    def _record(self, step: Step, recorder: Recorder) -> None:
        if step.record is not None:
            recorder.command(step.record)
        if step.content_size is not None:
            recorder.content(step.content_size)

    def _command(self, octets: bytes, expectation: Expectation) -> Step:
        return Step(octets, (expectation,), octets)

    def _advance(self) -> None:
        """Send what may be sent: all of a pipelined group, or else one command when no reply is due."""
        steps = self._steps
        while steps and (self._pipelining or not self._expected):
            self._issue(steps.popleft())

    def _hello(self, verb: Verb) -> None:
        self.state = ClientState.HELLO
        octets = Hello(verb, self._options.hello_name).encode()
        self._issue(self._command(octets, _HELO if verb is Verb.HELO else _EHLO))

    def _schedule(self, plan: Plan, transaction: OpenTransaction, forwarded: Attributes) -> None:
        rcpts: list[Step] = []
        for index, rcpt in enumerate(plan.recipients):
            if isinstance(rcpt, Reply):
                transaction.decide(index, Stage.RCPT, rcpt, said_by_peer=False)
            else:
                rcpts.append(self._command(rcpt.encode(), _rcpt(index)))
        if not rcpts:
            return
        self.state = ClientState.COMMANDS
        self.transactions += 1
        self._plan = plan
        self._schedule_asides()
        if forwarded and (offer := self.offers.argument(XFORWARD)) is not None:
            for octets in xforward_commands(offer, forwarded):
                self._steps.append(self._command(octets, _ASIDE))
        self._steps.append(self._command(plan.mail.encode(), _MAIL))
        self._steps.extend(rcpts)
        if not plan.chunking:
            self._steps.append(_SAY_DATA)

    def _schedule_asides(self) -> None:
        """RSET when a transaction was left open; VERB and ONEX where offered. All may be pipelined with MAIL."""
        if self._needs_reset:
            self._needs_reset = False
            self._steps.append(self._command(Plain(Verb.RSET).encode(), _ASIDE))
        if self._options.verbose and not self._verbose_asked and self.offers.has(Verb.VERB):
            self._verbose_asked = True
            self._steps.append(self._command(Plain(Verb.VERB).encode(), _ASIDE))
        if self._options.only_transaction and self.offers.has(Verb.ONEX):
            self._is_last = True
            self._steps.append(self._command(Plain(Verb.ONEX).encode(), _ASIDE))

    # What came

    @property
    def _stage(self) -> Stage:
        if self.state is ClientState.CONTENT:
            return Stage.CONTENT
        if self.state is ClientState.AUTHENTICATING:
            return Stage.HELLO
        return STAGE[self._expected[0].kind] if self._expected else Stage.MAIL

    def _take(self, reply: Reply) -> None:
        if self._recorder is not None:
            self._recorder.reply(reply)
        if reply.severity is Severity.PROGRESS:
            self._events.append(Progress(reply))
            return
        if reply.code == _CLOSING:
            self._sent_away(reply)
            return
        if reply.severity is Severity.PRELIMINARY:
            raise RemoteProtocolError(f"a reply of a sort that SMTP has not: {reply}")  # RFC 5321 §4.2.1
        if not self._expected:
            self._unasked(reply)
            return
        expected = self._expected
        self._answer(expected[0], reply)
        expected.popleft()  # only now: an answer that can not stand here is told with its stage
        # While replies of a group are due and nothing waits to be sent, there is nothing to be done.
        if self._transaction is not None and (self._steps or not expected):
            self._proceed()

    def _answer(self, expectation: Expectation, reply: Reply) -> None:
        match expectation.kind:
            case Expected.MAIL:  # first what comes with each message
                self._mail_answered(self._open, reply)
            case Expected.RCPT:
                self._open.recipient_answered(expectation.index, self._decided(reply))
            case Expected.DATA:
                self._data_answered(self._open, reply)
            case Expected.END:
                self._end_answered(self._open, expectation.index, self._decided(reply))
            case Expected.GREETING:
                self._greeted(reply)
            case Expected.EHLO:
                self._ehlo_answered(reply)
            case Expected.HELO:
                self._helo_answered(reply)
            case Expected.STARTTLS:
                self._starttls_answered(self._decided(reply))
            case Expected.AUTH:
                self._auth_answered(reply)
            case Expected.QUESTION | Expected.TURN:
                self._question_answered(expectation.kind, self._decided(reply))
            case Expected.CHUNK:
                self._chunk_answered(self._open, reply)
            case Expected.QUIT:
                self._close(reply)
            case Expected.ASIDE | Expected.NO_END:
                pass
            case _:
                assert_never(expectation.kind)

    @property
    def _open(self) -> OpenTransaction:
        assert self._transaction is not None
        return self._transaction

    def _decided(self, reply: Reply) -> Reply:
        """2yz, 4yz and 5yz decide; a 3yz where none can be means that we are out of step."""
        if reply.severity is Severity.INTERMEDIATE:
            raise RemoteProtocolError(f"out of step: {reply}")
        return reply

    def _greeted(self, reply: Reply) -> None:
        if reply.severity is not Severity.COMPLETED:
            self._refused(Stage.GREETING, self._decided(reply))
            return
        self.peer_name = _first_word(reply)
        if self._options.lmtp:
            self._hello(Verb.LHLO)
        else:
            self._hello(Verb.HELO if self._options.start_with_helo else Verb.EHLO)

    def _ehlo_answered(self, reply: Reply) -> None:
        if self._decided(reply).severity is Severity.COMPLETED:
            self._ready(Offers.parse(reply), reply)
        elif reply.severity is Severity.PERMANENT and not self._options.lmtp:
            # RFC 5321 §3.2: a server that does not know EHLO is spoken to with HELO, on the same connection.
            self._hello(Verb.HELO)
        else:
            self._refused(Stage.HELLO, reply)

    def _helo_answered(self, reply: Reply) -> None:
        if self._decided(reply).severity is Severity.COMPLETED:
            self._ready(NO_OFFERS, reply)
        else:
            self._refused(Stage.HELLO, reply)

    def _starttls_answered(self, reply: Reply) -> None:
        if reply.severity is not Severity.COMPLETED:
            if self._options.tls_required:
                self._refused(Stage.HELLO, client_replies.tls_refused(reply), said_by_peer=False)
            else:
                self._begin_with(self.offers)
        elif self._reader.has_more:  # RFC 3207 §6: an attacker could have put it there, to be read under TLS
            raise RemoteProtocolError("something came behind the reply to STARTTLS")
        else:
            self.state = ClientState.SECURING
            self._events.append(TlsWanted())

    def _ready(self, offers: Offers, reply: Reply) -> None:
        self.peer_name = _first_word(reply) or self.peer_name
        self.offers = offers
        if self.encryption is None and self._options.starttls and offers.has("STARTTLS"):
            self._issue(self._command(b"STARTTLS\r\n", _STARTTLS))
        elif self.encryption is None and self._options.tls_required:
            self._refused(Stage.HELLO, client_replies.TLS_NOT_OFFERED, said_by_peer=False)
        else:
            self._begin_with(offers)

    def _authenticate(self, login: ClientLogin) -> None:
        """RFC 4954 §4. Who we are is told before any mail is."""
        exchange = begin_login(login, self.offers.argument("AUTH"), self.encryption, self._nonce)
        if isinstance(exchange, Reply):
            self._refused(Stage.HELLO, exchange, said_by_peer=False)
            return
        self._exchange = exchange
        self.state = ClientState.AUTHENTICATING
        octets, record = exchange.command()
        self._issue(Step(octets, (_AUTH,), record))

    def _auth_answered(self, reply: Reply) -> None:
        exchange, login = self._exchange, self._options.login
        assert exchange is not None
        assert login is not None
        if reply.severity is Severity.INTERMEDIATE:
            self._events.append(ResponseWanted(partial(exchange.answer, reply.lines[0].strip())))
        elif exchange.trouble is not None:
            self._refused(Stage.HELLO, exchange.trouble, said_by_peer=False)
        elif reply.severity is not Severity.COMPLETED:
            refusal = client_replies.login_refused(exchange.name, login.credentials.user, reply)
            self._refused(Stage.HELLO, refusal, said_by_peer=False)
        elif not exchange.mechanism.is_complete:
            # RFC 5802 §5: before its proof a server may be anybody.
            refusal = client_replies.login_failed(exchange.name, "it lets us in without having proven itself")
            self._refused(Stage.HELLO, refusal, said_by_peer=False)
        else:
            self.authenticated_as = login.credentials.user
            self._begin_with(self.offers)

    def _begin_with(self, offers: Offers) -> None:
        self.offers = offers
        login = self._options.login
        if login is not None and self.authenticated_as is None:
            self._authenticate(login)
            return
        self._planner = Planner(
            self._registry, offers, prefer_chunking=self._options.chunking, is_known=login is not None
        )
        self.state = ClientState.READY
        self._pipelining = offers.has("PIPELINING")
        self._dsn_offered = offers.has("DSN")
        self._most_transactions = offers.transaction_limit or sys.maxsize
        self._reader.success_has_status = True
        self._events.append(ConversationReady(offers))

    def _refused(self, stage: Stage, reply: Reply, *, said_by_peer: bool = True) -> None:
        self.state = ClientState.REFUSED
        self._events.append(ConversationRefused(stage=stage, reply=reply, said_by_peer=said_by_peer))

    def _question_answered(self, kind: Expected, reply: Reply) -> None:
        self.state = ClientState.READY
        if kind is Expected.TURN and reply.severity is Severity.COMPLETED:
            if self._reader.has_more:  # RFC 2645 §5.3: we greet before anything is said to us
                self.state = ClientState.ASKING
                raise RemoteProtocolError("something came behind the reply to ATRN")
            self.state = ClientState.TURNED
        self._events.append(Answered(reply))

    def _mail_answered(self, transaction: OpenTransaction, reply: Reply) -> None:
        if self._decided(reply).severity is Severity.COMPLETED:
            self._needs_reset = True
        else:
            transaction.decide_rest(Stage.MAIL, reply)
            self._steps.clear()

    def _data_answered(self, transaction: OpenTransaction, reply: Reply) -> None:
        if reply.severity is Severity.INTERMEDIATE:
            if transaction.accepted:
                self._want_content(OutgoingText())
            else:
                # RFC 2920 §3.1: the group went out before we knew that nobody was accepted. The server waits for a
                # text now: it gets an empty one, and its answer is for nobody.
                self.state = ClientState.FINAL
                self._issue(Step(b".\r\n", (_NO_END,), b"."))
        elif reply.severity in _REFUSALS:
            transaction.decide_rest(Stage.DATA, reply)  # without accepted recipients it is an echo: all are decided
        else:
            raise RemoteProtocolError(f"no answer to DATA: {reply}")

    def _want_content(self, outgoing: OutgoingContent) -> None:
        self.state = ClientState.CONTENT
        self._outgoing = outgoing
        self._events.append(_CONTENT_WANTED)

    def _chunk_answered(self, transaction: OpenTransaction, reply: Reply) -> None:
        if self._decided(reply).severity is Severity.COMPLETED:
            return
        # RFC 3030 §2: a failed BDAT fails the transaction; replies to chunks sent already are still to be read.
        transaction.decide_rest(Stage.CONTENT, reply)
        self.state = ClientState.FINAL
        self._steps.clear()

    def _end_answered(self, transaction: OpenTransaction, index: int, reply: Reply) -> None:
        # RFC 3030 §2: after a failed BDAT only RSET helps; after a dot, whatever the answer, all is forgotten.
        refused = reply.severity is not Severity.COMPLETED
        self._needs_reset = refused and self._plan is not None and self._plan.chunking
        if index < 0:
            transaction.decide_rest(Stage.CONTENT, reply)
        else:
            transaction.decide(index, Stage.CONTENT, reply)

    def _proceed(self) -> None:
        """After a step of a transaction: send the next, ask for the content, or be done."""
        transaction, plan = self._open, self._plan
        if not self._expected and not transaction.accepted and self._only_data_is_left():
            self._steps.clear()
        self._advance()
        if self._expected or self.state is ClientState.CONTENT:
            return
        if self.state is ClientState.COMMANDS and plan is not None and plan.chunking and transaction.is_undecided:
            self._want_content(OutgoingChunks(binary=plan.binary))
        else:
            self._done(ClientState.READY)

    def _only_data_is_left(self) -> bool:
        return len(self._steps) == 1 and self._steps[0].expected == (_DATA,)

    def _done(self, state: ClientState) -> None:
        answers = self._open.answers()
        self._transaction = self._plan = self._outgoing = None
        self._steps.clear()
        self.state = state
        self._events.append(TransactionDone(answers))

    # The end of things

    def _unasked(self, reply: Reply) -> None:
        """A reply to no command: a refusal in the middle of the text decides, all else is nonsense."""
        if self.state is not ClientState.CONTENT or reply.severity not in _REFUSALS:
            raise RemoteProtocolError(f"a reply to no command: {reply}")
        # Without our dot the peer would take the next command for text; so this connection is done with.
        self._open.decide_rest(Stage.CONTENT, reply)
        self._done(ClientState.CLOSED)

    def _sent_away(self, reply: Reply) -> None:
        """421: all that is not decided is to be tried again elsewhere or later. RFC 5321 §3.8."""
        if self._transaction is not None:
            self._transaction.decide_rest(self._stage, reply)
            self._farewell = reply
            self._done(ClientState.CLOSED)
        elif self.state in _BEGINNING:
            stage = self._stage
            self.state = ClientState.CLOSED
            self._events.append(ConversationRefused(stage=stage, reply=reply))
        else:
            self._farewell = reply
            if self.state is ClientState.ASKING:
                self._events.append(Answered(reply))
            self._close(reply)

    @property
    def _end_is_out(self) -> bool:
        """Was the final dot sent and not answered? Then the peer may have the message."""
        return any(expectation.kind is Expected.END for expectation in self._expected)

    def _break_off(self, reply: Reply, detail: str, *, dropped: bool = False) -> None:
        """The session is over; `reply` is ours, for whatever was not decided."""
        if self.state in _OVER:
            return
        if self._recorder is not None:
            self._recorder.note(detail)
        stage = self._stage
        self._farewell = reply
        if self._transaction is not None:
            self._transaction.decide_rest(stage, reply, said_by_peer=False, ambiguous=self._end_is_out)
            self._done(ClientState.CLOSED)
        elif self.state in _BEGINNING:
            # Some servers hang up on EHLO, or after they refused it: they are to be asked by HELO alone.
            # Under TLS it is something else: our certificate was refused, for one.
            plain = self.encryption is None and not self._options.lmtp
            start_over = dropped and plain and not self._options.start_with_helo
            self.state = ClientState.CLOSED
            self._events.append(
                ConversationRefused(stage=stage, reply=reply, said_by_peer=False, start_over_with_helo=start_over)
            )
        else:
            if self.state is ClientState.ASKING:
                self._events.append(Answered(reply, said_by_peer=False))
            self._close(None)

    def _close(self, reply: Reply | None) -> None:
        self.state = ClientState.CLOSED
        self._events.append(ConversationEnded(reply))


@lru_cache(maxsize=256)
def _rcpt(index: int) -> Expectation:
    return Expectation(Expected.RCPT, index)


def _first_word(reply: Reply) -> str:
    return reply.lines[0].partition(" ")[0]
