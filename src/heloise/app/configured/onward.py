"""Configuration → mail under other reverse paths: the owners of lists, and the Sender Rewriting Scheme."""

from heloise.app.configured.address_files import Contents, included, plain
from heloise.config.onward import owner_of, read_secrets
from heloise.config.schema import Configuration
from heloise.routing.rewriting import Rewriting
from heloise.routing.router import Router
from heloise.routing.srs import Scheme
from heloise.routing.tables import Alias
from heloise.world import Clock

_DAY = 86400


def mailing_lists(configuration: Configuration, contents: Contents) -> tuple[Alias, ...]:
    """`[[list]]` as entries of the tables."""
    return tuple(
        Alias(
            name=each.name,
            targets=plain(each.members),
            included=included(each.members, contents),
            owner=owner_of(configuration, each),
            rule=configuration.rule("list", index),
        )
        for index, each in enumerate(configuration.lists)
    )


def rewriting(configuration: Configuration, router: Router, clock: Clock) -> Rewriting | None:
    """How senders of forwarded mail are rewritten; None when `[srs]` has no secrets.

    Raises:
        OSError: the secrets, which could be read when the configuration was checked, can not be read any more.
        ValueError: they are not what they were.
    """
    settings, domains = configuration.srs, configuration.local.domains
    if settings.secrets is None:
        return None
    scheme = Scheme(
        domain=settings.domain if settings.domain is not None else domains[0],
        secrets=read_secrets(settings.secrets),
        separator=settings.separator.value,
        max_age=int(settings.max_age / _DAY),
    )
    return Rewriting(scheme, clock, router.is_local)
