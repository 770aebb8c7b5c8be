"""`heloise atrn`: fetch what waits at a provider, the customer's part of On-Demand Mail Relay. RFC 2645.

We connect, say EHLO and ATRN; after 250 we are the server on the same connection, with the ordinary reception: what is
taken is in the queue before its 250, as from any other client. The provider may bring mail for our own domains only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from heloise.link.dial import DialFailure, dial
from heloise.mail import causes
from heloise.mail.reply import Reply
from heloise.reception.door import Door
from heloise.smtp.command import Plain, Verb
from heloise.smtp.extension import Extension
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Recorder, TranscriptLine
from heloise.world import Endpoint, UnixEndpoint, World

ODMR_PORT = 366  # RFC 2645 §4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of it.

    `failure` or not `offered`: nothing was asked. `reply` is the answer to ATRN; not `said_by_peer` when the link was
    lost there. `taken` messages were brought, and `refused` commands or messages.
    """

    failure: DialFailure | None = None
    offered: bool = True
    reply: Reply | None = None
    said_by_peer: bool = True
    taken: int = 0
    refused: int = 0

    @property
    def is_turned(self) -> bool:
        """Was there mail, and did the provider begin to bring it?"""
        return self.reply is not None and self.reply.code < 400


def fetched_json(fetched: Fetched, transcript: Iterable[TranscriptLine]) -> dict[str, Any]:
    """What came of it for programs, and for the control socket."""
    failure = fetched.failure
    reply = fetched.reply if failure is None else failure.reply
    return {
        "offered": fetched.offered and failure is None,
        "failure": None if failure is None else {"stage": failure.stage.value, "said_by_peer": failure.said_by_peer},
        "reply": None if reply is None else _reply_json(reply),
        "said_by_peer": fetched.said_by_peer,
        "turned": fetched.is_turned,
        "taken": fetched.taken,
        "refused": fetched.refused,
        "transcript": [{"from": entry.direction.value, "text": entry.text} for entry in transcript],
    }


def _reply_json(reply: Reply) -> dict[str, Any]:
    status = None if reply.status is None else str(reply.status)
    return {"code": reply.code, "status": status, "lines": list(reply.lines), "cause": reply.cause.id}


class CountingRecorder:
    """Counts what becomes of the messages, and tells another recorder all it hears."""

    def __init__(self, other: Recorder | None) -> None:
        self.taken = 0
        self.refused = 0
        self._other = other

    def command(self, line: bytes) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        if self._other is not None:
            self._other.command(line)

    def reply(self, reply: Reply) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        self.taken += reply.cause.kind is causes.MESSAGE_TAKEN
        self.refused += reply.code >= 400
        if self._other is not None:
            self._other.reply(reply)

    def content(self, size: int) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        if self._other is not None:
            self._other.content(size)

    def note(self, text: str) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        if self._other is not None:
            self._other.note(text)


async def fetch(
    world: World,
    endpoint: Endpoint | UnixEndpoint,
    options: ClientOptions,
    registry: Iterable[Extension],
    domains: Sequence[str],
    *,
    door: Door,
    counts: CountingRecorder,
) -> Fetched:
    """Fetch the mail for `domains` (all that are ours, when none is named) and serve it at `door`.

    `counts` is the recorder of both parts of the conversation; `door` has to make no other.
    """
    dialled = await dial(world, endpoint, options, registry, recorder=counts)
    if isinstance(dialled, DialFailure):
        return Fetched(failure=dialled)
    if not dialled.offers.has(Verb.ATRN):
        await dialled.quit()
        return Fetched(offered=False)
    said = await dialled.ask(Plain(Verb.ATRN, ",".join(domains)))
    if said.reply.code >= 400:
        await dialled.quit()
        return Fetched(reply=said.reply, said_by_peer=said.said_by_peer)
    counts.note("the connection is turned around: we are the server now")
    counts.refused = 0
    await door.serve(dialled.release())
    return Fetched(reply=said.reply, taken=counts.taken, refused=counts.refused)
