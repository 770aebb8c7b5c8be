"""Giving a message to one of some next hops, by SMTP or LMTP. RFC 5321 §4.5.4.1, §5.1.

Addresses are tried in order until everybody is decided. Recipients that a host takes no more of in one transaction
go into the next one at once (§4.5.3.1.10). Whatever is known is told to the attempt right away.

A content that a host does not take as it is, is converted (RFC 6152 §3). Where that would break a DKIM signature, or
can not be done, a host that takes it as it is comes first.
"""

from collections.abc import Sequence
from dataclasses import replace

from heloise.delivery.attempt import DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import belongs_elsewhere, classify, classify_failure, classify_misfit, combine
from heloise.delivery.fitting import Fit, Fitter, Fitting
from heloise.delivery.narration import NarratingRecorder, connecting
from heloise.delivery.next_hop import NextHop
from heloise.link.converse import Conversation
from heloise.link.dial import DialFailure, dial
from heloise.mail.envelope import Envelope
from heloise.mail.outcome import Outcome
from heloise.mail.reply import Reply
from heloise.queue.model import QueuedRecipient
from heloise.smtp.client_plan import WireForm
from heloise.smtp.transaction import ClientOptions, RecipientAnswer

MAXIMUM_RECIPIENTS = 100  # RFC 5321 §4.5.3.1.8: what every server takes in one transaction


async def relay(doors: DeliveryDoors, attempt: DeliveryAttempt, hops: Sequence[NextHop], *, lmtp: bool = False) -> None:
    """Try `hops` in order, until each recipient of `attempt` is decided."""
    relaying = _Relaying(doors, attempt, lmtp=lmtp)
    for number, hop in enumerate(hops, start=1):
        relaying.is_choosy = number < len(hops)
        await relaying.try_hop(hop)
        if not relaying.pending:
            return
    for hop in relaying.passed_over:
        await relaying.try_hop(hop)
        if not relaying.pending:
            return
    relaying.give_up()


class _Relaying:
    """One attempt under way: who is still pending, and what went wrong so far for them.

    While it `is_choosy`, a host for which a signature would have to be broken is passed over.
    """

    def __init__(self, doors: DeliveryDoors, attempt: DeliveryAttempt, *, lmtp: bool) -> None:
        self.pending: list[QueuedRecipient] = list(attempt.message.recipients)
        self._doors = doors
        self._attempt = attempt
        self.is_choosy = False
        self.passed_over: list[NextHop] = []
        self._lmtp = lmtp
        self._fitter = Fitter(attempt.message, attempt.content, doors.hostname)
        self._troubles: dict[int, list[Outcome]] = {recipient.id: [] for recipient in self.pending}

    async def try_hop(self, hop: NextHop) -> None:
        """As many connections to one address as get somebody decided."""
        while self.pending:
            before = len(self.pending)
            if not await self._connect(hop) or len(self.pending) == before:
                return

    def give_up(self) -> None:
        """No address is left: the troubles decide."""
        for recipient in self.pending:
            self._attempt.decide(recipient, combine(self._troubles[recipient.id]))

    async def _connect(self, hop: NextHop) -> bool:
        """One connection; False when the next address is to be tried."""
        recorder = NarratingRecorder(self._attempt.narrate)
        self._attempt.narrate(connecting(self.pending, f"{hop.shown} via {'lmtp' if self._lmtp else 'esmtp'}"))
        dialled = await dial(
            self._doors.world,
            hop.endpoint,
            self._options(),
            self._doors.extensions,
            recorder=recorder,
            connect_timeout=self._doors.connect_timeout,
        )
        if isinstance(dialled, DialFailure):
            self._trouble(self.pending, classify_failure(dialled, peer=hop.mta, shown=hop.shown))
            return False
        try:
            return await self._converse(dialled, hop)
        finally:
            recorder.stop()
            # Nobody waits for the answer to QUIT: what was decided is settled meanwhile.
            self._doors.background(dialled.quit())

    def _options(self) -> ClientOptions:
        return ClientOptions(
            hello_name=self._doors.hostname,
            lmtp=self._lmtp,
            only_transaction=len(self.pending) == 1,  # the promise of ONEX: one recipient can not need a second
            timeouts=self._doors.timeouts,
        )

    async def _converse(self, conversation: Conversation, hop: NextHop) -> bool:
        limit = min(MAXIMUM_RECIPIENTS, conversation.offers.recipient_limit or MAXIMUM_RECIPIENTS)
        while self.pending and conversation.usable:
            batch = self.pending[:limit]
            envelope = self._envelope(batch)
            form = conversation.form(envelope, self._attempt.message.facts)
            fit = await self._fitter.fit(form)
            if not isinstance(fit, Fitting) or (fit.breaks_signature and self.is_choosy):
                self._does_not_fit(batch, conversation, hop, fit)
                return False
            answers = await conversation.deliver(_to_be_sent(envelope, form), fit.content, fit.facts)
            before = len(self.pending)
            self._answered(batch, answers, hop)
            if any(map(belongs_elsewhere, answers)) or len(self.pending) == before:
                return False
        return True

    def _envelope(self, batch: Sequence[QueuedRecipient]) -> Envelope:
        return replace(self._attempt.message.envelope, recipients=tuple(queued.recipient for queued in batch))

    def _does_not_fit(
        self, batch: Sequence[QueuedRecipient], conversation: Conversation, hop: NextHop, fit: Fit
    ) -> None:
        """Another host may take it as it is; to this one we come back at last, if it is only for a signature."""
        if isinstance(fit, Reply):
            self._trouble(batch, classify_misfit(conversation.judged(fit)))
        else:
            self.passed_over.append(hop)

    def _answered(self, batch: Sequence[QueuedRecipient], answers: Sequence[RecipientAnswer], hop: NextHop) -> None:
        """Decide who is decided; who belongs into another transaction goes to the end of the line."""
        del self.pending[: len(batch)]
        for recipient, answer in zip(batch, answers, strict=True):
            outcome = classify(answer, peer=hop.mta, is_final_delivery=self._lmtp)
            if answer.retry_at_once or belongs_elsewhere(answer):
                self._trouble([recipient], outcome)
                self.pending.append(recipient)
            else:
                self._attempt.decide(recipient, outcome)

    def _trouble(self, recipients: Sequence[QueuedRecipient], outcome: Outcome) -> None:
        for recipient in recipients:
            self._troubles[recipient.id].append(outcome)


def _to_be_sent(envelope: Envelope, form: WireForm) -> Envelope:
    """RFC 6531 §3.2: SMTPUTF8 was said, but the header turned out not to need it."""
    return replace(envelope, parameters=envelope.parameters.without("SMTPUTF8")) if form.ascii_header else envelope
