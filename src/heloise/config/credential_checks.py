"""Checks of `[[credentials]]`, and of the files with secrets."""

from collections.abc import Iterator
from pathlib import Path as FilePath

from heloise.config.errors import Problem, did_you_mean
from heloise.config.names import problem
from heloise.config.schema import Configuration
from heloise.smtp.sasl.choosing import BY_TOKEN, CLIENT_MECHANISMS
from heloise.smtp.sasl.exchange import IN_CLEAR


def check_credentials(draft: Configuration) -> Iterator[Problem]:
    """There is something to prove oneself with, by mechanisms that there are."""
    for index, each in enumerate(draft.credentials):
        at = ("credentials", index)
        if not each.hosts:
            yield problem(draft, (*at, "hosts"), "the credentials are for no host")
        if each.password_file is not None and each.token_file is not None:
            yield problem(draft, (*at, "token_file"), "there is a password and a token; one of them is enough")
        external = each.mechanisms == ("EXTERNAL",)
        if each.password_file is None and each.token_file is None and not external:
            hint = 'write password_file = "\u2026", or mechanisms = ["EXTERNAL"] for a certificate'
            yield problem(draft, at, "there is no password", hint)
        if not each.user and not external:
            yield problem(draft, at, "there is no user", 'write user = "\u2026"')
        for number, name in enumerate(each.mechanisms):
            if name not in CLIENT_MECHANISMS:
                hint = did_you_mean(name, CLIENT_MECHANISMS)
                yield problem(draft, (*at, "mechanisms", number), f'unknown mechanism "{name}"', hint)
            elif (name in BY_TOKEN) != (each.token_file is not None) and name != "EXTERNAL":
                wanted = "a token" if name in BY_TOKEN else "a password"
                yield problem(draft, (*at, "mechanisms", number), f"{name} wants {wanted}")


def advise_credentials(configuration: Configuration) -> Iterator[Problem]:
    """The password is there, secret, and shown to nobody who only says that he is the host."""
    for index, each in enumerate(configuration.credentials):
        for key in ("password_file", "token_file"):
            path = getattr(each, key)
            if path is not None:
                yield from _file(configuration, ("credentials", index, key), path)
        if each.allow_plaintext:
            text = f"everybody on the way to {', '.join(each.hosts)} can read the password"
            yield problem(configuration, ("credentials", index, "allow_plaintext"), text)
        unverified = [host for host in each.hosts if not _is_verified(configuration, host)]
        if unverified and (not each.mechanisms or IN_CLEAR & set(each.mechanisms)):
            names = ", ".join(unverified)
            text = f"the password is shown to whoever says that he is {names}: nobody looks at the certificate"
            hint = f'write [[destination]] with hosts = ["{unverified[0]}"] and tls = "verify"'
            yield problem(configuration, ("credentials", index), text, hint)


def _file(configuration: Configuration, at: tuple[str | int, ...], path: str) -> Iterator[Problem]:
    try:
        mode = FilePath(path).stat().st_mode
    except OSError as error:
        yield problem(configuration, at, f"{path}: {error.strerror}")
        return
    if mode & 0o004:
        yield problem(configuration, at, f"{path} can be read by everybody on this machine", f"chmod o-r {path}")


def _is_verified(configuration: Configuration, host: str) -> bool:
    levels = [
        each.tls if each.tls is not None else configuration.delivery.tls
        for each in configuration.destinations
        if any(host == pattern or (pattern.startswith(".") and host.endswith(pattern)) for pattern in each.hosts)
    ]
    return (levels[0] if levels else configuration.delivery.tls).value == "verify"
