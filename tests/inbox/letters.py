"""Messages as they are caught."""

from itertools import count

from heloise.inbox.message import CaughtMessage
from heloise.mail.content import facts_of
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.trace import Origin

_NUMBERS = count(1)


def letter(
    *recipients: str, sender: str = "a@b.test", header: str = "Subject: hi", body: str = "It works.", at: float = 0.0
) -> CaughtMessage:
    """A message to `recipients`, received at the time `at`."""
    lines = [f"<{sender}>", *(f"<{each}>" for each in recipients or ("c@d.test",))]
    octets = f"{header}\r\n\r\n{body}\r\n".replace("\r\n", "\n").replace("\n", "\r\n").encode()
    return CaughtMessage(
        message_id=MessageId(f"M{next(_NUMBERS)}"),
        envelope=Envelope.parse("\r\n".join(lines).encode()),
        origin=Origin(hello_name="c", peer_address="192.0.2.9", protocol="ESMTP", session="S1", received_at=at),
        octets=octets,
        facts=facts_of(octets),
    )
