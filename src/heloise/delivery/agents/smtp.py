"""Delivery by SMTP: to a given host, or to the mail exchangers of a domain. RFC 5321 §5."""

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import without_next_hop
from heloise.delivery.next_hop import NoNextHop, resolve_next_hops
from heloise.delivery.relay import relay
from heloise.mail.route import Transport


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """Find the next hops and relay to them."""
    own_names = doors.own_names | {doors.hostname.lower()}
    hops = await resolve_next_hops(attempt.route, doors.world, own_names=own_names, port=doors.smtp_port)
    if isinstance(hops, NoNextHop):
        attempt.decide_all(without_next_hop(hops.reply))
    else:
        await relay(doors, attempt, hops)


AGENT = DeliveryAgent(
    transports=frozenset({Transport.SMTP, Transport.MX}),
    summary="relays to another mail server",
    attempt=attempt,
)
