"""Who acts by fault rules in one session: a receiver before the real one. RFC 5321 §4.2 says what should happen.

A refusal is said without asking the real receiver, which has then seen nothing. A positive reply only changes the words
of one: what it would refuse stays refused, and a message is 250 only when it was taken, whatever a rule says.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from heloise.faults.book import FaultBook, Strike
from heloise.faults.magic import magic_rule
from heloise.faults.rule import Cut, FaultReply, FaultRule, Situation, Stage
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Envelope
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.reception.door import Visit
from heloise.reception.passing import Passing, PassingStream, Say
from heloise.smtp import replies
from heloise.smtp.events import (
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
    CredentialsProposed,
    ExpandProposed,
    Fact,
    HelloProposed,
    MailProposed,
    MessageProposed,
    Proposal,
    QueueRunProposed,
    RecipientProposed,
    StatusProposed,
    TlsProposed,
    TransactionReset,
    TurnProposed,
    VerifyProposed,
)
from heloise.smtp.sasl.mechanism import Proven
from heloise.world import LinkError, LinkFault, Stream
from heloise.world.tls import TlsDemand

HALF_CLOSED = 30.0  # seconds that we listen after we have said that we say no more
TLS_ALERT = bytes((21, 3, 3, 0, 2, 2, 40))  # RFC 8446 §6: alert, fatal, handshake_failure
_STAGES: dict[type, Stage] = {
    ConnectionProposed: Stage.CONNECT,
    HelloProposed: Stage.HELLO,
    TlsProposed: Stage.TLS,
    CredentialsProposed: Stage.AUTH,
    MailProposed: Stage.MAIL,
    RecipientProposed: Stage.RCPT,
    ContentProposed: Stage.DATA,
    MessageProposed: Stage.MESSAGE,
    VerifyProposed: Stage.VRFY,
    ExpandProposed: Stage.EXPN,
    QueueRunProposed: Stage.ETRN,
    TurnProposed: Stage.ATRN,
    StatusProposed: Stage.STATUS,
}


class FaultJournal(Protocol):
    """Is told what was refused on purpose."""

    def refused(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """See `heloise.reception.desk.Journal`."""
        ...


class Failing:
    """Attends sessions, so that they fail as the rules of `book` say, and with `magic` as recipients say."""

    def __init__(
        self, book: FaultBook, monotonic: Callable[[], float], journal: FaultJournal, *, magic: bool = False
    ) -> None:
        self.book = book
        self.monotonic = monotonic
        self.journal = journal
        self.magic = magic

    def __call__(self, visit: Visit) -> Visit:
        """See `heloise.reception.door.Attend`. Nothing is put between while there is nothing to fail by."""
        if not self.book.rules and not self.magic:
            return visit
        receiver = FailingReceiver(self, visit)
        return replace(visit, receiver=receiver, stream=_Spoiling(visit.stream, receiver))


class _Spoiling(PassingStream):
    """A stream whose handshakes fail when they are to."""

    def __init__(self, stream: Stream, receiver: "FailingReceiver") -> None:
        super().__init__(stream)
        self._receiver = receiver

    async def start_tls(self, demand: TlsDemand, *, timeout: float, is_first: bool = False) -> Encryption:
        """Hear the client's first words, and say that it will not do."""
        if not self._receiver.spoils_handshake(is_first=is_first):
            return await super().start_tls(demand, timeout=timeout, is_first=is_first)
        try:
            async with asyncio.timeout(timeout):
                await self.receive()
        except TimeoutError:
            self.abort()
            raise LinkError(LinkFault.TIMED_OUT, f"no TLS handshake within {timeout:g} seconds") from None
        self.send(TLS_ALERT)
        self.close()
        raise LinkError(LinkFault.TLS, "refused on purpose")


class FailingReceiver(Passing):
    """See `heloise.link.serve.Receiver`."""

    def __init__(self, failing: Failing, visit: Visit) -> None:
        super().__init__(visit.receiver)
        self._failing = failing
        self._visit = visit
        self._content: Strike | None = None  # what strikes while the content comes in
        self._seen = 0  # octets of it
        self.spoils_tls = False

    async def answer(self, proposal: Proposal, say: Say) -> tuple[Reply, ...]:
        """The reply of the real receiver, or what a rule says."""
        stage = _STAGES.get(type(proposal))
        if stage is None:  # XCLIENT: it is the operator's own machine that speaks
            return await super().answer(proposal, say)
        situation = self._situation(proposal, stage)
        strike = self._decide(situation)
        if isinstance(proposal, ContentProposed):
            self._content, self._seen = self._decide(replace(situation, stage=Stage.CONTENT)), 0
        if strike is None:
            return await super().answer(proposal, say)
        rule = strike.rule
        if rule.delay:
            await self._wait(strike, say)
        if rule.cut is not None:
            return await self._cut(strike, rule.cut, proposal, say)
        if rule.octets is not None or rule.reply is not None:
            return await self._speak(strike, proposal, say)
        return await super().answer(proposal, say)

    async def note(self, fact: Fact) -> None:
        """A fact, and a fault in the middle of a content."""
        await super().note(fact)
        if self._content is not None and isinstance(fact, ContentReceived):
            await self._interrupt(self._content, fact)

    def spoils_handshake(self, *, is_first: bool) -> bool:
        """Is the handshake to fail that is due now? Before the greeting that is decided now, after STARTTLS it was."""
        if not is_first:
            return self.spoils_tls
        view, visit = self._visit.session.view, self._visit
        situation = Situation(
            stage=Stage.TLS, client=visit.admission.address, session=visit.session_id, hello=view.hello_name
        )
        strike = self._decide(situation)
        if strike is not None:
            self._note(f"{Cut.TLS_FAILURE.value}: {strike.cause}")
        return strike is not None and strike.rule.cut is Cut.TLS_FAILURE

    # What goes wrong

    async def _speak(self, strike: Strike, proposal: Proposal, say: Say) -> tuple[Reply, ...]:
        said = strike.rule.reply or FaultReply.parse(str(_REFUSAL))
        reply = replies.fault(said.code, said.status, said.text, strike.cause)
        if strike.rule.octets is not None:
            reply = reply.spoken_as(strike.rule.octets)
        if is_positive(reply, proposal):
            real = await super().answer(proposal, say)
            return real if any(each.severity is not reply.severity for each in real) else (reply,) * len(real)
        self._tell(proposal, reply)
        return await self._refused(proposal, reply)

    async def _refused(self, proposal: Proposal, reply: Reply) -> tuple[Reply, ...]:
        if not isinstance(proposal, MessageProposed):
            return (reply,)
        await super().note(TransactionReset(reply))  # the engine forgets the transaction; so must he
        return (reply,) * (len(proposal.envelope.recipients) if self._visit.session.view.is_lmtp else 1)

    async def _cut(self, strike: Strike, cut: Cut, proposal: Proposal, say: Say) -> tuple[Reply, ...]:
        self._note(f"{cut.value}: {strike.cause}")
        if cut is Cut.TLS_FAILURE:
            self.spoils_tls = True
            return await super().answer(proposal, say)
        say(f"{cut.value}...")  # what was answered before in this group goes out
        if cut is Cut.LOSE_REPLY:
            answers = await super().answer(proposal, say)
        else:
            answers = await self._refused(proposal, replies.fault(_CLOSING, None, cut.value, strike.cause))
        await self._hang_up(cut)
        return answers

    async def _hang_up(self, cut: Cut) -> None:
        stream = self._visit.stream
        if cut is Cut.RESET:
            stream.reset()
        elif cut is Cut.HALF_CLOSE:
            stream.send_end()
            await _listen(stream)
            stream.close()
        else:
            stream.close()

    async def _interrupt(self, strike: Strike, fact: ContentReceived) -> None:
        """Stage.CONTENT: once, when so much has come in."""
        self._seen += len(fact.octets)
        if self._seen < strike.rule.at:
            return
        self._content, self._seen = None, 0
        self._note(f"{strike.rule.cut.value if strike.rule.cut else 'slow'}: {strike.cause}")
        await asyncio.sleep(strike.rule.delay)
        if strike.rule.cut is not None:
            await self._hang_up(strike.rule.cut)

    async def _wait(self, strike: Strike, say: Say) -> None:
        self._note(f"{strike.rule.delay:g} s later: {strike.cause}")
        say(f"waiting {strike.rule.delay:g} s")
        await asyncio.sleep(strike.rule.delay)

    # What is looked at

    def _decide(self, situation: Situation) -> Strike | None:
        failing = self._failing
        more: list[FaultRule] = []
        if failing.magic:
            more = [rule for each in situation.recipients if (rule := magic_rule(each)) is not None]
        return failing.book.decide(situation, failing.monotonic(), more)

    def _situation(self, proposal: Proposal, stage: Stage) -> Situation:
        view, visit = self._visit.session.view, self._visit
        sender, recipients = "", tuple[str, ...]()
        if isinstance(proposal, RecipientProposed):
            sender, recipients = str(proposal.reverse_path), (str(proposal.command.forward_path),)
        elif isinstance(proposal, ContentProposed | MessageProposed):
            sender, recipients = str(proposal.envelope.reverse_path), _recipients(proposal.envelope)
        elif isinstance(proposal, MailProposed):
            sender = str(proposal.command.reverse_path)
        hello = proposal.command.name if isinstance(proposal, HelloProposed) else view.hello_name
        return Situation(
            stage=stage,
            client=visit.admission.address,
            session=visit.session_id,
            hello=hello,
            sender=_bare(sender),
            recipients=tuple(map(_bare, recipients)),
        )

    def _tell(self, proposal: Proposal, reply: Reply) -> None:
        if isinstance(proposal, CredentialsProposed):  # nobody keeps a password
            proposal = replace(proposal, question=Proven(proposal.question.user, False))
        if reply.severity in (Severity.TRANSIENT, Severity.PERMANENT):
            self._failing.journal.refused(self._visit.session_id, proposal, reply)

    def _note(self, text: str) -> None:
        if self._visit.recorder is not None:
            self._visit.recorder.note(text)


_REFUSAL, _CLOSING = 451, 421


def is_positive(reply: Reply, proposal: Proposal) -> bool:
    """Would the engine take this reply for a yes? Then only the real receiver can give it."""
    if isinstance(proposal, ContentProposed):
        return reply.severity is Severity.INTERMEDIATE
    if isinstance(proposal, CredentialsProposed):
        return reply.severity in (Severity.COMPLETED, Severity.INTERMEDIATE)
    return reply.severity is Severity.COMPLETED


async def _listen(stream: Stream) -> None:
    try:
        async with asyncio.timeout(HALF_CLOSED):
            while await stream.receive():
                pass
    except (LinkError, TimeoutError):
        return


def _recipients(envelope: Envelope) -> tuple[str, ...]:
    return tuple(str(each.forward_path) for each in envelope.recipients)


def _bare(path: str) -> str:
    return path.removeprefix("<").removesuffix(">")
