"""What the shape of the file can not tell: values that do not go together. Each check is a row of `CHECKS`.

A check that reads a section which is already known to be broken is left out, so that no problem is reported that
is only the echo of another.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import ip_address
from typing import TypeAlias

from heloise.config import (
    agent_checks,
    auth_checks,
    certificate_checks,
    failing_checks,
    filter_checks,
    judging_checks,
    map_checks,
    names,
    neighbour_checks,
    onward,
    role_checks,
)
from heloise.config.admin_checks import admin_listener
from heloise.config.credential_checks import check_credentials
from heloise.config.errors import Problem, did_you_mean
from heloise.config.kinds import read_route_domain
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.mail.route import Transport
from heloise.reception.admission import Audience
from heloise.smtp.extension import FOR_SPOKESMEN
from heloise.smtp.extensions.etrn import QUEUE as ETRN_QUEUE
from heloise.smtp.registry import discover
from heloise.world.network import Endpoint, UnixEndpoint

Check: TypeAlias = Callable[[Configuration], Iterator[Problem]]


def check(draft: Configuration, *, broken: Collection[str]) -> list[Problem]:
    """All problems of a draft; `broken` are the sections that have some already."""
    return [problem for sections, one in CHECKS if not sections & set(broken) for problem in one(draft)]


def listeners(draft: Configuration) -> Iterator[Problem]:
    """There is one, and no two on one address."""
    if not draft.listeners:
        hint = 'write [[listener]] and below it address = "127.0.0.1:25"'
        yield problem(draft, (), "there is no listener, so nobody could connect", hint)
    seen: dict[object, int] = {}
    for index, listener in enumerate(draft.listeners):
        address = listener.address
        if listener.max_connections < 1:
            yield problem(draft, ("listener", index, "max_connections"), "max_connections is at least 1")
        if isinstance(address, Endpoint) and address.port == 0:
            continue
        if address in seen:
            first = draft.places.nearest("listener", seen[address], "address")
            yield problem(draft, ("listener", index, "address"), f"{address} is listened on already by {first}")
        seen.setdefault(address, index)


def networks(draft: Configuration) -> Iterator[Problem]:
    """A section about networks has some."""
    for index, rules in enumerate(draft.networks):
        if not rules.networks:
            yield problem(draft, ("network", index, "networks"), "the section is for no network")


def extensions(draft: Configuration) -> Iterator[Problem]:
    """Only extensions that there are."""
    keywords = sorted(discover().keywords)
    yield from _extensions(draft, ("extensions",), draft.extensions, keywords)
    for index, listener in enumerate(draft.listeners):
        yield from _extensions(draft, ("listener", index, "extensions"), listener.extensions, keywords)


def _extensions(
    draft: Configuration, path: Path, audiences: Mapping[str, object], keywords: list[str]
) -> Iterator[Problem]:
    for keyword in audiences:
        if keyword in FOR_SPOKESMEN and audiences[keyword] is not Audience.OFF:
            text = f"{keyword} is for the hosts that [{keyword.lower()}] networks names, and for nobody else"
            yield problem(draft, (*path, keyword), text)
        if keyword not in keywords:
            yield problem(draft, (*path, keyword), f'unknown extension "{keyword}"', did_you_mean(keyword, keywords))


def local_domains(draft: Configuration) -> Iterator[Problem]:
    """Each once, and none of them routed elsewhere."""
    seen = set()
    for key in ("domains", "virtual_domains"):
        for index, domain in enumerate(getattr(draft.local, key)):
            if domain in seen:
                yield problem(draft, ("local", key, index), f'"{domain}" is named twice')
            seen.add(domain)


def routes(draft: Configuration) -> Iterator[Problem]:
    """Each domain routed once, and no local one."""
    seen: dict[str, Path] = {}
    local = {
        domain: draft.places.nearest("local", key, index)
        for key in ("domains", "virtual_domains")
        for index, domain in enumerate(getattr(draft.local, key))
    }
    for index, route in enumerate(draft.routes):
        if not route.domains:
            yield problem(draft, ("route", index, "domains"), "the route has no domains")
        for number, domain in enumerate(route.domains):
            path: Path = ("route", index, "domains", number)
            if domain in local:
                yield problem(
                    draft, path, f'"{domain}" is local ({local[domain]}); it can not be routed elsewhere as well'
                )
            if domain in seen:
                yield problem(draft, path, f'"{domain}" has a route already, {draft.places.nearest(*seen[domain])}')
            seen.setdefault(domain, path)


def maildir(draft: Configuration) -> Iterator[Problem]:
    """Every user needs a Maildir of his own."""
    text = draft.local.maildir
    if "{user}" not in text or "{" in text.replace("{user}", ""):
        hint = 'write it like "mail/{user}/Maildir"'
        yield problem(draft, ("local", "maildir"), "maildir has {user} in it, and no other braces", hint)
    separator = draft.local.separator
    if separator and (len(separator) > 1 or separator.isalnum() or separator in "@.%!"):
        yield problem(draft, ("local", "separator"), 'separator is one character, such as "+" or "-", or empty')


def numbers(draft: Configuration) -> Iterator[Problem]:
    """What must not be nothing."""
    for section, keys in (
        ("limits", ("recipients", "received_fields", "errors", "connections", "connections_per_client")),
        ("limits", ("command_timeout", "data_timeout")),
        ("delivery", ("concurrency", "per_destination", "connect_timeout")),
    ):
        for key in keys:
            if getattr(getattr(draft, section), key) <= 0:
                yield problem(draft, (section, key), f"{key} is more than 0")
    for key, least in (("command_line", 512), ("text_line", 1000)):
        if getattr(draft.limits, key) < least:  # RFC 5321 §4.5.3.1.4, §4.5.3.1.6
            yield problem(draft, ("limits", key), f"{key} is at least {least} octets, as RFC 5321 §4.5.3.1 asks")


def destinations(draft: Configuration) -> Iterator[Problem]:
    """Each has hosts, and something to say of them; each host is in one."""
    seen: dict[str, Path] = {}
    for index, destination in enumerate(draft.destinations):
        if not destination.hosts:
            yield problem(draft, ("destination", index, "hosts"), "the destination has no hosts")
        if destination.concurrency is not None and destination.concurrency < 1:
            yield problem(draft, ("destination", index, "concurrency"), "concurrency is more than 0")
        said = (
            destination.concurrency,
            destination.rate,
            destination.tls,
            destination.senders_may_waive_tls,
            destination.xforward or None,
        )
        if said == (None,) * len(said):
            text = "the destination has neither concurrency nor rate nor tls nor xforward"
            yield problem(draft, ("destination", index), text)
        for number, host in enumerate(destination.hosts):
            path: Path = ("destination", index, "hosts", number)
            if host in seen:
                yield problem(draft, path, f'"{host}" is in another one, {draft.places.nearest(*seen[host])}')
            seen.setdefault(host, path)


def retry(draft: Configuration) -> Iterator[Problem]:
    """There is a next attempt, and it comes before giving up."""
    intervals = draft.retry.intervals
    if not intervals:
        yield problem(draft, ("retry", "intervals"), 'intervals is empty; write it like ["5m", "30m", "2h"]')
    for index, interval in enumerate(intervals):
        if interval <= 0:
            yield problem(draft, ("retry", "intervals", index), "an interval is longer than nothing")
    if intervals and draft.retry.expire_after <= intervals[0]:
        text = "expire_after is not longer than the first of the intervals, so nothing would be tried twice"
        yield problem(draft, ("retry", "expire_after"), text)


def etrn(draft: Configuration) -> Iterator[Problem]:
    """Domains, queues that there are, or the star."""
    queues = sorted(draft.etrn.queues)
    for name, domains in draft.etrn.queues.items():
        if ETRN_QUEUE.fullmatch(name) is None:
            text = f'"{name}" can not be asked for: the name of a queue has letters, digits, and ".", "_", "-"'
            yield problem(draft, ("etrn", "queues", name), text)
        if not domains:
            yield problem(draft, ("etrn", "queues", name), f'the queue "{name}" has no domains')
    yield from _etrn_nodes(draft, ("etrn", "domains"), draft.etrn.domains, queues)
    for index, client in enumerate(draft.etrn.clients):
        if not client.networks:
            yield problem(draft, ("etrn", "client", index, "networks"), "the client has no networks")
        yield from _etrn_nodes(draft, ("etrn", "client", index, "domains"), client.domains, queues)


def _etrn_nodes(draft: Configuration, path: Path, nodes: tuple[str, ...], queues: list[str]) -> Iterator[Problem]:
    for index, node in enumerate(nodes):
        if node.startswith("#"):
            if node[1:] not in queues:
                hint = did_you_mean(node[1:], queues) if queues else "name it in [etrn.queues]"
                yield problem(draft, (*path, index), f'there is no queue "{node[1:]}"', hint)
            continue
        try:
            if node != "*":
                read_route_domain(node)
        except ValueError as error:
            yield problem(draft, (*path, index), f'"{node}" {error}')


def odmr(draft: Configuration) -> Iterator[Problem]:
    """Each site has hosts and domains, none of them local; and there is a door for them."""
    for index, site in enumerate(draft.sites_on_demand):
        if not site.networks:
            yield problem(draft, ("odmr", index, "networks"), "the site has no networks")
        if not site.domains:
            yield problem(draft, ("odmr", index, "domains"), "the site has no domains")
        for number, domain in enumerate(site.domains):
            if domain in draft.local.domains:
                place = draft.places.nearest("local", "domains", list(draft.local.domains).index(domain))
                text = f'"{domain}" is local ({place}); its mail can not be fetched as well'
                yield problem(draft, ("odmr", index, "domains", number), text)


def nameservers(draft: Configuration) -> Iterator[Problem]:
    """Name servers are IP addresses: their names could not be looked up."""
    for index, server in enumerate(draft.dns.nameservers):
        if isinstance(server, UnixEndpoint) or not _is_ip(server.host):
            yield problem(draft, ("dns", "nameservers", index), f'"{server}" is not an IP address and a port')


def smarthost(draft: Configuration) -> Iterator[Problem]:
    """A mailbox is nowhere to send everything to."""
    if draft.smarthost is not None and draft.smarthost.transport is Transport.MAILDIR:
        yield problem(draft, ("smarthost",), "smarthost is another server, not a mailbox")


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


_NAMES = frozenset({"local", "user", "aliases", "list", "forwards", "map"})

CHECKS: tuple[tuple[frozenset[str], Check], ...] = (
    (frozenset({"listener"}), listeners),
    (frozenset({"listener"}), neighbour_checks.proxies),
    (frozenset({"listener", "milter"}), filter_checks.milters),
    (frozenset({"rspamd"}), filter_checks.rspamd),
    (frozenset({"listener", "tls", "delivery", "destination"}), certificate_checks.certificates),
    (frozenset({"listener", "auth", "tls"}), auth_checks.authentication),
    (frozenset({"listener"}), role_checks.roles),
    (frozenset({"listener", "extensions"}), extensions),
    (frozenset({"network"}), networks),
    (frozenset({"local"}), local_domains),
    (frozenset({"local", "route"}), routes),
    (frozenset({"local"}), maildir),
    (frozenset({"map"}), map_checks.maps),
    (frozenset({"limits", "delivery"}), numbers),
    (frozenset({"policy"}), judging_checks.policy),
    (frozenset({"greylist"}), judging_checks.greylist),
    (frozenset({"quota"}), judging_checks.quotas),
    (frozenset({"destination"}), destinations),
    (frozenset({"credentials"}), check_credentials),
    (frozenset({"pipe"}), agent_checks.pipes),
    (frozenset({"hook"}), agent_checks.hooks),
    (frozenset({"pipe", "hook", "user", "route"}), agent_checks.agent_routes),
    (frozenset({"fault", "staging"}), failing_checks.faults),
    (frozenset({"retry"}), retry),
    (frozenset({"etrn"}), etrn),
    (frozenset({"odmr", "local"}), odmr),
    (frozenset({"dns"}), nameservers),
    (frozenset({"admin"}), admin_listener),
    (frozenset(), smarthost),
    (_NAMES, names.users),
    (_NAMES, names.aliases),
    (_NAMES, names.forwards),
    (_NAMES, onward.lists),
    (frozenset({"local", "srs"}), onward.srs),
    (_NAMES, names.catch_all),
    (_NAMES, names.postmaster),
)
