"""Checks of `[auth]`: who can prove what, and by which mechanisms."""

from collections.abc import Iterator

from heloise.config.agent_checks import headers_of, url_of
from heloise.config.errors import Problem, did_you_mean
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.net.tls import authorities
from heloise.smtp.sasl.exchange import ALL_MECHANISMS
from heloise.smtp.sasl.oauth import NAMES as BY_TOKEN
from heloise.world.tls import TlsFileError


def authentication(draft: Configuration) -> Iterator[Problem]:
    """Where AUTH is a must there are users; mechanisms are those that there are; what belongs together is together."""
    auth = draft.auth
    for index, listener in enumerate(draft.listeners):
        key = "requires_auth" if listener.requires_auth else "role"
        path: Path = ("listener", index, key)
        if listener.auth_is_required and not auth.has_users:
            hint = 'write users = "users" below [auth], and add some by `heloise user add`'
            yield problem(draft, path, f"{key} needs [auth] users, or nobody could bring mail", hint)
        if listener.client_certificates and draft.tls.client_ca is None:
            hint = 'write client_ca = "…" below [tls]'
            yield problem(draft, (*path[:2], "client_certificates"), "there is no authority for them", hint)
    for number, name in enumerate(auth.mechanisms):
        if name not in ALL_MECHANISMS:
            hint = did_you_mean(name, ALL_MECHANISMS)
            yield problem(draft, ("auth", "mechanisms", number), f'unknown mechanism "{name}"', hint)
        elif name in BY_TOKEN and auth.tokens is None:
            hint = 'write [auth.tokens] and below it url = "…"'
            yield problem(draft, ("auth", "mechanisms", number), f"{name} needs somebody who knows tokens", hint)
    if auth.has_users and not auth.mechanisms:
        yield problem(draft, ("auth", "mechanisms"), "there are users, and no mechanism to prove who they are")
    databases = [one for one in (auth.sqlite, auth.postgresql) if one is not None]
    if len(databases) > 1:
        yield problem(draft, ("auth", "postgresql"), "users are in one database; sqlite is another")
    if bool(databases) != (auth.query is not None):
        yield problem(draft, ("auth",), "a database and query go together")
    if draft.tls.client_ca is not None:
        try:
            authorities(draft.tls.client_ca)
        except TlsFileError as error:
            yield problem(draft, ("tls", "client_ca"), str(error))
    yield from _services(draft)


def _services(draft: Configuration) -> Iterator[Problem]:
    service, tokens = draft.auth.service, draft.auth.tokens
    for key, one in (("service", service), ("tokens", tokens)):
        if one is None:
            continue
        at: Path = ("auth", key)
        yield from url_of(draft, at, one.url)
        for name, value in (("timeout", one.timeout), ("concurrency", one.concurrency)):
            if value <= 0:
                yield problem(draft, (*at, name), f"{name} is more than 0")
    if service is not None:
        yield from headers_of(draft, ("auth", "service"), service.headers)
    if tokens is not None and (tokens.client_id is None) != (tokens.client_secret_file is None):
        yield problem(draft, ("auth", "tokens"), "client_id and client_secret_file go together")
