"""The server side of an ESMTP or LMTP session. RFC 5321, RFC 2033. Octets in, events out.

How to drive it: give octets to `receive_data`, take events from `next_event` until it returns None, answer each
proposal by `resolve`, send what `data_to_send` gives. The engine decides grammar, sequence and what the extensions
say; whether a mailbox exists or a client may relay is the driver's word. What the driver accepts, the engine commits.

Deadlines are data: `patience` says how many seconds the peer may take for what is due next; the driver holds the timer
and calls `timed_out`. What is due next is another thing when `steps` has changed, by a whole command line or by so much
content as is to come in that time: one octet now and then is no step.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar, assert_never

from heloise.mail import causes
from heloise.mail.attributes import Attributes
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp import help_text, replies
from heloise.smtp.command import Bdat, Command, Hello, Mail, Plain, Rcpt, Verb, parse_command
from heloise.smtp.data import ContentGauge, TextDecoder
from heloise.smtp.errors import LocalProtocolError
from heloise.smtp.events import (
    ClientProposed,
    CommandProposed,
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
    CredentialsProposed,
    Event,
    ExpandProposed,
    Fact,
    HelloProposed,
    MailProposed,
    MessageProposed,
    Proposal,
    QueueRunProposed,
    RecipientProposed,
    SessionEnded,
    StatusProposed,
    TlsProposed,
    TransactionReset,
    TurnProposed,
    VerifyProposed,
)
from heloise.smtp.extension import FOR_SPOKESMEN, Exchange, Extension, ServerView, VerbKind, no_time
from heloise.smtp.limits import NO_AUTH, NO_RULES, AuthRules, Rules, SessionLimits
from heloise.smtp.line_endings import Mender
from heloise.smtp.lines import InputBuffer
from heloise.smtp.registry import Check, Registry
from heloise.smtp.states import ServerState, out_of_place
from heloise.smtp.transcript import Recorder

C = TypeVar("C", Mail, Rcpt)

# Known, and not offered: those of RFC 5321 appendix F, and two that only an extension brings.
UNKNOWN_VERB: Final = "?"
"""What `asks` has for all verbs that there are not."""

_NOT_IMPLEMENTED: Final = frozenset({"SEND", "SOML", "SAML", "TURN", "STARTTLS", "AUTH"})
_VERBS: Final = frozenset(verb.value for verb in Verb)
_BRINGS_MAIL: Final = frozenset({Verb.MAIL, Verb.RCPT, Verb.DATA})
_NO_ARGUMENT: Final = frozenset({Verb.DATA, Verb.RSET, Verb.QUIT})  # RFC 5321 §4.3.2
_CHUNK_PIECE: Final = 65536
_TINY_CHUNK: Final = 1024  # octets; who cuts a message into smaller ones makes work
_CLOSING: Final = 421  # RFC 5321 §3.8: whoever says it closes
_OVER: Final = (ServerState.CLOSED, ServerState.TURNED)
_DEAF: Final = (*_OVER, ServerState.SECURING)


class ServerSession:
    """One session. `permitted` are the extension keywords this client may use (by default all of the registry but
    those for spokesmen, XCLIENT and XFORWARD).

    `asks` are those of RSET, NOOP, QUIT and HELP that the driver answers, and UNKNOWN_VERB for all unknown ones; lines
    with a verb among `own` are all the driver's, before their grammar is looked at and whatever the state (`reconsider`
    has the engine's word). `rules` say where limits and permissions are written, for the causes of replies.
    `takes_mail` is False where mail is only fetched (RFC 2645 §5.4): MAIL, RCPT and DATA are 502. `auth_nonce` is of
    printable ASCII without a comma, new for each session and not to be guessed. `now` tells seconds since the epoch.
    """

    def __init__(
        self,
        *,
        hostname: str,
        registry: Registry,
        limits: SessionLimits | None = None,
        permitted: frozenset[str] | None = None,
        rules: Rules = NO_RULES,
        lmtp: bool = False,
        takes_mail: bool = True,
        auth: AuthRules = NO_AUTH,
        auth_nonce: str = "",
        now: Callable[[], float] = no_time,
        recorder: Recorder | None = None,
        refusals: dict[tuple[int, str], int] | None = None,
        asks: frozenset[str] = frozenset(),
        own: frozenset[str] = frozenset(),
    ) -> None:
        limits = limits if limits is not None else SessionLimits()
        keywords = registry.keywords - FOR_SPOKESMEN if permitted is None else permitted
        self.view = ServerView(
            hostname=hostname,
            limits=limits,
            permitted=registry.usable(keywords if auth.mechanisms else keywords - {"AUTH"}),
            rules=rules,
            is_lmtp=lmtp,
            takes_mail=takes_mail,
            auth=auth,
            auth_nonce=auth_nonce,
            now=now,
        )
        self.state = ServerState.CONNECTED
        self._registry = registry
        self._limits = limits
        self._recorder = recorder
        self._refusals = refusals
        self._asks = asks
        self._own = own
        self._input = InputBuffer(command_line=limits.command_line, endless_line=limits.endless_line)
        self._output: list[bytes] = []
        self._facts: deque[Fact] = deque()
        self._proposal: Proposal | None = ConnectionProposed()
        self._announced = False  # has `next_event` given out the open proposal?
        self._recipients: list[Recipient] = []
        self._sealed: Envelope | None = None  # when content was proposed; nothing is added to it after that
        self._decoder: TextDecoder | None = None
        self._gauge: ContentGauge | None = None
        self._mender: Mender | None = None
        self._exchange: Exchange | None = None
        self._chunk: Bdat | None = None
        self._chunk_left = 0
        self._chunk_refusal: Reply | None = None
        self.steps = 0
        self._octets_of_a_step = max(int(limits.data_rate * limits.data_timeout), 1)
        self._next_step = 0
        self._at_end_of_input = False
        self._idle_commands = 0  # since the last message, or since then:
        self._idle_since = 0.0
        self._refused_recipients = 0  # since the last one that was taken

    # What the driver calls

    def receive_data(self, octets: bytes) -> None:
        """Octets from the client; `b""` when it has closed its side."""
        if not octets:
            self._at_end_of_input = True
        elif self.state not in _DEAF:  # what comes after QUIT is not answered, and after ATRN not for us
            self._input.append(octets)

    def next_event(self) -> Event | None:
        """The next proposal or fact; None when more octets are needed or nothing will come.

        Raises:
            LocalProtocolError: the last proposal has not been resolved.
        """
        while True:
            if self._facts:
                return self._facts.popleft()
            proposal = self._proposal
            if proposal is not None:
                return self._announce(proposal)
            if self.state in _DEAF:
                return None
            if not self._advance():
                if not self._at_end_of_input:
                    return None
                self._end(lost=True)

    def resolve(self, proposal: Proposal, *answers: Reply) -> None:
        """Answer the open proposal. A 2yz (354 for content) accepts it, and the engine commits.

        `answers` is one reply, but for a message in LMTP: there it is one for each recipient, in order (RFC 2033 §4.2).

        Raises:
            LocalProtocolError: this is not the open proposal, or the number of replies is wrong.
        """
        self.resolve_by(proposal, answers)

    def resolve_by(self, proposal: Proposal, answers: tuple[Reply, ...]) -> None:
        """`resolve`, with the replies in a tuple; raises the same."""
        if proposal is not self._proposal:
            raise LocalProtocolError(f"not the open proposal: {proposal}")
        expected = len(self._recipients) if self.view.is_lmtp and isinstance(proposal, MessageProposed) else 1
        if len(answers) != expected:
            raise LocalProtocolError(f"{expected} replies are due, not {len(answers)}")
        self._proposal = None
        self._announced = False
        self._commit(proposal, answers)

    def reconsider(self, line: bytes) -> Proposal | None:
        """While a proposal is open, most of all an own one: what `line`, without CRLF, means to the engine. Either a
        proposal that is resolved first, by `resolve_inner`, or None when the engine has answered by itself."""
        outer = self._put_aside(None)
        command = parse_command(line)
        if isinstance(command, Reply):
            self._say(command)
        else:
            self._dispatch(command)
        return self._put_aside(None if self.is_closed else outer)

    def _put_aside(self, proposal: Proposal | None) -> Proposal | None:
        """`proposal` is the open one; what was before."""
        # By a call: after `self._proposal = None` the compiler takes it for None, whatever was called in between.
        before = self._proposal
        self._proposal = proposal
        return before

    def resolve_inner(self, proposal: Proposal, answer: Reply) -> None:
        """Answer what `reconsider` gave; the proposal around it stays open."""
        outer = self._proposal
        self._commit(proposal, (answer,))
        self._proposal = None if self.is_closed else outer

    def progress(self, text: str) -> None:
        """Say `050 text` while a proposal is open, if the client asked for it by VERB; else nothing happens."""
        if self.view.verbose and self._proposal is not None and self.state is not ServerState.CLOSED:
            self._say(replies.progress(text))

    def data_to_send(self) -> bytes:
        """All octets to be sent to the client now; they are given once."""
        if not self._output:
            return b""
        octets = self._output[0] if len(self._output) == 1 else b"".join(self._output)
        self._output.clear()
        return octets

    @property
    def patience(self) -> float:
        """Seconds the client may take for what is due next. RFC 5321 §4.5.3.2.7."""
        if self.state is ServerState.SPENT:
            return self._limits.one_transaction_idle
        if self.state in (ServerState.TEXT, ServerState.CHUNKS):
            return self._limits.data_timeout
        return self._limits.command_timeout

    def timed_out(self) -> None:
        """The client took longer than `patience`: 421 and the end."""
        if self.state is ServerState.SPENT:
            self.close_with(self._over_limit(replies.ONE_TRANSACTION_IDLE, "one_transaction_idle"))
        elif self.state in (ServerState.TEXT, ServerState.CHUNKS):
            self.close_with(self._over_limit(replies.IDLE, "data_timeout"))
        else:
            self.close_with(self._over_limit(replies.IDLE, "command_timeout"))

    def close_with(self, reply: Reply) -> None:
        """Say `reply` (a 421) and end the session, whatever is going on. RFC 5321 §3.8. Idempotent."""
        if self.state in _OVER:
            return
        self._proposal = None
        self._say(reply)
        self._end(lost=False)

    @property
    def appetite(self) -> int:
        """So many octets of content are due, as far as is known; 0 when commands are, each of which costs more."""
        return _CHUNK_PIECE if self._decoder is not None else self._chunk_left

    @property
    def unread(self) -> int:
        """How many octets have come in and were not looked at yet."""
        return len(self._input)

    @property
    def is_closed(self) -> bool:
        """True when the session has ended; what is left is to send the last words."""
        return self.state is ServerState.CLOSED

    @property
    def is_turned(self) -> bool:
        """True after 250 to ATRN: what is left is to send that, and to be the client on the same stream."""
        return self.state is ServerState.TURNED

    @property
    def is_securing(self) -> bool:
        """True after 220 to STARTTLS: what is left is to send that, and to shake hands."""
        return self.state is ServerState.SECURING

    def secured(self, encryption: Encryption) -> None:
        """The handshake is done, after STARTTLS or before the greeting (RFC 8314 §3). Nothing that was said before
        counts. RFC 3207 §4.2.

        Raises:
            LocalProtocolError: no handshake was due.
        """
        if self.state not in (ServerState.CONNECTED, ServerState.SECURING):
            raise LocalProtocolError(f"no handshake is due now ({self.state.value})")
        if self.state is ServerState.SECURING:
            self.state = ServerState.GREETED
        view = self.view
        view.encryption = encryption
        view.authenticated_as, view.authenticated_by, view.hello_name = None, None, ""
        view.is_esmtp = view.verbose = view.one_transaction = False
        self._note(str(encryption))

    def not_secured(self, trouble: str) -> None:
        """The handshake has failed; so has the session, since nobody knows what the other side takes for said."""
        self._note(trouble)
        self._proposal = None
        self._end(lost=True)

    @property
    def envelope(self) -> Envelope | None:
        """The open transaction as it stands, or None."""
        if self.view.mail is None:
            return None
        return Envelope(
            reverse_path=self.view.mail.reverse_path,
            parameters=self.view.mail.parameters,
            recipients=tuple(self._recipients),
        )

    # One step

    def _announce(self, proposal: Proposal) -> Proposal:
        if self._announced:
            raise LocalProtocolError(f"resolve this first: {proposal}")
        self._announced = True
        return proposal

    def _advance(self) -> bool:
        """Use some input; False when there is too little of it."""
        if self._decoder is not None:
            return self._advance_text(self._decoder)
        if self._chunk is not None:
            return self._advance_chunk(self._chunk)
        line = self._input.line()
        if line is None:
            return False
        if isinstance(line, Reply):
            self.steps += 1
            self._refuse_line(line)
            return True
        self.steps += 1
        if self._recorder is not None:
            self._recorder.command(line)
        if self._exchange is not None:
            self._go_on(self._exchange.hear(line))
            return True
        if self._own and self._propose_own(line):
            return True
        command = parse_command(line)
        if isinstance(command, Reply):
            self._refuse_command(line, command)
        else:
            self._dispatch(command)
        return True

    def _propose_own(self, line: bytes) -> bool:
        """A line of the driver's; False when it is none, or could be read as two."""
        verb = line.partition(b" ")[0]
        name = verb.decode("latin-1").upper()
        if name not in self._own or b"\r" in line or b"\n" in line or b"\0" in line:
            return False
        if self._limits.idle_commands and name not in _BRINGS_MAIL and self._is_one_too_many():
            return True
        argument = line[len(verb) :].strip(b" \t").decode("utf-8", "surrogateescape")
        self._proposal = CommandProposed(Plain(name, argument), replies.COMMAND_UNKNOWN)
        return True

    def _refuse_line(self, reply: Reply) -> None:
        if self._exchange is not None:
            self._end_exchange()  # RFC 4954 §4: a bad line cancels it
        if self._recorder is not None:
            self._recorder.command(b"(a line that can not be a command)")
        if reply is replies.FLOOD:
            self.close_with(reply)
        elif reply is replies.LINE_TOO_LONG:
            self._say(self._over_limit(reply, "command_line"))
        else:
            self._say(reply)

    def _refuse_command(self, line: bytes, reply: Reply) -> None:
        self._say(reply)
        if line[:5].upper() in (b"BDAT", b"BDAT "):
            # RFC 3030 §2: how many octets follow is unknown, so what follows can not be told from commands.
            self.close_with(replies.CHUNK_UNREADABLE)

    def _dispatch(self, command: Command) -> None:
        following = self._registry.transitions.get((self.state, command.verb))
        if isinstance(command, Rcpt):
            if self._takes(command.verb, following):
                self._propose_recipient(command)
        elif isinstance(command, Mail):
            if self._takes(command.verb, following):
                self._propose_mail(command)
        elif isinstance(command, Bdat):
            self._begin_chunk(command, following)
        elif (refusal := self._refusal(command, following)) is not None:
            if refusal is replies.COMMAND_UNKNOWN and UNKNOWN_VERB in self._asks and isinstance(command, Plain):
                self._proposal = CommandProposed(command, refusal)
            else:
                self._say(refusal)
        elif isinstance(command, Plain):
            self._plain(command)
        else:
            self._propose_hello(command)

    def _takes(self, verb: Verb, following: ServerState | None) -> bool:
        """Can MAIL or RCPT be used here and now? If not, that is said."""
        if not self.view.takes_mail:
            self._say(replies.MAIL_IS_FETCHED_HERE)
        elif following is None:
            self._say(out_of_place(self.state, verb))
        else:
            return True
        return False

    def _refusal(self, command: Hello | Plain, following: ServerState | None) -> Reply | None:
        """Why this verb can not be used here and now, or None."""
        verb = command.verb
        if isinstance(command, Hello):
            if (verb == Verb.LHLO) != self.view.is_lmtp:
                return replies.WRONG_HELLO_LMTP if self.view.is_lmtp else replies.WRONG_HELLO_SMTP
        elif verb in self._registry.verbs:
            extension, spec = self._registry.verbs[verb]
            if extension.keyword not in self.view.permitted and verb != Verb.VRFY:
                return spec.denied or self._disabled(verb)
        elif verb == Verb.DATA and not self.view.takes_mail:
            return replies.MAIL_IS_FETCHED_HERE
        elif verb in _NOT_IMPLEMENTED:
            return replies.NOT_IMPLEMENTED
        elif verb not in _VERBS:
            return replies.COMMAND_UNKNOWN
        if following is None:
            return out_of_place(self.state, verb)
        if isinstance(command, Plain) and command.argument and verb in _NO_ARGUMENT:
            return replies.NO_ARGUMENT_ALLOWED
        return None

    def _disabled(self, verb: str) -> Reply:
        """502 for a verb of an extension that this client may not use, or that needs another one it may not use."""
        missing = self._missing(self._registry.verbs[verb][0])
        cause = causes.COMMAND_DISABLED.because(self.view.rules.get(missing), verb=verb, extension=missing)
        return replies.disabled(verb, cause)

    def _missing(self, extension: Extension) -> str:
        """The keyword that this client may not use, so that it can not use `extension`."""
        needs = sorted(extension.needs)
        return next((each for each in needs if each not in self.view.permitted), extension.keyword)

    def _over_limit(self, reply: Reply, limit: str) -> Reply:
        """`reply` with the limit that was passed, and where it is written."""
        value = getattr(self._limits, limit)
        return reply.with_cause(reply.cause.kind.because(self.view.rules.get(limit), **{limit: value}))

    def _plain(self, command: Plain) -> None:
        if command.verb == Verb.DATA:
            self._propose_text()
            return
        if self._limits.idle_commands and command.verb != Verb.QUIT and self._is_one_too_many():
            return
        match command.verb:
            case Verb.RSET:
                self._reset()
                self._answer_plain(command, replies.RESET)
            case Verb.NOOP:
                self._answer_plain(command, replies.NOOP)
            case Verb.QUIT:
                self._answer_plain(command, replies.CLOSING)
            case Verb.HELP:
                self._help(command)
            case _:
                self._extension_verb(command)

    def _answer_plain(self, command: Plain, reply: Reply) -> None:
        if command.verb in self._asks:
            self._proposal = CommandProposed(command, reply)
        else:
            self._commit_plain(command, reply)

    def _commit_plain(self, command: Plain, reply: Reply) -> None:
        if self._exchange is not None:
            self._go_on(reply)
            return
        self._say(reply)
        if command.verb == Verb.QUIT:
            self._end(lost=False)
        elif UNKNOWN_VERB in self._asks and (reply.code > 504 or _CLOSING < reply.code < 500):
            self._count_mistake()  # whatever somebody else says of a verb that there is not

    def _is_one_too_many(self) -> bool:
        """One more command that brings no mail; if it is one too many the session has ended."""
        self._idle_commands += 1
        if self._idle_commands == 1:
            self._idle_since = self.view.now()
        if self._idle_commands <= self._limits.idle_commands:
            return False
        now = self.view.now()
        if now - self._idle_since > self._limits.idle_commands:
            self._idle_commands, self._idle_since = 1, now
            return False
        self.close_with(self._over_limit(replies.TOO_MANY_IDLE_COMMANDS, "idle_commands"))
        return True

    def _extension_verb(self, command: Plain) -> None:
        _, spec = self._registry.verbs[command.verb]
        if spec.open is not None:
            opened = spec.open(self.view, command)
            if isinstance(opened, Reply):
                self._say(opened)
                return
            self.state = self._registry.transitions[self.state, command.verb]
            self._exchange, answer = opened
            self._input.is_exchange = True
            self._go_on(answer)
            return
        if spec.kind not in (VerbKind.LINE, VerbKind.UPGRADE) or spec.answer is None:
            raise LocalProtocolError(f"{spec.verb} is of kind {spec.kind}, which has no line handler")
        answer = spec.answer(self.view, command)
        if isinstance(answer, Reply):
            self._say(answer)
        else:
            self._proposal = answer

    def _go_on(self, answer: Reply | Proposal) -> None:
        """The next word of a DIALOGUE verb: 334 goes on with it, another reply is its end. RFC 4954 §4."""
        if not isinstance(answer, Reply):
            self._proposal = answer
            return
        if answer.severity is not Severity.INTERMEDIATE:
            self._end_exchange()
        self._say(answer)

    def _end_exchange(self) -> None:
        self._exchange, self.state = None, ServerState.READY
        self._input.is_exchange = False

    def _help(self, command: Plain) -> None:
        topic = command.argument.upper()
        if topic == "STATUS" and Verb.HELP not in self._asks:
            self._proposal = StatusProposed()
        else:
            self._answer_plain(command, help_text.help_reply(self.view, self._registry, topic))

    # Proposals

    def _propose_hello(self, command: Hello) -> None:
        if self._limits.idle_commands and self._is_one_too_many():
            return
        keywords: Sequence[str] = ()
        if command.verb is not Verb.HELO:
            keywords = [
                line
                for extension in self._registry
                if extension.keyword in self.view.permitted and (line := extension.advertise(self.view)) is not None
            ]
        self._proposal = HelloProposed(command, replies.hello(self.view.hostname, command.name, keywords))

    def _propose_mail(self, command: Mail) -> None:
        objection = self._objection(command, self._registry.mail_checks)
        if objection is None and command.parameters.items:
            objection = self._misuse(command)
        if objection is not None:
            self._say(objection)
        elif not command.reverse_path.is_ascii and "SMTPUTF8" not in command.parameters:
            self._say(replies.SENDER_NOT_ASCII)
        else:
            self._proposal = MailProposed(command)

    def _propose_recipient(self, command: Rcpt) -> None:
        assert self.view.mail is not None
        if len(self._recipients) >= self._limits.recipients:
            limit = self._limits.recipients
            self._say(replies.too_many_recipients(limit, self.view.rules.get("recipients")))
            return
        objection = self._objection(command, self._registry.rcpt_checks)
        if objection is not None:
            self._refuse_recipient(objection)
        elif not command.forward_path.is_ascii and "SMTPUTF8" not in self.view.mail.parameters:
            self._refuse_recipient(replies.RECIPIENT_NOT_ASCII)
        else:
            self._proposal = RecipientProposed(command, self.view.mail.reverse_path)

    def _objection(self, command: C, checks: Sequence[Check[C]]) -> Reply | None:
        """The first word against the command's parameters: one that was not offered, or what an extension says."""
        if command.parameters.items and (unknown := self._unknown_parameter(command)) is not None:
            return unknown
        view = self.view
        for keyword, check in checks:
            if keyword in view.permitted and (reply := check(view, command)) is not None:
                return reply
        return None

    def _misuse(self, command: Mail) -> Reply | None:
        """The first word of an extension against one of its parameters."""
        for item in command.parameters.items:
            for keyword, check in self._registry.use_checks.get(item.keyword, ()):
                if keyword in self.view.permitted and (reply := check(self.view, command)) is not None:
                    return reply
        return None

    def _unknown_parameter(self, command: Mail | Rcpt) -> Reply | None:
        """RFC 5321 §4.1.1.11: 555 for a parameter that was not offered; after HELO none is (§4.1.4)."""
        known: set[str] = set()
        withdrawn: dict[str, Extension] = {}
        for extension in self._registry if self.view.is_esmtp else ():
            keywords = extension.mail_keywords if isinstance(command, Mail) else extension.rcpt_keywords
            if extension.keyword in self.view.permitted:
                known |= keywords
            else:
                withdrawn |= dict.fromkeys(keywords, extension)
        for parameter in command.parameters:
            if parameter.keyword not in known:
                by = withdrawn.get(parameter.keyword)
                rule = None if by is None else self.view.rules.get(self._missing(by))
                return replies.unknown_parameter(parameter.keyword, rule)
        return None

    def _propose_text(self) -> None:
        assert self.view.mail is not None
        if self._is_binary:
            self._say(replies.BINARY_BY_DATA)  # RFC 3030 §3
        else:
            self._propose_content()

    def _propose_content(self) -> None:
        envelope = self.envelope
        assert envelope is not None
        self._sealed = envelope
        self._proposal = ContentProposed(envelope)

    # Commitments

    def _commit(self, proposal: Proposal, answers: tuple[Reply, ...]) -> None:
        reply = answers[0]
        # By identity of classes, as `isinstance` is compiled: `match` asks each class in turn, by a call.
        if isinstance(proposal, RecipientProposed):
            self._commit_recipient(proposal.command, reply)
        elif isinstance(proposal, MailProposed):
            if reply.severity is Severity.COMPLETED:
                self.view.mail = proposal.command
                self.state = ServerState.MAIL
            self._say(reply)
        elif isinstance(proposal, ContentProposed):
            self._commit_content(reply)
        elif isinstance(proposal, MessageProposed):
            self._finish_message(answers)
        else:
            match proposal:
                case ConnectionProposed():
                    self._commit_connection(reply)
                case HelloProposed(command=command):
                    self._commit_hello(command, reply)
                case TurnProposed():
                    self._commit_turn(reply)
                case TlsProposed():
                    self._commit_tls(reply)
                case ClientProposed(claim=claim):
                    self._commit_client(claim, reply)
                case CredentialsProposed(question=question, mechanism=mechanism):
                    if reply.severity is Severity.COMPLETED:
                        self.view.authenticated_as, self.view.authenticated_by = question.user, mechanism
                    self._go_on(reply)
                case CommandProposed(command=command):
                    self._commit_plain(command, reply)
                case VerifyProposed() | ExpandProposed() | QueueRunProposed() | StatusProposed():
                    self._say(reply)
                case _:
                    assert_never(proposal)

    def _commit_connection(self, reply: Reply) -> None:
        accepted = reply.severity is Severity.COMPLETED
        self.state = ServerState.GREETED if accepted else ServerState.REFUSED
        self._say(reply)

    def _commit_hello(self, command: Hello, reply: Reply) -> None:
        if reply.severity is Severity.COMPLETED:  # a refused EHLO leaves all as it was, RFC 5321 §4.1.4
            self._reset()
            self.state = self._registry.transitions[self.state, command.verb]
            self.view.hello_name = command.name
            self.view.is_esmtp = command.verb is not Verb.HELO
        self._say(reply)

    def _commit_turn(self, reply: Reply) -> None:
        """RFC 2645 §5.3. What came after ATRN would be a command to us, or a reply to what we have not said yet."""
        if reply.severity is not Severity.COMPLETED:
            self._say(reply)
        elif self._input:
            self._say(replies.TURN_NOT_LAST)
        else:
            self.state = self._registry.transitions[self.state, Verb.ATRN]
            self._say(reply)

    def _commit_tls(self, reply: Reply) -> None:
        """RFC 3207 §6: what came behind STARTTLS may be an attacker's, and would be taken for the client's."""
        if reply.severity is not Severity.COMPLETED:
            self._say(reply)
        elif self._input:
            self.close_with(replies.TLS_INJECTED)
        else:
            self._say(reply)
            self.state = self._registry.transitions[self.state, "STARTTLS"]

    def _commit_client(self, claim: Attributes, reply: Reply) -> None:
        """Nothing that was said before counts, as after a handshake; the user is whom the client is told to be. One
        that is refused is refused as at the greeting."""
        if reply.severity is Severity.COMPLETED:
            view = self.view
            self.state = self._registry.transitions[self.state, "XCLIENT"]
            view.claim = claim
            view.authenticated_as, view.hello_name = claim.get("LOGIN"), claim.get("HELO") or ""
            view.authenticated_by = None
            view.is_esmtp = view.verbose = view.one_transaction = False
            view.forwarded = None
        else:
            self.state = ServerState.REFUSED
        self._say(reply)

    def _commit_recipient(self, command: Rcpt, reply: Reply) -> None:
        if reply.severity is Severity.COMPLETED:
            self._recipients.append(Recipient(command.forward_path, command.parameters))
            self.state = ServerState.RECIPIENTS
            self._refused_recipients = 0
            self._say(reply)
        else:
            self._refuse_recipient(reply)

    def _refuse_recipient(self, reply: Reply) -> None:
        """An error never undoes accepted recipients. RFC 5321 §3.3."""
        if self.state is ServerState.MAIL:
            self.state = ServerState.NO_RECIPIENT
        self._say(reply)
        self._refused_recipients += reply.code >= 500
        if self._refused_recipients == self._limits.refused_recipients > 0 and not self.view.is_lmtp:
            self.close_with(self._over_limit(replies.TOO_MANY_REFUSED_RECIPIENTS, "refused_recipients"))

    def _commit_content(self, reply: Reply) -> None:
        if self._chunk is not None:
            self._chunk_refusal = None if reply.severity is Severity.INTERMEDIATE else reply
            self._gauge, self._next_step = ContentGauge(self._limits), self._octets_of_a_step
            self._mender = Mender() if self._limits.mends_line_endings and not self._is_binary else None
        elif reply.severity is Severity.INTERMEDIATE:
            self._say(reply)
            self.state = ServerState.TEXT
            self._decoder = TextDecoder()
            self._gauge, self._next_step = ContentGauge(self._limits), self._octets_of_a_step
            self._mender = Mender() if self._limits.mends_line_endings else None
        else:
            self._reset()
            self._say(reply)

    # Content by DATA

    def _advance_text(self, decoder: TextDecoder) -> bool:
        octets = self._input.take(len(self._input))
        if not octets:
            return False
        content, rest = decoder.feed(octets)
        self._content(content)
        if rest is not None:
            self._input.put_back(rest)
            self._decoder = None
            self._end_of_content()
        return True

    @property
    def _is_binary(self) -> bool:
        """Was BODY=BINARYMIME said? RFC 3030 §3."""
        return self.view.mail is not None and (self.view.mail.parameters.value("BODY") or "").upper() == "BINARYMIME"

    def _content(self, octets: bytes) -> None:
        assert self._gauge is not None
        if self._mender is not None:
            octets = self._mender.feed(octets)
        if octets and self._gauge.update(octets):
            self._facts.append(ContentReceived(octets))
        if self._gauge.size >= self._next_step:
            self.steps += 1
            self._next_step = self._gauge.size + self._octets_of_a_step

    def _end_of_content(self) -> None:
        assert self._gauge is not None
        assert self.view.mail is not None
        self.steps += 1
        if self._recorder is not None:
            self._recorder.content(self._gauge.size)
        binary_allowed = (self.view.mail.parameters.value("BODY") or "").upper() == "BINARYMIME"
        problem = self._gauge.problem(binary_allowed=binary_allowed, rules=self.view.rules)
        if problem is not None:
            self._finish_message((problem,) * (len(self._recipients) if self.view.is_lmtp else 1), problem)
            return
        envelope = self._sealed
        assert envelope is not None
        facts = self._gauge.facts()
        if self._mender is not None and self._mender.mended:
            facts = replace(facts, mended=self._mender.mended)
        self._proposal = MessageProposed(envelope, facts)

    def _finish_message(self, answers: tuple[Reply, ...], problem: Reply | None = None) -> None:
        """The final word about a message: the transaction is over, whatever it was. RFC 5321 §4.1.1.4."""
        self._clear_transaction()
        if answers[0].severity is Severity.COMPLETED:
            self._idle_commands = 0
        if problem is not None:
            self._facts.append(TransactionReset(problem))
        self.state = ServerState.SPENT if self.view.one_transaction else ServerState.READY
        for reply in answers:
            self._say(reply)

    # Content by BDAT

    def _begin_chunk(self, command: Bdat, following: ServerState | None) -> None:
        """From here on `size` octets are read before anything is answered, also for a refusal. RFC 3030 §2."""
        self._chunk, self._chunk_left, self._chunk_refusal = command, command.size, None
        if self.state is ServerState.CHUNKS:
            self.steps -= 1  # only content is a step forward here: else an octet now and then would keep a session
        if command.size < _TINY_CHUNK and not command.last and self._limits.idle_commands and self._is_one_too_many():
            return
        if "CHUNKING" not in self.view.permitted:
            self._chunk_refusal = self._disabled(command.verb)
        elif following is None:
            self._chunk_refusal = out_of_place(self.state, command.verb)
        elif self.state is ServerState.RECIPIENTS:
            self._propose_content()

    def _advance_chunk(self, chunk: Bdat) -> bool:
        if self._chunk_left:
            octets = self._input.take(min(self._chunk_left, _CHUNK_PIECE))
            if not octets:
                return False
            self._chunk_left -= len(octets)
            if self._chunk_refusal is None:
                self._content(octets)
            if self._chunk_left:
                return True
        self._chunk = None
        if self._chunk_refusal is None and not chunk.last and self._gauge is not None:
            self._chunk_refusal = self._gauge.over_limit(self.view.rules)  # no need to hear the rest of it
        if self._chunk_refusal is not None:
            self._fail_chunk(self._chunk_refusal)
        elif chunk.last:
            self._end_of_content()
        else:
            self.state = ServerState.CHUNKS
            self._say(replies.chunk_taken(chunk.size))
        return True

    def _fail_chunk(self, reply: Reply) -> None:
        """A failed BDAT fails the transaction until RSET. RFC 3030 §2."""
        if self.state in (ServerState.RECIPIENTS, ServerState.CHUNKS):
            self._clear_transaction()
            self._facts.append(TransactionReset(reply))
            self.state = ServerState.CHUNKS_FAILED
        self._say(reply)

    # The end of things

    def _say(self, reply: Reply) -> None:
        if self.state is ServerState.CLOSED:
            return  # the last words are said
        self._output.append(reply.encode())
        if self._recorder is not None:
            self._recorder.reply(reply)
        if reply.code < 400:
            return
        if self._refusals is not None:
            key = (reply.code, reply.cause.id)
            self._refusals[key] = self._refusals.get(key, 0) + 1
        if reply.code == _CLOSING:
            self._end(lost=False)
        elif 500 <= reply.code <= 504:
            self._count_mistake()

    def _count_mistake(self) -> None:
        self.view.errors += 1
        if self.view.errors == self._limits.errors:
            self.close_with(self._over_limit(replies.TOO_MANY_ERRORS, "errors"))

    def _note(self, text: str) -> None:
        if self._recorder is not None:
            self._recorder.note(text)

    def _clear_transaction(self) -> None:
        self.view.mail = self.view.forwarded = None
        self._recipients = []
        self._sealed = None
        self._decoder = self._gauge = None

    def _reset(self) -> None:
        """Forget the open transaction; hello, VERB, ONEX, authentication and TLS stay. RFC 5321 §4.1.1.5."""
        if self.view.mail is not None:
            self._facts.append(TransactionReset())
        self._clear_transaction()
        if self.state not in (ServerState.GREETED, ServerState.SPENT):
            self.state = ServerState.READY

    def _end(self, *, lost: bool) -> None:
        if self.state is ServerState.CLOSED:
            return
        if self.view.mail is not None:
            self._facts.append(TransactionReset())
        self._clear_transaction()
        self._chunk = self._exchange = None
        self._input.clear()
        self.state = ServerState.CLOSED
        self._facts.append(SessionEnded(lost))


def content_facts(octets: bytes) -> ContentFacts:
    """The facts of a content that is whole in memory."""
    gauge = ContentGauge(SessionLimits())
    gauge.update(octets)
    return gauge.facts()
