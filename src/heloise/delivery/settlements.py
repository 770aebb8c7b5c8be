"""From an attempt that has ended to its settlement: decide, tell the journal, compose the report that is owed.

What is decided is pure (`settle.py`); here the clock, chance, the journal and the original that a report returns are
put to it. A settlement is made before anything is stored, and storing it is the deliverer's.
"""

from dataclasses import replace

from heloise.delivery.attempt import DeliveryAttempt
from heloise.delivery.destinations import Destination, waits_for_its_turn
from heloise.delivery.journal import AttemptEnded, DeliveryJournal
from heloise.delivery.narration import ended
from heloise.delivery.reporting import Reports
from heloise.delivery.settle import (
    Decision,
    decide,
    expiry,
    out_of_time,
    postpone,
    settle,
    settle_owing,
    warning_at,
    without_report,
)
from heloise.delivery.waiting import until_its_site_comes
from heloise.mail.outcome import Outcome
from heloise.queue.model import QueuedMessage, RecipientState, Settlement
from heloise.queue.schedule import RetrySchedule
from heloise.world import World

_LOOKUP_PAUSE = 300.0  # until it is tried again to tell a sender whose own address could not be looked up


class Settlements:
    """Makes settlements, by the clock of `world` and by `schedule`; `reports` knows how senders are told."""

    def __init__(self, world: World, journal: DeliveryJournal, reports: Reports, schedule: RetrySchedule) -> None:
        self._world = world
        self._journal = journal
        self._reports = reports
        self._schedule = schedule

    def use(self, schedule: RetrySchedule) -> None:
        """From now on attempts are made again at these times."""
        self._schedule = schedule

    async def settled(self, attempt: DeliveryAttempt, destination: Destination | None = None) -> Settlement:
        """What comes of `attempt`; whoever is undecided in it waits on as if he had not been leased. `destination` is
        where it was made, which then expects those that are tried again."""
        decision = self._decided(attempt)
        undecided = attempt.undecided
        dues = {change.due: None for change in decision.changes if change.state is RecipientState.WAITING}
        if destination is not None:
            for due in dues:
                destination.put_off(due)
        if not decision.owes_report:
            settlement = settle(decision)
        elif attempt.shares_report:
            settlement = settle_owing(decision)
        else:
            reporting = await self._reports.reporting(attempt.message)
            if reporting is None:
                settlement = without_report(decision, undecided, again=decision.now + _LOOKUP_PAUSE)
                self._journal.attempt_ended(_ended(attempt, decision, settlement))
                return settlement
            original = await self._reports.beginning(attempt.message, attempt.content, decision.octets_wanted)
            settlement = settle(decision, reporting, original)
        if dues or undecided:
            changes = settlement.changes + postpone(undecided, due=decision.now)
            expires = expiry(attempt.message, self._schedule)
            changes = until_its_site_comes(changes, attempt.message.recipients, expires=expires)
            settlement = replace(settlement, changes=changes)
        if decision.owes_report and not (settlement.reports or settlement.owed):
            self._reports.unreachable(attempt.message)
        if decision.outcomes:
            self._journal.attempt_ended(_ended(attempt, decision, settlement))
        return settlement

    def postponed(self, message: QueuedMessage, wait: float, destination: Destination | None = None) -> Settlement:
        """Back into the queue for about `wait` seconds, not past the moment at which the sender is to be told."""
        now = self._world.clock.now()
        due = now + wait * (0.9 + 0.2 * self._world.entropy.random())
        warning = warning_at(message, self._schedule)
        due = min(due, expiry(message, self._schedule), warning if now < warning else due)
        if destination is not None:
            destination.put_off(due)
        return Settlement(message_id=message.message_id, changes=postpone(message.recipients, due=due))

    def out_of_time(self, message: QueuedMessage) -> Outcome | None:
        """The outcome of a message that is not to be tried any more, since its sender gave it no longer."""
        if message.hints.expires_at is None:
            return None
        return out_of_time(message, self._world.clock.now())

    def is_to_be_told(self, message: QueuedMessage, destination: Destination) -> Outcome | None:
        """A message that waits for its turn is not tried, and counts no attempt; but when its time is up, or its
        sender is to be warned, it is decided like one that was."""
        now, schedule = self._world.clock.now(), self._schedule
        late = now >= expiry(message, schedule) or now >= warning_at(message, schedule) > _last_word(message)
        return waits_for_its_turn(destination.name) if late else None

    def _decided(self, attempt: DeliveryAttempt) -> Decision:
        """The decision, told to the journal and to whoever listens."""
        message = attempt.message
        now, random = self._world.clock.now(), self._world.entropy.random
        decision = decide(message, attempt.outcomes(), now=now, schedule=self._schedule, random=random)
        for recipient, outcome in decision.outcomes:
            self._journal.attempted(message, recipient, outcome)
            if attempt.told:
                attempt.narrate(ended(recipient.recipient.forward_path, outcome))
        return decision


def _ended(attempt: DeliveryAttempt, decision: Decision, settlement: Settlement) -> AttemptEnded:
    return AttemptEnded(
        message=attempt.message,
        route=attempt.route,
        begun=decision.now if attempt.begun is None else attempt.begun,
        found=attempt.group,
        tried=attempt.tried,
        outcomes=decision.outcomes,
        settlement=settlement,
    )


def _last_word(message: QueuedMessage) -> float:
    """When somebody last said something about it."""
    words = [recipient.last_word for recipient in message.recipients]
    return max((word.at for word in words if word is not None), default=0.0)
