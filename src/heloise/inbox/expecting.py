"""Waiting for mail at the server: no polling, no sleeping. A message is told of at the moment it is caught."""

import asyncio
from collections.abc import Sequence

from heloise.inbox.inbox import Inbox
from heloise.inbox.message import CaughtMessage
from heloise.inbox.sessions import CaughtSession, SessionBook
from heloise.inbox.wanted import Wanted

NEAREST = 3
_LOOKED_AT = 1000  # of the newest messages, for those that came close
TRANSCRIPTS = 3


class ExpectationFailed(AssertionError):
    """The mail did not come. `nearest` are messages that came close, each with the conditions that it does not meet;
    `sessions` those that are shown: with refusals first, else the newest."""

    def __init__(
        self,
        text: str,
        nearest: Sequence[tuple[CaughtMessage, tuple[str, ...]]] = (),
        sessions: Sequence[CaughtSession] = (),
    ) -> None:
        super().__init__(text)
        self.nearest = tuple(nearest)
        self.sessions = tuple(sessions)


async def wait_for(
    inbox: Inbox, book: SessionBook, wanted: Wanted, *, count: int = 1, within: float = 5.0
) -> tuple[CaughtMessage, ...]:
    """The first `count` messages that are wanted, oldest first; those that were caught before count as well.

    Raises:
        ExpectationFailed: there are not so many within `within` seconds.
    """
    arrived = asyncio.Event()

    found: list[CaughtMessage] = []
    later: list[CaughtMessage] = []  # caught while we look at what is there

    def caught(message: CaughtMessage) -> None:
        if wanted.is_met_by(message):
            later.append(message)
            if len(found) + len(later) >= count:
                arrived.set()

    inbox.on_caught(caught)
    try:
        found += await inbox.find(wanted.is_met_by)
        if len(found) + len(later) < count:
            async with asyncio.timeout(within):
                await arrived.wait()
    except TimeoutError:
        got = len(found) + len(later)
        raise failure(inbox, book, wanted, found=got, count=count, within=within) from None
    finally:
        inbox.off_caught(caught)
    return (*found, *later)[:count]


async def expect_none(inbox: Inbox, book: SessionBook, wanted: Wanted, *, within: float = 0.0) -> None:
    """Nothing that is unwanted was caught, nor is within so many seconds. Raises ExpectationFailed."""
    try:
        (message,) = await wait_for(inbox, book, wanted, within=within)
    except ExpectationFailed:
        return
    session = book.get(message.origin.session)
    sessions = () if session is None else (session,)
    text = f"a message{wanted} was caught, and none was expected: {described(message)}"
    raise ExpectationFailed(_with_transcripts(text, sessions), sessions=sessions)


def failure(
    inbox: Inbox, book: SessionBook, wanted: Wanted, *, found: int, count: int, within: float
) -> ExpectationFailed:
    """What is told when the mail did not come."""
    newest = inbox.newest(_LOOKED_AT)
    misses = [(message, missed) for message in newest if (missed := wanted.misses(message))]
    nearest = sorted(misses, key=lambda each: len(each[1]))[:NEAREST]
    sessions = _worth_showing(book.sessions)
    much = "no message" if count == 1 else f"{found} of {count} messages"
    lines = [f"{much}{wanted} within {within:g} s; caught: {len(inbox)}, sessions: {len(book.sessions)}"]
    if nearest:
        lines.append("nearest misses:")
    for message, missed in nearest:
        lines.append(f"  {described(message)}")
        lines += [f"    {each}" for each in missed]
    return ExpectationFailed(_with_transcripts("\n".join(lines), sessions), nearest, sessions)


def described(message: CaughtMessage) -> str:
    """A message in a line."""
    return f"{message.message_id} {message.subject!r} from <{message.sender}> to {', '.join(message.recipients)}"


def _worth_showing(sessions: Sequence[CaughtSession]) -> tuple[CaughtSession, ...]:
    """Some with refusals, or that brought nothing, before the newest of the others; in the order they came."""
    dull = [session.taken > 0 and not session.refused for session in sessions]
    best = sorted(range(len(sessions)), key=lambda number: (dull[number], -number))[:TRANSCRIPTS]
    return tuple(sessions[number] for number in sorted(best))


def _with_transcripts(text: str, sessions: Sequence[CaughtSession]) -> str:
    return "\n".join((text, *(session.text for session in sessions)))
