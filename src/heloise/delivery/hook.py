"""Web services that take mail: what is sent to them. Pure.

A POST has the message as its body, as it is (message/rfc822), and the envelope as JSON in one header:

    Heloise-Envelope: {"id": "…", "sender": "a@client.test", "recipients": ["x@full.test"], "at": 1767225600}

So `json.loads(request.headers["Heloise-Envelope"])` and `email.message_from_bytes(request.data)` are all that a service
needs. `Idempotency-Key` is the same whenever the same message is sent for the same recipients. With a secret there is
`Heloise-Signature: sha256=…`, the HMAC over the text of Heloise-Envelope, one LF, and the body: nobody else can have
sent it, and `at` (seconds since the epoch) tells when, so that an old one can not be sent again.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heloise.mail.content import Content
from heloise.queue.model import QueuedMessage, QueuedRecipient
from heloise.world.http import HttpRequest

MOST_RECIPIENTS = 50  # in one request: servers bound the length of a header, most of them at 8 KB
MOST_NAMED = 6000  # octets of addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A web service that takes mail at `url`, messages of at most `max_size` octets, `concurrency` of them at once.

    `secret` signs requests; `headers` are sent with each.
    """

    name: str
    url: str
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 60.0
    max_size: int | None = None
    concurrency: int = 10


def batches(recipients: Sequence[QueuedRecipient]) -> list[list[QueuedRecipient]]:
    """The recipients, so many together as fit into one request."""
    made: list[list[QueuedRecipient]] = []
    room = 0
    for recipient in recipients:
        length = len(json.dumps(str(recipient.recipient.forward_path)))
        if not made or len(made[-1]) >= MOST_RECIPIENTS or length > room:
            made.append([])
            room = MOST_NAMED
        made[-1].append(recipient)
        room -= length
    return made


async def request_for(
    hook: Hook, message: QueuedMessage, recipients: Sequence[QueuedRecipient], content: Content, *, now: float
) -> HttpRequest:
    """The request about these recipients. With a secret, the content is read once to sign it."""
    envelope = json.dumps(
        {
            "id": message.message_id,
            "sender": str(message.reverse_path)[1:-1],
            "recipients": [address(each) for each in recipients],
            "at": int(now),
        }
    )
    headers = {
        "User-Agent": "heloise",
        "Content-Type": "message/rfc822",
        "Heloise-Envelope": envelope,
        "Idempotency-Key": f"{message.message_id}-{_numbers(recipients)}",
        **hook.headers,
    }
    if hook.secret is not None:
        headers["Heloise-Signature"] = f"sha256={await _signature(hook.secret, envelope, content)}"
    return HttpRequest(url=hook.url, headers=headers, size=content.size)


def address(recipient: QueuedRecipient) -> str:
    """How a recipient is called in requests and answers."""
    return str(recipient.recipient.forward_path)[1:-1]


def _numbers(recipients: Sequence[QueuedRecipient]) -> str:
    """The queue never gives a number twice, and a recipient keeps his."""
    return hashlib.sha256(",".join(str(each.id) for each in recipients).encode()).hexdigest()[:16]


async def _signature(secret: str, envelope: str, content: Content) -> str:
    made = hmac.new(secret.encode(), envelope.encode() + b"\n", hashlib.sha256)
    async for octets in content.chunks():
        made.update(octets)
    return made.hexdigest()
