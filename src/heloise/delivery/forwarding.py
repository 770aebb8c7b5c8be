"""What a next hop that is configured for it hears by XFORWARD about a message: where we have it from. Pure."""

from heloise.mail.attributes import UNAVAILABLE, Attributes
from heloise.mail.trace import Origin
from heloise.queue.model import QueuedMessage


def told_of(message: QueuedMessage) -> Attributes:
    """What a server in front of us told goes on as it came; else what we saw ourselves."""
    origin = message.origin
    if origin.forwarded is not None:
        return origin.forwarded
    return Attributes(
        (
            ("NAME", origin.peer_name or UNAVAILABLE),
            ("ADDR", _address(origin)),
            ("PORT", UNAVAILABLE),
            ("PROTO", origin.protocol),
            ("HELO", origin.hello_name or UNAVAILABLE),
            ("IDENT", message.message_id),
            ("SOURCE", "REMOTE" if origin.session and origin.peer_address != "unix" else "LOCAL"),
        )
    )


def _address(origin: Origin) -> str:
    if ":" in origin.peer_address:
        return f"IPV6:{origin.peer_address}"
    return origin.peer_address if origin.peer_address[:1].isdigit() else UNAVAILABLE
