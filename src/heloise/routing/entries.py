"""Entries as they are written in a map: the name, and the values that a file or a database has for it. Pure."""

import re
from collections.abc import Iterator, Sequence

from heloise.mail.address import AddressError, Mailbox
from heloise.mail.cause import Rule
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route, Transport
from heloise.routing.tables import Alias, Entry, Forward, ForwardKind, Included, Supplies, User, name_key

INCLUDE = ":include:"
_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')
_NOT_MAIL = ("|", "/", "\\")  # a program, a file, "do not follow": as the aliases of sendmail have them


def split_targets(text: str) -> Iterator[str]:
    """`alice, "b,c"@example.org` → `alice`, `"b,c"@example.org`."""
    for found in _ITEM.finditer(text):
        if item := found[0].strip():
            yield item


def checked_target(text: str) -> str:
    """A target that is a name. Raises ValueError with a sentence."""
    if text.removeprefix('"').startswith(_NOT_MAIL):
        raise ValueError(f"{text} is neither a name nor an address; mail is given to no programs or files here")
    try:
        name_key(text)
    except AddressError:
        raise ValueError(f'{text} is not a name; write it like "alice" or "alice@example.org"') from None
    return text


def entry_of(
    supplies: Supplies,
    name: str,
    values: Sequence[str],
    *,
    tells: bool = False,
    rule: Rule | None = None,
    included: tuple[Included, ...] = (),
) -> Entry:
    """The entry for `name`. Raises ValueError: a value is not what such an entry has."""
    match supplies:
        case Supplies.ALIASES:
            targets = tuple(checked_target(target) for value in values for target in split_targets(value))
            if not targets and not included:
                raise ValueError(f"the alias {name} has no target")
            return Alias(name=name, targets=targets, included=included, rule=rule)
        case Supplies.FORWARDS:
            kind = ForwardKind.TELL if tells else ForwardKind.RELAY
            return Forward(name=name, to=_address(name, values), kind=kind, rule=rule)
        case Supplies.USERS:
            return _user(name, _only(name, values), rule)
        case Supplies.DOMAINS | Supplies.VIRTUAL_DOMAINS:
            raise AssertionError("a domain is no entry")


def _address(name: str, values: Sequence[str]) -> ForwardPath:
    text = _only(name, values)
    try:
        return ForwardPath(Mailbox.from_text(text))
    except AddressError:
        raise ValueError(f'{name} is forwarded to "{text}", which is not an address') from None


def _user(name: str, text: str, rule: Rule | None) -> User:
    """`lmtp:unix:/run/lmtp` is a route, `alice` a mailbox; nothing means a mailbox of the same name.

    Whole addresses name mailboxes of their own, so that alice@one.example and alice@two.example have two.
    """
    if ":" in text:
        route = Route.parse(text)
        if route.transport is not Transport.MAILDIR:
            return User(name=name, route=route, rule=rule)
        text = route.target
    return User(name=name, account=checked_account(text or name.casefold()), rule=rule)


def checked_account(text: str) -> str:
    """The name of a mailbox, which becomes part of a path. Raises ValueError."""
    if text.startswith((".", "<")) or "/" in text or "\0" in text:
        raise ValueError(f"{text} can not name a mailbox: it becomes part of a path")
    return text


def _only(name: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise ValueError(f"{name} has {len(values)} values where there is one")
    return values[0].strip()
