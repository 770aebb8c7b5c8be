"""One message to one server, for users of the library. RFC 5321 §3.3. Built on `dial`; here refusals become exceptions.

No queue and no retry: when the server says 4yz, trying again is the caller's.
"""

import re
from collections.abc import Iterable
from typing import Never

from heloise.link.dial import DialFailure, dial
from heloise.link.errors import SmtpRefusal
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope
from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.smtp.extension import Extension
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions, RecipientAnswer
from heloise.smtp.transcript import Recorder
from heloise.world import NO_TLS, Endpoint, LinkError, LinkFault, OutgoingTls, UnixEndpoint, World

_LINE_ENDING = re.compile(rb"\r\n|\r|\n")
_FAULTS = {
    "link.timed-out": LinkFault.TIMED_OUT,
    "link.lost": LinkFault.CLOSED,
    "link.lost-after-dot": LinkFault.CLOSED,
}


async def send(
    world: World,
    endpoint: Endpoint | UnixEndpoint,
    envelope: Envelope,
    message: bytes,
    *,
    options: ClientOptions,
    registry: Iterable[Extension],
    recorder: Recorder | None = None,
    tls: OutgoingTls = NO_TLS,
    tls_first: bool = False,
) -> tuple[RecipientAnswer, ...]:
    """Send `message` (header and body; line endings of any sort become CRLF).

    Returns:
        One answer for each recipient; at least one of them was taken (`RecipientAnswer.is_taken`).

    Raises:
        SmtpRefusal: the server refused, or the message does not fit it; nobody gets it.
        LinkError: no connection, or it was lost; after the final dot the server may have the message all the same.
    """
    conversation = await dial(world, endpoint, options, registry, recorder=recorder, tls=tls, tls_first=tls_first)
    if isinstance(conversation, DialFailure):
        _raise(conversation.reply, conversation.stage, (), conversation.fault)
    octets = _LINE_ENDING.sub(b"\r\n", message)
    answers = await conversation.deliver(envelope, MemoryContent(octets), content_facts(octets))
    await conversation.quit()
    if not any(answer.is_taken for answer in answers):
        _raise(answers[0].reply, answers[0].stage, answers, None)
    return answers


def _raise(reply: Reply, stage: Stage, answers: tuple[RecipientAnswer, ...], fault: LinkFault | None) -> Never:
    fault = fault or _FAULTS.get(reply.cause.id)
    if fault is not None:
        raise LinkError(fault, reply.text)
    raise SmtpRefusal(reply, stage, answers)
