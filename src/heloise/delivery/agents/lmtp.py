"""Delivery by LMTP: final delivery by another program on this machine or a near one. RFC 2033."""

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.next_hop import Found, find_next_hops
from heloise.delivery.relay import relay
from heloise.mail.route import Route, Transport


async def find(doors: DeliveryDoors, route: Route) -> Found:
    """The LMTP servers that the route names."""
    return await find_next_hops(route, doors.world)


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """Give the message to the LMTP server of the route."""
    await relay(doors, attempt, lmtp=True)


AGENT = DeliveryAgent(
    transports=frozenset({Transport.LMTP}),
    summary="gives the message to an LMTP server, which answers for each recipient",
    attempt=attempt,
    find=find,
    lmtp=True,
)
