"""Mail that its site comes for (RFC 2645): nothing is tried from here.

Such mail is on request, so an attempt is made only when its time is up, or after the server was killed in the middle
of a relay on demand; then it waits on. What brings it to the site is `heloise.delivery.on_demand`.
"""

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.route import Transport
from heloise.smtp import replies


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """Wait on."""
    attempt.decide_all(
        Outcome(action=Action.DELAYED, stage=Stage.ROUTE, reply=replies.waits_for_its_site(attempt.route.target))
    )


AGENT = DeliveryAgent(
    transports=frozenset({Transport.ATRN}),
    summary="keeps mail for sites that come for it",
    attempt=attempt,
)
