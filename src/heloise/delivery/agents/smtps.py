"""Delivery by SMTP to a given host, under TLS from the first octet, as submission servers have it. RFC 8314 §3.3."""

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.next_hop import Found, find_next_hops
from heloise.delivery.relay import relay
from heloise.mail.route import Route, Transport

PORT = 465


async def find(doors: DeliveryDoors, route: Route) -> Found:
    """The hosts that the route names."""
    return await find_next_hops(route, doors.world, port=PORT)


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """Relay to what was found."""
    await relay(doors, attempt, tls_first=True)


AGENT = DeliveryAgent(
    transports=frozenset({Transport.SMTPS}),
    summary="relays to another mail server under TLS from the beginning",
    attempt=attempt,
    find=find,
)
