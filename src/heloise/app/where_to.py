"""Where would mail for this address go? The server's own decision, told step by step, without a server."""

from collections.abc import Sequence
from dataclasses import dataclass

from heloise.app.configured.addressing import local_mailboxes, lookup_sources
from heloise.app.configured.delivering import own_names
from heloise.app.configured.onward import rewriting
from heloise.config.schema import Configuration
from heloise.delivery.next_hop import NextHopGroup, NoNextHop, find_next_hops
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.routing.ends import Refusal
from heloise.routing.router import Accepted, Router, Routing
from heloise.routing.steps import Step, StepKind
from heloise.routing.tables import RoutingTables
from heloise.world import World

_BY_NETWORK = (Transport.SMTP, Transport.SMTPS, Transport.LMTP, Transport.MX)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHopView:
    """A host that would be tried: `preference` is that of its MX record, or its place in a route."""

    name: str
    preference: int
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Somebody who gets the mail. `reverse_path` when it goes on under another one; `hops` in the order to try them,
    `trouble` when there is none. Both are empty for what stays on this machine, or when the DNS was not asked."""

    path: ForwardPath
    route: Route
    reverse_path: ReversePath | None = None
    hops: tuple[NextHopView, ...] = ()
    trouble: Reply | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereTo:
    """The answer: the steps in their order, who gets the mail, and the reply to RCPT."""

    path: ForwardPath
    steps: tuple[Step, ...]
    ends: tuple[End, ...]
    reply: Reply


async def where_to(
    configuration: Configuration,
    tables: RoutingTables,
    world: World,
    path: ForwardPath,
    *,
    may_relay: bool,
    sender: ReversePath | None = None,
    ask_dns: bool = True,
) -> WhereTo:
    """Where mail for `path` would go, of `sender` if that is told, from a client that may or may not relay."""
    lookups = lookup_sources(configuration, world)
    try:
        router = Router(tables, local_mailboxes(configuration, world), lookups)
        scheme = rewriting(configuration, router, world.clock)
        steps: tuple[Step, ...] = ()
        original = None if scheme is None else scheme.original(path)
        routing: Routing
        if isinstance(original, Refusal):
            routing = original
        elif original is not None:
            steps = (Step(kind=StepKind.RETURNED, about=str(path), depth=0, words=(str(original),)),)
            routing, more = await router.explain(original, may_relay=True)
            steps += more
        else:
            routing, steps = await router.explain(path, may_relay=may_relay)
        reply, ends = routing.reply, list[End]()
        if isinstance(routing, Accepted):
            hops = await _hops(configuration, world, routing) if ask_dns else {}
            for to, route, under in _reached(routing):
                if under is None and sender is not None and scheme is not None:
                    under = await scheme.sender_for(sender, to)
                found = hops.get(route)
                ends.append(
                    End(
                        path=to,
                        route=route,
                        reverse_path=under,
                        hops=() if found is None or isinstance(found, NoNextHop) else _views(found),
                        trouble=found.reply if isinstance(found, NoNextHop) else None,
                    )
                )
        return WhereTo(path=path, steps=steps, ends=tuple(ends), reply=reply)
    finally:
        await lookups.close()


def _reached(routing: Accepted) -> Sequence[tuple[ForwardPath, Route, ReversePath | None]]:
    """Who gets the mail, with the owner of the list by which he does."""
    direct = [(path, route, None) for path, route in routing.expansions]
    members = [(path, route, ReversePath(each.owner)) for each in routing.lists for path, route in each.members]
    return [*direct, *members]


async def _hops(configuration: Configuration, world: World, routing: Accepted) -> dict[Route, NextHopGroup | NoNextHop]:
    """What the DNS says of every route that leads away."""
    names = own_names(configuration)
    routes = dict.fromkeys(route for _, route, _ in _reached(routing) if route.transport in _BY_NETWORK)
    return {route: await find_next_hops(route, world, own_names=names) for route in routes}


def _views(group: NextHopGroup) -> tuple[NextHopView, ...]:
    return tuple(
        NextHopView(name=host.name, preference=host.preference, endpoints=tuple(map(str, host.endpoints)))
        for host in group.hosts
    )
