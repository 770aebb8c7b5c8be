"""Checks of names: users, aliases, forwards, catch-all and postmaster lead somewhere, and each name is given once."""

from collections.abc import Iterator
from dataclasses import dataclass

from heloise.config.errors import Problem, did_you_mean
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.mail.address import AddressError
from heloise.routing.entries import INCLUDE
from heloise.routing.tables import NameKey, name_key


def problem(draft: Configuration, path: Path, text: str, hint: str = "") -> Problem:
    """A problem at the place of `path`."""
    section = str(path[0]) if len(path) > 1 else ""
    return Problem(rule=draft.places.nearest(*path), section=section, text=text, hint=hint)


def users(draft: Configuration) -> Iterator[Problem]:
    """Each name and each mailbox once, and in a domain of ours."""
    names: dict[NameKey, int] = {}
    accounts: dict[str, int] = {}
    for index, user in enumerate(draft.users):
        path: Path = ("user", index, "name")
        key = name_key(user.name)
        yield from not_local(draft, path, user.name)
        if key in names:
            first = draft.places.nearest("user", names[key], "name")
            yield problem(draft, path, f'"{user.name}" is a user already, {first}')
        elif user.route is None:
            account = user.account or key[0]
            if "/" in account or account.startswith("."):
                hint = 'give him an account, such as account = "alice"'
                yield problem(draft, path, f'"{account}" can not name a mailbox: it becomes part of a path', hint)
            if account in accounts:
                first = draft.places.nearest("user", accounts[account])
                hint = "give one of them another account"
                yield problem(draft, path, f'"{user.name}" has the same mailbox as the user of {first}', hint)
            accounts.setdefault(account, index)
        names.setdefault(key, index)


def aliases(draft: Configuration) -> Iterator[Problem]:
    """Each is a name of ours, and each target is somebody."""
    known = known_names(draft)
    for name, targets in draft.aliases.items():
        key = key_of(name)
        if key is None:
            hint = 'write it like "team" or "team@example.org"'
            yield problem(draft, ("aliases", name), f'"{name}" is not a name', hint)
            continue
        yield from not_local(draft, ("aliases", name), name)
        if not targets:
            yield problem(draft, ("aliases", name), f'the alias "{name}" has no targets')
        for index, target in enumerate(targets):
            if target.startswith(INCLUDE):
                continue  # what is in the file is not of the configuration
            yield from not_known(draft, ("aliases", name, index), target, known)


def forwards(draft: Configuration) -> Iterator[Problem]:
    """Each is a name of ours that is nothing else, and says one thing."""
    taken = {name_key(user.name): "a user" for user in draft.users}
    taken |= {key: "an alias" for name in draft.aliases if (key := key_of(name))}
    for name, forward in draft.forwards.items():
        path: Path = ("forwards", name)
        key = key_of(name)
        if key is None:
            yield problem(draft, path, f'"{name}" is not a name', 'write it like "carol" or "carol@example.org"')
            continue
        yield from not_local(draft, path, name)
        if key in taken:
            yield problem(draft, path, f'"{name}" is {taken[key]}, too; a forward is for somebody who has moved')
        if (forward.relay is None) is (forward.tell is None):
            hint = f'write {{ relay = "{name.partition("@")[0]}@example.net" }}'
            yield problem(draft, path, f'"{name}" has one of relay and tell, and only one', hint)


def catch_all(draft: Configuration) -> Iterator[Problem]:
    """By domains of ours, to somebody."""
    known = Known(known_names(draft).keys, anybody=_has_more(draft), separator=draft.local.separator)
    for domain, target in draft.local.catch_all.items():
        path: Path = ("local", "catch_all", domain)
        if domain != "*" and domain.lower() not in draft.local.all_domains and not _has_more_domains(draft):
            hint = did_you_mean(domain, [*draft.local.all_domains, "*"])
            yield problem(draft, path, f'catch_all: "{domain}" is not a local domain', hint)
        yield from not_known(draft, path, target, known)


def postmaster(draft: Configuration) -> Iterator[Problem]:
    """He is somebody. RFC 5321 §4.5.1."""
    if draft.local.postmaster is not None:
        yield from not_known(draft, ("local", "postmaster"), draft.local.postmaster, known_names(draft))


@dataclass(frozen=True, slots=True)
class Known:
    """The names there are; `anybody` when a catch-all takes the others, or a map may have more."""

    keys: frozenset[NameKey]
    anybody: bool
    separator: str

    def has(self, target: str) -> bool:
        """Would mail for this name be taken, as far as the file tells?"""
        local_part, domain = name_key(target)
        untagged = local_part.partition(self.separator)[0] if self.separator else local_part
        if self.anybody or "postmaster" in (local_part, untagged):
            return True
        parts = {local_part, untagged}
        return any(key[0] in parts and (domain is None or key[1] in (None, domain)) for key in self.keys)

    def names(self, target: str) -> bool:
        """Is there an entry of exactly this name?"""
        local_part, domain = name_key(target)
        return any(key[0] == local_part and (domain is None or key[1] in (None, domain)) for key in self.keys)

    @property
    def written(self) -> list[str]:
        """All local parts."""
        return sorted({local_part for local_part, _ in self.keys})


def known_names(draft: Configuration) -> Known:
    """Those of all tables."""
    users, lists = (user.name for user in draft.users), (each.name for each in draft.lists)
    names = (*users, *lists, *draft.aliases, *draft.forwards)
    keys = frozenset(key for name in names if (key := key_of(name)))
    return Known(keys, anybody=bool(draft.local.catch_all) or _has_more(draft), separator=draft.local.separator)


def _has_more(draft: Configuration) -> bool:
    return any(each.supplies.are_names for each in draft.maps)


def _has_more_domains(draft: Configuration) -> bool:
    return any(not each.supplies.are_names for each in draft.maps)


def key_of(name: str) -> NameKey | None:
    """What a name is found by, or None when it is none."""
    try:
        return name_key(name)
    except AddressError:
        return None


def not_local(draft: Configuration, path: Path, name: str) -> Iterator[Problem]:
    """A name is in a domain of ours."""
    _, domain = name_key(name)
    if domain is not None and domain not in draft.local.all_domains and not _has_more_domains(draft):
        hint = did_you_mean(domain, draft.local.all_domains) or "name it in [local] domains"
        yield problem(draft, path, f'"{name}" is not in a local domain', hint)


def not_known(draft: Configuration, path: Path, target: str, known: Known) -> Iterator[Problem]:
    """A target of ours is somebody."""
    local_part, domain = name_key(target)
    ours = domain is None or domain in draft.local.all_domains
    if ours and not known.has(target):
        hint = did_you_mean(local_part, known.written)
        yield problem(draft, path, f'"{target}" is no user, alias, list or forward', hint)
