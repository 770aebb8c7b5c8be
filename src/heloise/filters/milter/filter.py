"""A milter as a filter of the policy: what the stages of a session are to it, and what its answers are to us.

One connection to it for each session, as other servers do. A milter in trouble is passed over or stands in the way, as
its `default_action` says, until a later transaction finds it again. libmilter; Postfix MILTER_README.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from heloise.filters.milter import macros
from heloise.filters.milter.changing import changes_of, quarantine_of
from heloise.filters.milter.conversation import MilterConversation, MilterTimeouts, MilterTrouble, dial_milter
from heloise.filters.milter.dialogue import CONTINUE as GO_ON
from heloise.filters.milter.dialogue import Outcome, Said
from heloise.filters.milter.packets import LARGEST_CHUNK, MilterProtocolError
from heloise.filters.trouble import DefaultAction
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import printable
from heloise.policy.check import OnTrouble
from heloise.policy.stage import Stage
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import (
    ConnectView,
    DataView,
    HelloView,
    LookupView,
    MailView,
    MessageView,
    RcptView,
    RefusedView,
    UnknownView,
    View,
)
from heloise.smtp import replies
from heloise.world import AnyEndpoint, World

_STAGES: Final = frozenset(set(Stage) - {Stage.LOOKUP})
_LONGEST_ANSWER: Final = 570.0  # seconds; RFC 5321 §4.5.3.2.6 gives us ten minutes after the final dot
_AGAIN_AFTER: Final = 30.0  # seconds before a milter in trouble is dialled again within a session


@dataclass(frozen=True, slots=True, kw_only=True)
class MilterOptions:
    """One milter. `macros` are told at the connection, beside those of ours; `rule` says where it is written."""

    name: str
    endpoint: AnyEndpoint
    timeouts: MilterTimeouts = field(default_factory=MilterTimeouts)
    default_action: DefaultAction = DefaultAction.TEMPFAIL
    macros: Mapping[str, str] = field(default_factory=dict)
    rule: Rule | None = None


class MilterFilter:
    """See `heloise.policy.filter.Filter`. `tell` is given (session, name, trouble) for the log."""

    stages = _STAGES
    deadline = _LONGEST_ANSWER
    on_trouble = OnTrouble.LATER  # of a bug of ours; a milter's own trouble is judged here

    def __init__(
        self, options: MilterOptions, world: World, version: str, tell: Callable[[str, str, str], None]
    ) -> None:
        self.options = options
        self.world = world
        self.version = version
        self._tell = tell

    @property
    def name(self) -> str:
        """For the log and the causes of replies."""
        return self.options.name

    def follow(self, session: str) -> "MilterFollower":
        """Begin to follow the session of this id."""
        return MilterFollower(self, session)

    def told(self, session: str, trouble: str) -> None:
        """A trouble of the milter."""
        self._tell(session, self.name, trouble)


class MilterFollower:
    """One session, as the milter hears of it."""

    def __init__(self, owner: MilterFilter, session: str) -> None:
        self._owner = owner
        self._options = owner.options
        self._session = session
        self._conversation: MilterConversation | None = None
        self._connected: ConnectView | None = None
        self._hello: HelloView | None = None
        self._refusal = CONTINUE  # of the connection or the hello: holds until another hello
        self._failed_at: float | None = None  # when it came into trouble, on the monotonic clock

    async def judge(self, view: View) -> Verdict:
        """The word of the milter, or what its trouble means."""
        try:
            return await self._judge(view)
        except (MilterTrouble, MilterProtocolError) as trouble:
            self._failed(str(trouble))
            return self._for_trouble(view)

    async def forget(self) -> None:
        """The transaction is over."""
        if self._conversation is not None:
            await self._conversation.exchange(self._conversation.dialogue.abort(), self._options.timeouts.command)

    async def close(self) -> None:
        """The session is over."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            await conversation.close()

    # Stages

    async def _judge(self, view: View) -> Verdict:
        if isinstance(view, ConnectView):
            self._connected = view
            await self._begin()
            return self._refusal
        if isinstance(view, HelloView):
            self._hello = view
        elif isinstance(view, MailView):
            await self._dial_again()
        milter = self._conversation
        return self._for_trouble(view) if milter is None else await self._ask(milter, view)

    async def _ask(self, milter: MilterConversation, view: View) -> Verdict:
        match view:
            case HelloView():
                self._refusal = await self._said(milter.dialogue.helo(view.name, macros.of_hello(view.session)))
                return self._refusal
            case MailView():
                return await self._mail(milter, view)
            case RcptView():
                words = macros.words(view.forward_path, view.parameters)
                return await self._said(milter.dialogue.rcpt(words, macros.of_rcpt(view)))
            case DataView():
                return await self._said(milter.dialogue.data(macros.of_message(view)))
            case MessageView():
                return await self._message(milter, view)
            case UnknownView(line=line):
                return await self._said(milter.dialogue.unknown(line.encode()))
            case RefusedView():
                words = macros.words(view.forward_path, view.parameters)
                await self._said(milter.dialogue.refused(words, macros.of_refused(view)))
                return CONTINUE
            case ConnectView() | LookupView():
                return CONTINUE
            case _:
                assert_never(view)

    async def _begin(self) -> MilterConversation:
        """Dial, and tell of the connection."""
        assert self._connected is not None
        session = self._connected.session
        options = self._options
        self._failed_at = None
        milter = self._conversation = await dial_milter(self._owner.world.network, options.endpoint, options.timeouts)
        family = b"U" if session.client == "unix" else b"6" if ":" in session.client else b"4"
        told = macros.of_connection(session, self._owner.version, options.macros)
        name = macros.client_name(session)
        octets = milter.dialogue.connect(name, family, session.client_port, session.client, told)
        self._refusal = self._verdict(await milter.exchange(octets, options.timeouts.command))
        return milter

    async def _mail(self, milter: MilterConversation, view: MailView) -> Verdict:
        await self.forget()  # a MAIL that was refused
        if self._refusal.refusal is not None:
            return self._refusal
        words = macros.words(view.reverse_path, view.parameters)
        return await self._said(milter.dialogue.mail(words, macros.of_mail(view)))

    async def _dial_again(self) -> None:
        """A long session may outlive a milter that is started again: it is told all from the beginning."""
        now = self._owner.world.clock.monotonic()
        if self._conversation is not None or self._connected is None:
            return
        if self._failed_at is not None and now < self._failed_at + _AGAIN_AFTER:
            return
        milter = await self._begin()
        if self._hello is not None and self._refusal.refusal is None:
            await self._ask(milter, self._hello)

    async def _said(self, octets: bytes | None) -> Verdict:
        """The verdict on one command."""
        assert self._conversation is not None
        return self._verdict(await self._conversation.exchange(octets, self._options.timeouts.command))

    # The message

    async def _message(self, milter: MilterConversation, view: MessageView) -> Verdict:
        dialogue, timeouts = milter.dialogue, self._options.timeouts
        outcome = await self._content(milter, view)
        if outcome is not GO_ON:
            return self._verdict(outcome)
        octets = dialogue.end_of_message(macros.of_message(view))
        outcome = await milter.exchange(octets, timeouts.end)
        verdict = self._verdict(outcome)
        if verdict.refusal is not None or verdict.discard is not None:
            return verdict
        why = quarantine_of(dialogue.modifications)
        held = (
            None
            if why is None
            else causes.MILTER_QUARANTINED.because(self._options.rule, milter=self._owner.name, why=why)
        )
        return Verdict(hold=held, changes=changes_of(dialogue.modifications))

    async def _content(self, milter: MilterConversation, view: MessageView) -> Outcome:
        """Header and body; whatever is said before their end."""
        dialogue, seconds, told = milter.dialogue, self._options.timeouts.content, macros.of_message(view)
        for each in view.fields:
            if each.name:
                outcome = await milter.exchange(dialogue.header(each.name.encode(), each.value), seconds)
                if outcome is not GO_ON:
                    return outcome
        outcome = await milter.exchange(dialogue.end_of_header(told), seconds)
        if outcome is not GO_ON:
            return outcome
        is_first = True
        async for octets in view.body.chunks():
            if is_first:  # the empty line is told of already
                octets, is_first = octets.removeprefix(b"\r\n"), False
            for place in range(0, len(octets), LARGEST_CHUNK):
                outcome = await milter.exchange(dialogue.body(octets[place : place + LARGEST_CHUNK]), seconds)
                if outcome is not GO_ON:
                    return outcome
        return GO_ON

    # Words

    def _verdict(self, outcome: Outcome) -> Verdict:
        name, rule = self._owner.name, self._options.rule
        match outcome.said:
            case Said.CONTINUE | Said.ACCEPT:
                return CONTINUE
            case Said.DISCARD:
                return Verdict(discard=causes.MILTER_DISCARDED.because(rule, milter=name))
            case Said.REJECT:
                cause = causes.MILTER_REJECTED.because(rule, milter=name)
                return Verdict(refusal=replies.in_words_of(outcome.reply, replies.MILTER_REJECTED, cause))
            case Said.TEMPFAIL:
                cause = causes.MILTER_LATER.because(rule, milter=name)
                return Verdict(refusal=replies.in_words_of(outcome.reply, replies.MILTER_LATER, cause))
            case Said.SHUTDOWN:
                cause = causes.MILTER_LATER.because(rule, milter=name)
                return Verdict(refusal=replies.MILTER_CLOSING.with_cause(cause))
            case _:
                assert_never(outcome.said)

    def _failed(self, trouble: str) -> None:
        """It is in trouble, and the connection with it."""
        self._owner.told(self._session, printable(trouble))
        self._failed_at = self._owner.world.clock.monotonic()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.abort()

    def _for_trouble(self, view: View) -> Verdict:
        """What the operator wants then. A refusal waits for MAIL, so that the client may go on with something else."""
        action, name = self._options.default_action, self._owner.name
        cause = causes.MILTER_TROUBLE.because(self._options.rule, milter=name, default_action=action.value)
        match action:
            case DefaultAction.ACCEPT:
                return CONTINUE
            case DefaultAction.QUARANTINE:
                return Verdict(hold=cause) if isinstance(view, MessageView) else CONTINUE
            case DefaultAction.TEMPFAIL | DefaultAction.REJECT:
                if isinstance(view, ConnectView | HelloView | UnknownView | RefusedView):
                    return CONTINUE
                reply = replies.MILTER_REJECTED if action is DefaultAction.REJECT else replies.MILTER_LATER
                return Verdict(refusal=reply.with_cause(cause))
            case _:
                assert_never(action)
