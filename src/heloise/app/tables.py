"""Configuration → routing tables and admission policies; every entry takes its file:line along."""

from dataclasses import fields, replace

from heloise.config.listening import Limits, Listener
from heloise.config.schema import Configuration
from heloise.mail.path import ForwardPath
from heloise.reception.admission import DEFAULT_AUDIENCES, AdmissionPolicy
from heloise.routing.tables import (
    Alias,
    CatchAll,
    Forward,
    ForwardKind,
    LocalDomain,
    RoutingTables,
    Smarthost,
    StaticRoute,
    User,
)
from heloise.smtp.limits import Rules
from heloise.smtp.registry import Registry


def routing_tables(configuration: Configuration) -> RoutingTables:
    """The tables a router decides by."""
    local, rule = configuration.local, configuration.rule
    return RoutingTables(
        local_domains=tuple(
            LocalDomain(name=name, rule=rule("local", "domains", index)) for index, name in enumerate(local.domains)
        ),
        users=tuple(
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
        aliases=tuple(
            Alias(name=name, targets=tuple(targets), rule=rule("aliases", name))
            for name, targets in configuration.aliases.items()
        ),
        forwards=_forwards(configuration),
        static_routes=tuple(
            StaticRoute(
                domain=domain,
                route=replace(route.to, on_request=route.on_request or route.to.on_request),
                for_strangers=route.for_strangers,
                rule=rule("route", index),
            )
            for index, route in enumerate(configuration.routes)
            for domain in route.domains
        ),
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
    )


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
    return AdmissionPolicy(
        keywords=registry.keywords,
        relay_networks=configuration.relay.networks,
        audiences={**DEFAULT_AUDIENCES, **configuration.extensions, **listener.extensions},
    )


def session_rules(configuration: Configuration, listener: int) -> Rules:
    """Where the limits and permissions of a listener (by its number) are written; defaults are written nowhere."""
    paths: dict[str, tuple[str | int, ...]] = {each.name: ("limits", each.name) for each in fields(Limits)}
    paths |= {keyword: ("extensions", keyword) for keyword in configuration.extensions}
    paths |= {
        keyword: ("listener", listener, "extensions", keyword)
        for keyword in configuration.listeners[listener].extensions
    }
    paths["max_connections"] = ("listener", listener, "max_connections")
    return {name: rule for name, path in paths.items() if (rule := configuration.rule(*path)) is not None}
