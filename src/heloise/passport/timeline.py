"""What is read from the archive: the timeline of a message or a session, and what has become of each recipient."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from heloise.passport.archive import Archive
from heloise.passport.entries import Facts

_AFTER = {"hold": "held", "release": "waiting", "retry": "waiting", "redirect": "waiting", "remove": "removed"}


class Kept(Protocol):
    """Where passports are."""

    def entries(self, owner: str) -> list[Facts]:
        """What was told of a message or session, in order. Raises ArchiveFault."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened to a message, or in a session, in order; `events` are the facts of entries.

    `recipients` says what each was last: waiting, held, removed, or the action of its last attempt; of a session it is
    empty. Times in seconds since the epoch; `begun` is that of the first event, and what others are told relative to.
    """

    id: str
    is_session: bool
    session: str
    sender: str = ""
    size: int | None = None
    begun: float
    recipients: dict[str, str] = field(default_factory=dict)
    events: list[Facts]


def read(archive: Kept, owner: str) -> Timeline | None:
    """The timeline of a message or a session; None when nothing is known of it. Raises ArchiveFault."""
    own = archive.entries(owner)
    if not own:
        return None
    accepted = next((facts for facts in own if facts["event"] == "accepted"), None)
    if accepted is None and any(facts["event"] in ("opened", "hello", "answered", "brought") for facts in own):
        return Timeline(id=owner, is_session=True, session=owner, begun=own[0]["at"], events=own)
    session = "" if accepted is None else accepted["session"]
    before = _transaction(archive.entries(session), owner) if session else []
    events = sorted(before + own, key=lambda facts: facts["at"])  # sorted keeps the order of what is told at once
    return Timeline(
        id=owner,
        is_session=False,
        session=session,
        sender="" if accepted is None else accepted["sender"],
        size=None if accepted is None else accepted["size"],
        begun=events[0]["at"],
        recipients=_fates(own),
        events=events,
    )


def find(archive: Archive, *, sender: str | None, recipient: str | None, limit: int) -> list[Timeline]:
    """Timelines of messages from and for these addresses, and of sessions in which they were refused; the newest
    first, at most `limit`. Raises ArchiveFault."""
    found: dict[str, Timeline] = {}
    seen: set[str] = set()
    sought = recipient if recipient is not None else sender
    assert sought is not None
    for owner in archive.search(_bare(sought)):
        if owner in seen:
            continue
        seen.add(owner)
        timeline = read(archive, owner)
        if timeline is not None and _is_meant(timeline, sender, recipient):
            found[owner] = timeline
            if len(found) >= limit:
                break
    return list(found.values())


def _is_meant(timeline: Timeline, sender: str | None, recipient: str | None) -> bool:
    own = timeline.events
    if timeline.is_session:
        return (sender is None or _any(own, sender, _refused("MAIL"))) and (
            recipient is None or _any(own, recipient, _refused("RCPT"))
        )
    return (sender is None or _any(own, sender, _senders)) and (recipient is None or _any(own, recipient, _recipients))


def _any(events: list[Facts], address: str, addresses: Callable[[Facts], Iterator[str]]) -> bool:
    wanted = _bare(address)
    return any(_bare(each) == wanted for facts in events for each in addresses(facts))


def _refused(command: str) -> Callable[[Facts], Iterator[str]]:
    def addresses(facts: Facts) -> Iterator[str]:
        if facts["event"] == "answered" and facts["command"] == command and facts["reply"] >= "4":
            yield facts["argument"].rpartition(">")[0]

    return addresses


def _senders(facts: Facts) -> Iterator[str]:
    if facts["event"] == "accepted":
        yield facts["sender"]


def _recipients(facts: Facts) -> Iterator[str]:
    """Those it was accepted for, and those it was said to be for before an alias led elsewhere, or is now."""
    match facts["event"]:
        case "accepted":
            yield from (each["recipient"] for each in facts["recipients"])
        case "answered" if facts["command"] == "RCPT":
            yield facts["argument"].rpartition(">")[0]
        case "commanded" if "recipient" in facts:
            yield facts["recipient"]


def _transaction(events: list[Facts], message: str) -> list[Facts]:
    """The part of a session that brought a message: its beginning, and what came after the message before."""
    end = next((index for index, facts in enumerate(events) if facts.get("message") == message), len(events))
    # One transaction may bring several, under several senders: they are told one right after the other.
    while end and end < len(events) and events[end - 1]["event"] == "brought":
        end -= 1
    earlier = [index for index, facts in enumerate(events[:end]) if facts["event"] == "brought"]
    start = earlier[-1] + 1 if earlier else 0
    opening = [facts for facts in events[:start] if facts["event"] in ("opened", "hello")]
    return opening + events[start:end]


def _fates(events: list[Facts]) -> dict[str, str]:
    fates: dict[str, str] = {}
    for facts in events:
        match facts["event"]:
            case "accepted":
                fates.update((each["recipient"], "waiting") for each in facts["recipients"])
            case "attempted":
                for each in facts["outcomes"]:
                    fates[each["recipient"]] = "waiting" if each["action"] == "delayed" else each["action"]
            case "commanded":
                for each in facts["recipients"]:
                    if "recipient" in facts:
                        fates.pop(each, None)
                    fates[facts.get("recipient", each)] = _AFTER[facts["command"]]
            case _:
                pass
    return fates


def _bare(address: str) -> str:
    """Without brackets, and in lower case as far as ASCII goes, which is what SQLite compares by."""
    bare = address.strip("<>")
    return bare.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
