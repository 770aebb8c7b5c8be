"""Delivery by LMTP: final delivery by another program on this machine or a near one. RFC 2033."""

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import without_next_hop
from heloise.delivery.next_hop import NoNextHop, resolve_next_hops
from heloise.delivery.relay import relay
from heloise.mail.route import Transport


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """Give the message to the LMTP server of the route."""
    hops = await resolve_next_hops(attempt.route, doors.world)
    if isinstance(hops, NoNextHop):
        attempt.decide_all(without_next_hop(hops.reply))
    else:
        await relay(doors, attempt, hops, lmtp=True)


AGENT = DeliveryAgent(
    transports=frozenset({Transport.LMTP}),
    summary="gives the message to an LMTP server, which answers for each recipient",
    attempt=attempt,
)
