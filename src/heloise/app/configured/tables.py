"""Configuration → routing tables and admission policies; every entry takes its file:line along."""

from collections.abc import Iterable
from dataclasses import fields, replace

from heloise.app.configured.address_files import NO_CONTENTS, Contents, included, plain
from heloise.app.configured.onward import mailing_lists
from heloise.config.encrypting import ListenerTls
from heloise.config.listening import Limits, Listener, Protocol
from heloise.config.schema import Configuration
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route, Transport
from heloise.policy.views import ListenerRole
from heloise.reception.admission import DEFAULT_AUDIENCES, AdmissionPolicy, Audience, Network
from heloise.reception.on_request import EtrnGrant, EtrnPolicy, NamedQueue, OnDemandSite
from heloise.reception.proxies import ProxyRules
from heloise.routing.files import local_domain
from heloise.routing.tables import (
    Alias,
    CatchAll,
    Entry,
    Forward,
    ForwardKind,
    LocalDomain,
    LookupMap,
    RoutingTables,
    Smarthost,
    StaticRoute,
    User,
)
from heloise.smtp.limits import Rules
from heloise.smtp.registry import Registry

# RFC 2645 §5.4: no mail is brought there, so what belongs to bringing it is not offered.
_WHERE_MAIL_IS_FETCHED = frozenset({"ATRN", "ENHANCEDSTATUSCODES", "HELP", "PIPELINING", "STARTTLS"})


def routing_tables(configuration: Configuration, contents: Contents = NO_CONTENTS) -> RoutingTables:
    """The tables a router decides by; `contents` are those of the files that the configuration names."""
    local, rule = configuration.local, configuration.rule
    entries = _file_entries(configuration, contents)
    return RoutingTables(
        local_domains=_local_domains(configuration, contents),
        users=tuple(entry for entry in entries if isinstance(entry, User))
        + tuple(
            User(
                name=user.name,
                account=user.account,
                full_name=user.full_name,
                quota=user.quota,
                route=user.route,
                rule=rule("user", index),
            )
            for index, user in enumerate(configuration.users)
        ),
        aliases=tuple(entry for entry in entries if isinstance(entry, Alias))
        + tuple(
            Alias(
                name=name,
                targets=plain(targets),
                included=included(targets, contents),
                rule=rule("aliases", name),
            )
            for name, targets in configuration.aliases.items()
        )
        + mailing_lists(configuration, contents),
        forwards=tuple(entry for entry in entries if isinstance(entry, Forward)) + _forwards(configuration),
        static_routes=tuple(
            StaticRoute(
                domain=domain,
                route=replace(route.to, on_request=route.on_request or route.to.on_request),
                for_strangers=route.for_strangers,
                rule=rule("route", index),
            )
            for index, route in enumerate(configuration.routes)
            for domain in route.domains
        )
        + _kept_for_sites(configuration),
        smarthost=(
            Smarthost(route=configuration.smarthost, rule=rule("smarthost"))
            if configuration.smarthost is not None
            else None
        ),
        catch_all=tuple(
            CatchAll(target=target, domain=None if domain == "*" else domain, rule=rule("local", "catch_all"))
            for domain, target in local.catch_all.items()
        ),
        postmaster=local.postmaster,
        tag_separator=local.separator,
        maps=tuple(
            LookupMap(
                number=index,
                supplies=each.supplies,
                shown=f"sqlite {each.sqlite}" if each.sqlite is not None else "postgresql",
                tells=each.tell,
                rule=rule("map", index),
            )
            for index, each in enumerate(configuration.maps)
            if each.file is None
        ),
    )


def _local_domains(configuration: Configuration, contents: Contents) -> tuple[LocalDomain, ...]:
    """Those of the configuration first: the first of all is the primary one."""
    domains: dict[str, LocalDomain] = {}
    for key in ("domains", "virtual_domains"):
        for index, name in enumerate(getattr(configuration.local, key)):
            rule = configuration.rule("local", key, index)
            domains.setdefault(name, LocalDomain(name=name, virtual=key == "virtual_domains", rule=rule))
    for each in configuration.maps:
        if each.file is not None and not each.supplies.are_names:
            for line in contents.maps[each.file, each.supplies].lines:
                domain = local_domain(line, each.supplies)
                domains.setdefault(domain.name, domain)
    return tuple(domains.values())


def _file_entries(configuration: Configuration, contents: Contents) -> list[Entry]:
    """Those of maps in files. Of two with one name the last counts, so the first map comes last."""
    return [
        line.entry(each.supplies, tells=each.tell, included=line.included(contents.lists))
        for each in reversed(configuration.maps)
        if each.file is not None and each.supplies.are_names
        for line in contents.maps[each.file, each.supplies].lines
    ]


def _kept_for_sites(configuration: Configuration) -> tuple[StaticRoute, ...]:
    """Mail for the domains of [[odmr]] is taken from everybody and kept, unless they have a route of their own."""
    routed: set[str] = {domain for route in configuration.routes for domain in route.domains}
    rules = {
        domain: configuration.rule("odmr", index)
        for index, site in enumerate(configuration.sites_on_demand)
        for domain in site.domains
        if domain not in routed
    }
    return tuple(
        StaticRoute(domain=domain, route=Route(Transport.ATRN, domain, on_request=True), for_strangers=True, rule=rule)
        for domain, rule in rules.items()
    )


def etrn_policy(configuration: Configuration) -> EtrnPolicy:
    """Which client may ask for which nodes."""
    etrn, rule = configuration.etrn, configuration.rule
    return EtrnPolicy(
        everybody=EtrnGrant(domains=_lower(etrn.domains), rule=rule("etrn", "domains")),
        grants=tuple(
            EtrnGrant(
                domains=_lower(client.domains), networks=client.networks, rule=rule("etrn", "client", index, "domains")
            )
            for index, client in enumerate(etrn.clients)
        ),
        queues={
            name.lower(): NamedQueue(domains=domains, rule=rule("etrn", "queues", name))
            for name, domains in etrn.queues.items()
        },
        local=frozenset(configuration.local.all_domains),
    )


def sites_on_demand(configuration: Configuration) -> tuple[OnDemandSite, ...]:
    """Who may come for which mail by ATRN."""
    return tuple(
        OnDemandSite(networks=site.networks, domains=site.domains, rule=configuration.rule("odmr", index))
        for index, site in enumerate(configuration.sites_on_demand)
    )


def _lower(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _forwards(configuration: Configuration) -> tuple[Forward, ...]:
    made = []
    for name, forward in configuration.forwards.items():
        to = forward.relay or forward.tell
        assert to is not None  # the decoder sees to it that one of the two is there
        kind = ForwardKind.RELAY if forward.relay is not None else ForwardKind.TELL
        made.append(Forward(name=name, to=ForwardPath(to), kind=kind, rule=configuration.rule("forwards", name)))
    return tuple(made)


def admission_policy(configuration: Configuration, listener: Listener, registry: Registry) -> AdmissionPolicy:
    """Who may do what on a listener: its own words, then those of [extensions], then the defaults."""
    keywords, audiences = registry.keywords, dict(DEFAULT_AUDIENCES)
    if listener.protocol is Protocol.ODMR:
        keywords, audiences = keywords & _WHERE_MAIL_IS_FETCHED, audiences | {"ATRN": Audience.ANY}
    if listener.role is ListenerRole.DEV:
        audiences |= dict.fromkeys(("EXPN", "VERB", "VRFY", "ETRN"), Audience.ANY)
    if listener.requires_auth:
        audiences |= {"FUTURERELEASE": Audience.ANY, "MT-PRIORITY": Audience.ANY}
    if configuration.auth.users is None:
        keywords -= {"AUTH"}
    if listener.tls is not ListenerTls.STARTTLS or not configuration.tls.certificates:
        keywords -= {"STARTTLS"}
    return AdmissionPolicy(
        keywords=keywords,
        relay_networks=configuration.relay.networks,
        line_endings=tuple((rules.networks, rules.mends) for rules in configuration.networks),
        audiences={**audiences, **configuration.extensions, **listener.extensions},
        granted=_granted(configuration),
    )


def _granted(configuration: Configuration) -> dict[str, tuple[Network, ...]]:
    """Extensions that are for the clients of named networks."""
    granted = {
        "ETRN": tuple(network for client in configuration.etrn.clients for network in client.networks),
        "XCLIENT": configuration.xclient.networks,
        "XFORWARD": configuration.xforward.networks,
    }
    return {keyword: networks for keyword, networks in granted.items() if networks}


def proxy_rules(configuration: Configuration, listener: int) -> ProxyRules | None:
    """Whose word about clients counts on a listener (by its number); None where clients speak for themselves."""
    each = configuration.listeners[listener]
    if not each.proxy_protocol:
        return None
    return ProxyRules(networks=each.proxies, rule=configuration.rule("listener", listener, "proxies"))


def priority_fields(configuration: Configuration) -> Audience | None:
    """Of whom the header field MT-Priority counts; None where it is not looked for."""
    audience = configuration.tunnelling.mt_priority
    return None if audience is Audience.OFF else audience


def provider_policy(registry: Registry) -> AdmissionPolicy:
    """What the server that we fetch mail from may do: bring mail for our own domains, and nothing else."""
    return AdmissionPolicy(keywords=registry.keywords - {"EXPN", "VERB", "VRFY", "ETRN", "ATRN", "STARTTLS"})


def session_rules(configuration: Configuration, listener: int | None = None) -> Rules:
    """Where the limits and permissions of a listener (by its number) are written; defaults are written nowhere."""
    paths: dict[str, tuple[str | int, ...]] = {each.name: ("limits", each.name) for each in fields(Limits)}
    paths |= {keyword: ("extensions", keyword) for keyword in configuration.extensions}
    if listener is not None:
        paths |= {
            keyword: ("listener", listener, "extensions", keyword)
            for keyword in configuration.listeners[listener].extensions
        }
        paths["max_connections"] = ("listener", listener, "max_connections")
    return {name: rule for name, path in paths.items() if (rule := configuration.rule(*path)) is not None}
