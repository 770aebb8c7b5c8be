"""Checks of `[[list]]` and `[srs]`, and what is read besides the file: secrets that sign reverse paths."""

from collections.abc import Iterator
from pathlib import Path as FilePath

from heloise.config.addressing import MailingList
from heloise.config.errors import Problem, did_you_mean
from heloise.config.names import key_of, known_names, not_known, not_local, problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.routing.entries import INCLUDE
from heloise.routing.tables import NameKey, name_key

_DAY = 86400
_SHORTEST = 8  # characters of a secret; the hash in an address shows 20 bits of it at a time
_MOST_DAYS = 1023  # the scheme tells time modulo 1024 days


def lists(draft: Configuration) -> Iterator[Problem]:
    """Each is a name of ours that is nothing else, with members, and an owner who is somebody else."""
    known = known_names(draft)
    taken: dict[NameKey, str] = {}
    for what, names in (("an alias", draft.aliases), ("a forward", draft.forwards)):
        taken |= {key: what for name in names if (key := key_of(name)) is not None}
    for index, each in enumerate(draft.lists):
        path: Path = ("list", index, "name")
        key = name_key(each.name)
        yield from not_local(draft, path, each.name)
        if key in taken:
            yield problem(draft, path, f'"{each.name}" is {taken[key]}, too')
        taken.setdefault(key, "a list")
        if not each.members:
            yield problem(draft, ("list", index, "members"), f'the list "{each.name}" has no members')
        for number, member in enumerate(each.members):
            if member.startswith(INCLUDE):
                continue  # what is in the file is not of the configuration
            yield from not_known(draft, ("list", index, "members", number), member, known)
        owner = owner_of(draft, each)
        if owner is None:
            hint = 'write owner = "…", who gets the reports about members that can not be reached'
            yield problem(draft, path, f'the list "{each.name}" has no owner', hint)
        elif name_key(owner) == key:
            hint = "a report to the list would be sent to all its members"
            yield problem(draft, ("list", index, "owner"), f'the list "{each.name}" is its own owner', hint)
        elif each.owner is not None:
            yield from not_known(draft, ("list", index, "owner"), each.owner, known)


def owner_of(configuration: Configuration, each: MailingList) -> str | None:
    """The owner that is given, or whoever is called so; None when there is nobody."""
    if each.owner is not None:
        return each.owner
    known = known_names(configuration)
    local_part, at, domain = each.name.rpartition("@") if "@" in each.name else (each.name, "", "")
    candidates = (f"owner-{local_part}{at}{domain}", f"{local_part}-owner{at}{domain}")
    return next((name for name in candidates if known.names(name)), None)


def srs(draft: Configuration) -> Iterator[Problem]:
    """Secrets that can be read, in a domain of ours, for a time that the scheme can tell."""
    settings = draft.srs
    if settings.domain is not None and settings.domain not in draft.local.domains:
        hint = did_you_mean(settings.domain, draft.local.domains) or "name it in [local] domains"
        yield problem(draft, ("srs", "domain"), f'"{settings.domain}" is not a local domain', hint)
    days = settings.max_age / _DAY
    if days != int(days) or not 1 <= days <= _MOST_DAYS:
        text = f"max_age is in whole days, from 1d to {_MOST_DAYS}d"
        yield problem(draft, ("srs", "max_age"), text)
    if settings.secrets is None:
        return
    if not draft.local.domains:
        yield problem(draft, ("srs",), "there is no local domain for the addresses of the scheme")
    try:
        read_secrets(settings.secrets)
    except (OSError, ValueError) as error:
        trouble = error.strerror if isinstance(error, OSError) else error
        hint = f"make one by: openssl rand -hex 16 > {settings.secrets}"
        yield problem(draft, ("srs", "secrets"), f"{settings.secrets}: {trouble}", hint)


def advise_srs(configuration: Configuration) -> Iterator[Problem]:
    """The secrets are secret."""
    path = configuration.srs.secrets
    if path is not None and FilePath(path).stat().st_mode & 0o004:
        text = f"{path} can be read by everybody on this machine, who can then make addresses of the scheme"
        yield problem(configuration, ("srs", "secrets"), text, f"chmod o-r {path}")


def read_secrets(path: str) -> tuple[bytes, ...]:
    """A secret in each line; blank ones and those that begin with # do not count. Raises OSError, ValueError."""
    lines = (line.strip() for line in FilePath(path).read_bytes().splitlines())
    secrets = tuple(line for line in lines if line and not line.startswith(b"#"))
    if not secrets:
        raise ValueError("there is no secret in the file")
    if any(len(secret) < _SHORTEST for secret in secrets):
        raise ValueError(f"a secret in the file has fewer than {_SHORTEST} characters")
    return secrets
