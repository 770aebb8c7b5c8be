"""The one interface by which somebody takes responsibility for a message: two steps, begin and commit.

The queue, the inbox of caught mail, a test's list and a user's function have it in common. Nothing is promised before
`commit` returns `Taken`; only then may a server say 250 (RFC 5321 §4.2.5).
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.hints import NO_HINTS, Hints
from heloise.mail.ids import MessageId
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.mail.trace import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A message about to be taken: its envelope, where each recipient goes, where it came from.

    `routes[i]` is the route of `envelope.recipients[i]`. One that `is_held` stays in the queue until an operator
    releases it.
    """

    message_id: MessageId
    envelope: Envelope
    routes: tuple[Route, ...]
    origin: Origin
    hints: Hints = NO_HINTS
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """Responsibility was taken: the message is on stable storage, or wherever this sink keeps it."""

    message_id: MessageId


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not: nothing is kept, and the reply says why (452 when the disk is full, 451 on a fault)."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A message that is taken together with another one, or not at all.

    `octets` is its content, such as that of a report; None when it has the content of the other one, which goes on to
    some recipients under another reverse path.
    """

    submission: Submission
    octets: bytes | None = None


SinkAnswer: TypeAlias = Taken | Refused


class Deposit(Protocol):
    """A message on its way in. Ended by exactly one `commit` or `abort`."""

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Take the next octets of the content; trace fields are written first, by the caller. None when that is done.

        Never raises for want of space: the answer to `commit` tells.
        """
        ...

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> SinkAnswer:
        """Take responsibility, for the `companions` too: for all or for none of them.

        `facts` are those of all octets written.
        """
        ...

    async def abort(self) -> None:
        """Forget it. Idempotent; a no-op after `commit`."""
        ...


async def written(deposit: Deposit, octets: bytes) -> None:
    """`octets` are with `deposit`: for who can wait."""
    writing = deposit.write(octets)
    if writing is not None:
        await writing


class MessageSink(Protocol):
    """Takes messages."""

    def begin(self, submission: Submission) -> Deposit:
        """Start to take a message. Does no I/O: that comes with `write` and `commit`."""
        ...
