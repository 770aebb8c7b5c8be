"""The envelope beside the header: who really gets a message and who sent it, and what its header says. Pure.

They may well differ (RFC 5321 §2.3.1: the envelope decides), as with Bcc and with lists; but who looks for a mail that
did not come has to see it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import getaddresses

from heloise.inbox.message import CaughtMessage

_SENDERS = ("From", "Sender", "Return-Path")
_RECIPIENTS = ("To", "Cc", "Bcc")
_MOST = 500  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One address in both, or only in one. `where` names the field; `note` is why it matters, "" when they agree."""

    what: str
    envelope: str
    header: str
    where: str
    note: str = ""

    @property
    def is_same(self) -> bool:
        """Do they agree?"""
        return not self.note


def compare(message: CaughtMessage) -> tuple[Difference, ...]:
    """The sender, then the recipients of the envelope in order, then those that are only in the header."""
    rows = [*_sender(message), *_recipients(message)]
    return tuple(rows[:_MOST])


def _sender(message: CaughtMessage) -> Iterator[Difference]:
    named = _addresses(message, _SENDERS)
    sender = message.sender
    same = next((each for each in named if each[1].lower() == sender.lower()), None)
    if same is not None:
        yield Difference(what="sender", envelope=sender, header=same[1], where=same[0])
        return
    where, address = named[0] if named else ("From", "")
    if not sender:
        note = "The reverse path is empty, as it is of reports: no failure is told to anybody."
    elif not address:
        note = "The header names nobody that it is from."
    else:
        note = "Reports about failures go to the sender of the envelope, answers to the one in the header."
    yield Difference(what="sender", envelope=sender or "<>", header=address, where=where, note=note)


def _recipients(message: CaughtMessage) -> Iterator[Difference]:
    named = _addresses(message, _RECIPIENTS)
    by_address = {address.lower(): (where, address) for where, address in reversed(named)}
    for recipient in message.recipients:
        where, address = by_address.pop(recipient.lower(), ("", ""))
        note = "" if address else "Not in the header: a Bcc, a list, or a mistake."
        yield Difference(what="recipient", envelope=recipient, header=address, where=where, note=note)
    for where, address in named:
        if by_address.pop(address.lower(), None) is not None:
            note = "Only in the header: this transaction brings it nothing."
            yield Difference(what="recipient", envelope="", header=address, where=where, note=note)


def _addresses(message: CaughtMessage, names: tuple[str, ...]) -> list[tuple[str, str]]:
    found = [(name, message.header(name)) for name in names]
    return [(name, address) for name, value in found for _, address in getaddresses([value]) if address]
