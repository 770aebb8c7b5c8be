"""Delivery to nowhere, on purpose: the message is taken and thrown away."""

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import local
from heloise.mail.route import Transport
from heloise.smtp import replies


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """Everybody has it."""
    attempt.decide_all(local(replies.discarded()))


AGENT = DeliveryAgent(
    transports=frozenset({Transport.DISCARD}),
    summary="takes the message and throws it away",
    attempt=attempt,
)
