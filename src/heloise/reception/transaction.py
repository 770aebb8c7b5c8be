"""What one open transaction of a session has gathered. RFC 5321 §3.3."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from heloise.dsn.submission import Routed
from heloise.mail.envelope import Envelope, Parameter, Parameters, Recipient
from heloise.mail.hints import Hints
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.mail.sink import Deposit, Submission
from heloise.mail.trace import Origin
from heloise.reception.held import HeldContent
from heloise.reception.owed import BEGINNING, Owed
from heloise.routing.propagate import Onward, Sender

Hinting: TypeAlias = Callable[[Envelope, float], Hints]
"""What the parameters of an envelope that is taken at a time ask of the queue."""


class Transaction:
    """The recipients to be stored, each once, and the deposit once there is content.

    `owed` are recipients whose sender wants to hear what they stand for; the report goes to `report_routes`, and for
    it the `beginning` of the content is kept. Of `submissions` the first is what the deposit was begun with. While the
    content is `held` back for somebody who has to look at it, there is no deposit.
    """

    __slots__ = (
        "_is_parted",
        "_onward",
        "beginning",
        "deposit",
        "held",
        "owed",
        "report_routes",
        "submissions",
        "trace_size",
    )

    def __init__(self) -> None:
        self.submissions: tuple[Submission, ...] = ()
        self.deposit: Deposit | None = None
        self.held: HeldContent | None = None
        self.trace_size = 0
        self.owed: dict[Recipient, Owed] = {}
        self.report_routes: Routed = ()
        self.beginning = b""
        self._onward: dict[tuple[ForwardPath, Route], Onward] = {}
        self._is_parted = False

    def add(self, onward: Onward) -> None:
        """One more recipient. Whoever is both written to and the member of a list gets the copy for himself, so that
        what was asked for with his name counts; and one only."""
        key = onward.recipient.forward_path, onward.route
        known = self._onward.setdefault(key, onward)
        if known.sender is not None and known.sender.of_list and not (onward.sender and onward.sender.of_list):
            self._onward[key] = onward
        if onward.sender is not None:
            self._is_parted = True

    def part(
        self,
        envelope: Envelope,
        origin: Origin,
        new_id: Callable[[], MessageId],
        first: MessageId | None = None,
        hints: Hinting | None = None,
    ) -> tuple[Submission, ...]:
        """What is to be taken for `envelope`: the same content under one reverse path, or under several.

        There is at least one submission, and what goes on as it came is the first. Each has an id of its own, the first
        one `first` when that is given, and the `hints` of its parameters.
        """
        if not self._is_parted:
            self.submissions = (_submission(envelope, None, list(self._onward.values()), origin, new_id()),)
        else:
            groups: dict[Sender | None, list[Onward]] = {}
            for each in self._onward.values():
                groups.setdefault(each.sender, []).append(each)
            self.submissions = tuple(
                [
                    _submission(envelope, sender, groups[sender], origin, new_id())
                    for sender in sorted(groups, key=_is_another)
                ]
            )
        if first is not None:
            self.submissions = (replace(self.submissions[0], message_id=first), *self.submissions[1:])
        if hints is not None:
            self._give_hints(hints)
        return self.submissions

    def ask(self, parameter: Parameter, hints: Hinting | None) -> Submission:
        """One parameter more, that was not in MAIL, and what all of them ask of the queue now; the first submission."""
        self.submissions = tuple(
            [replace(each, envelope=_asking(each.envelope, parameter)) for each in self.submissions]
        )
        if hints is not None:
            self._give_hints(hints)
        return self.submissions[0]

    def _give_hints(self, hints: Hinting) -> None:
        self.submissions = tuple(
            [replace(each, hints=hints(each.envelope, each.origin.received_at)) for each in self.submissions]
        )

    def hold(self) -> Submission:
        """All of it stays in the queue until an operator releases it; the first."""
        self.submissions = tuple([replace(each, is_held=True) for each in self.submissions])
        return self.submissions[0]

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """The next octets, to the deposit; None when it has them."""
        if self.deposit is None:
            assert self.held is not None
            return self.held.write(octets)
        if self.owed and len(self.beginning) < BEGINNING:
            self.beginning += octets
        return self.deposit.write(octets)


def _submission(
    envelope: Envelope, sender: Sender | None, onward: list[Onward], origin: Origin, message_id: MessageId
) -> Submission:
    return Submission(
        message_id=message_id,
        envelope=Envelope(
            reverse_path=envelope.reverse_path if sender is None else sender.reverse_path,
            parameters=envelope.parameters if sender is None else sender.parameters(envelope.parameters),
            recipients=tuple([each.recipient for each in onward]),
        ),
        routes=tuple([each.route for each in onward]),
        origin=origin,
    )


def _asking(envelope: Envelope, parameter: Parameter) -> Envelope:
    return replace(envelope, parameters=Parameters((*envelope.parameters.items, parameter)))


def _is_another(sender: Sender | None) -> bool:
    return sender is not None
