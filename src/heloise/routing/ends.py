"""What following a name ends in: recipients with their routes, or a refusal. Values. RFC 5321 §3.4, §3.9."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from heloise.mail import causes
from heloise.mail.address import Mailbox
from heloise.mail.cause import Rule
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.routing.lookup import LookupFailed
from heloise.routing.tables import User
from heloise.smtp import replies


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not: say `reply`. With `trouble` when only nothing can be said now, since a map can not be asked."""

    reply: Reply
    trouble: LookupFailed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One end of an expansion: a path, its route, and the user behind it when it is a mailbox of ours.

    `owner` when it is reached as the member of a mailing list: of the last one, when lists lie in lists.
    """

    path: ForwardPath
    route: Route
    user: User | None = None
    owner: Mailbox | None = None
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """All ends of a name. `forwarded_to` when the name itself has moved, so that 251 is the answer."""

    targets: tuple[Target, ...]
    rule: Rule | None = None
    forwarded_to: ForwardPath | None = None
    told: tuple[str, ...] = ()


Found: TypeAlias = Expanded | Refusal


def lookup_refused(path: ForwardPath | str, trouble: LookupFailed) -> Refusal:
    """451: what a map would have said is not known, so nobody may say 550 or 250."""
    question = trouble.question
    cause = causes.LOOKUP_FAILED.because(
        question.map.rule, recipient=path, map=question.map.shown, key=question.key, error=trouble.error
    )
    return Refusal(replies.lookup_failed(path, cause), trouble)


def dead_end(path: ForwardPath) -> Route:
    """A route to a mailbox that there can not be: whoever tries it finds that the recipient is unknown."""
    return Route(Transport.MAILDIR, str(path))


def owned(targets: Sequence[Target], owner: Mailbox | None) -> tuple[Target, ...]:
    """The members of a list of `owner`; those of a list inside of it stay with theirs."""
    if owner is None:
        return tuple(targets)
    return tuple(target if target.owner is not None else replace(target, owner=owner) for target in targets)
