"""Configuration → deliverer."""

from collections.abc import Mapping, Sequence

from heloise.app.journal import Journal
from heloise.app.server.part import ALONE, Part
from heloise.config.addressing import LineEndings
from heloise.config.running import DestinationLimits
from heloise.config.schema import Configuration
from heloise.delivery.allowance import Bounds
from heloise.delivery.attempt import DeliveryDoors, discover_agents
from heloise.delivery.background import Background
from heloise.delivery.deliverer import Deliverer, DeliveryOptions
from heloise.delivery.hook import Hook
from heloise.delivery.logins import Account, Logins
from heloise.local.mailboxes import LocalMailboxes
from heloise.local.program import PipeProgram
from heloise.queue.queue import Queue
from heloise.queue.schedule import RetrySchedule
from heloise.routing.rewriting import Routes
from heloise.smtp.registry import Registry
from heloise.world import CertificateFiles, Endpoint, OutgoingTls, World

_SMTP_PORT = 25


def make_deliverer(
    configuration: Configuration,
    queue: Queue,
    world: World,
    registry: Registry,
    router: Routes,
    mailboxes: LocalMailboxes,
    journal: Journal,
    background: Background,
    part: Part = ALONE,
) -> Deliverer:
    """A deliverer with all agents; not started."""
    doors = delivery_doors(configuration, world, registry, mailboxes, background)
    return Deliverer(queue, doors, discover_agents(), router.route_own, journal, delivery_options(configuration, part))


def delivery_doors(
    configuration: Configuration, world: World, registry: Registry, mailboxes: LocalMailboxes, background: Background
) -> DeliveryDoors:
    """What agents need."""
    delivery = configuration.delivery
    return DeliveryDoors(
        world=world,
        hostname=configuration.hostname,
        extensions=registry,
        mailboxes=mailboxes,
        background=background,
        own_names=own_names(configuration),
        connect_timeout=delivery.connect_timeout,
        verbose_peers=delivery.verbose_peers,
        tls_for=lambda name: tls_for(configuration, name),
        forwards_to=lambda name: forwards_to(configuration, name),
        logins=_logins(configuration, world),
        programs=_programs(configuration),
        hooks=_hooks(configuration),
    )


def delivery_options(configuration: Configuration, part: Part) -> DeliveryOptions:
    """How many attempts at once, and when the next ones."""
    delivery, retry = configuration.delivery, configuration.retry
    return DeliveryOptions(
        attempts=part.share(delivery.concurrency),
        bounds_of=lambda names: part.share_of(bounds_of(configuration, names)),
        schedule=RetrySchedule(
            intervals=tuple(retry.intervals), expire_after=retry.expire_after, warn_after=retry.warn_after
        ),
    )


def bounds_of(configuration: Configuration, names: Sequence[str]) -> Bounds:
    """What is allowed to the destination of these hosts, each with its port: by the first [[destination]] that names
    one of them, else by [delivery]."""
    hosts = [name.rpartition(":")[0].strip("[]").lower() for name in names]
    delivery = configuration.delivery
    found = _section_of(configuration, hosts)
    concurrency = delivery.per_destination if found is None or found.concurrency is None else found.concurrency
    return Bounds(concurrency=concurrency, rate=delivery.rate if found is None or found.rate is None else found.rate)


def tls_for(configuration: Configuration, name: str) -> OutgoingTls:
    """How connections to the host of this name are protected: by the first [[destination]] that names it, else as
    [delivery] says."""
    delivery = configuration.delivery
    found = _section_of(configuration, [name.strip("[]").lower()])
    level = delivery.tls if found is None or found.tls is None else found.tls
    chain, key = delivery.certificate, delivery.key
    if found is not None and found.certificate is not None:
        chain, key = found.certificate, found.key
    shown = None if chain is None or key is None else CertificateFiles(chain=chain, key=key)
    waivable = delivery.senders_may_waive_tls
    if found is not None and found.senders_may_waive_tls is not None:
        waivable = found.senders_may_waive_tls
    return OutgoingTls(level=level, ca_file=delivery.ca_file, certificate=shown, is_waivable=waivable)


def _logins(configuration: Configuration, world: World) -> Logins | None:
    """Who we are to which host; None when nobody wants to know."""
    accounts = [
        (
            each.hosts,
            Account(
                user=each.user,
                secret_file=each.token_file or each.password_file,
                is_token=each.token_file is not None,
                mechanisms=each.mechanisms,
                in_clear=each.allow_plaintext,
            ),
        )
        for each in configuration.credentials
    ]

    def account_for(name: str) -> Account | None:
        host = name.strip("[]").lower()
        return next((one for hosts, one in accounts if any(_is_named(host, pattern) for pattern in hosts)), None)

    return Logins(account_for, world) if accounts else None


def forwards_to(configuration: Configuration, name: str) -> bool:
    """Is the host of this name told by XFORWARD where a message is from?"""
    found = _section_of(configuration, [name.strip("[]").lower()])
    return found is not None and found.xforward


def _section_of(configuration: Configuration, hosts: Sequence[str]) -> DestinationLimits | None:
    """The first [[destination]] that names one of these hosts."""
    for each in configuration.destinations:
        if any(_is_named(host, pattern) for host in hosts for pattern in each.hosts):
            return each
    return None


def _is_named(host: str, pattern: str) -> bool:
    return host.endswith(pattern) if pattern.startswith(".") else host == pattern


def own_names(configuration: Configuration) -> frozenset[str]:
    """Our addresses on the port where exchangers are expected: mail that is led there would come back to us."""
    addresses = [listener.address for listener in configuration.listeners]
    return frozenset(each.host for each in addresses if isinstance(each, Endpoint) and each.port == _SMTP_PORT)


def _programs(configuration: Configuration) -> Mapping[str, PipeProgram]:
    return {
        pipe.name: PipeProgram(
            name=pipe.name,
            command=pipe.command,
            user=pipe.user,
            directory=pipe.directory,
            timeout=pipe.timeout,
            one_recipient=pipe.one_recipient,
            line_feeds=pipe.line_endings is LineEndings.LF,
            concurrency=pipe.concurrency,
            separator=configuration.local.separator,
        )
        for pipe in configuration.pipes
    }


def _hooks(configuration: Configuration) -> Mapping[str, Hook]:
    return {
        hook.name: Hook(
            name=hook.name,
            url=hook.url,
            secret=hook.secret,
            headers=hook.headers,
            timeout=hook.timeout,
            max_size=hook.max_size,
            concurrency=hook.concurrency,
        )
        for hook in configuration.hooks
    }
