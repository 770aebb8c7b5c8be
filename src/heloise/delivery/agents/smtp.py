"""Delivery by SMTP: to a given host, or to the mail exchangers of a domain. RFC 5321 §5."""

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.next_hop import Found, find_next_hops
from heloise.delivery.relay import relay
from heloise.mail.route import Route, Transport


async def find(doors: DeliveryDoors, route: Route) -> Found:
    """The hosts of a route, without ourselves."""
    own_names = doors.own_names | {doors.hostname.lower()}
    return await find_next_hops(route, doors.world, own_names=own_names, port=doors.smtp_port)


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """Relay to what was found."""
    await relay(doors, attempt)


AGENT = DeliveryAgent(
    transports=frozenset({Transport.SMTP, Transport.MX}),
    summary="relays to another mail server",
    attempt=attempt,
    find=find,
)
