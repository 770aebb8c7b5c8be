"""`heloise check`: is the configuration good, what does it mean, what in it is risky?"""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from rich.text import Text

from heloise.cli.reading import config_option, hooks_or_leave, parse_or_leave, source_or_leave, tables_or_leave
from heloise.cli.terminal import ExitCode, console, paragraph, rows

if TYPE_CHECKING:
    from heloise.config import Configuration
    from heloise.config.source import Source
    from heloise.routing.tables import RoutingTables

_SHOWN = 8  # local domains; of more it is said how many


@click.command(short_help="Say what a configuration means, or which line is wrong.")
@config_option
@click.option("--strict", is_flag=True, help="Exit code 1 also for risky settings.")
@click.option("--against-running", is_flag=True, help="Tell what `heloise reload` would change in the running server.")
@click.pass_context
def check(ctx: click.Context, path: str, strict: bool, against_running: bool) -> None:
    """Check a configuration, tell what it means, warn of what is risky in it."""
    from heloise.config.advice import advise

    source = source_or_leave(path)
    configuration = parse_or_leave(source)
    if against_running:
        ctx.exit(_against_running(source))
    tables = tables_or_leave(configuration)
    hooks_or_leave(configuration)
    out = console()
    out.print(Text.assemble((path, "name"), " is good."), soft_wrap=True)
    out.print(Text.assemble("It makes ", (configuration.hostname, "name"), " a server that"), soft_wrap=True)
    out.print()
    rows(out, meaning(configuration, tables), indent=2)
    advice = advise(configuration)
    if advice:
        out.print()
        out.print(Text("Allowed, but risky:", style="transient"))
        for item in advice:
            paragraph(out, str(item), indent=4, lead="  ")
    if advice and strict:
        ctx.exit(ExitCode.REFUSED)


def _against_running(source: "Source") -> ExitCode:
    from heloise.app.operator.control_desk import ControlError
    from heloise.cli.reload import ask_server, print_changes

    try:
        answer = ask_server(source, "compare")
    except ControlError as error:
        click.echo(str(error), err=True)
        return ExitCode.REFUSED
    if answer is None:
        click.echo("No server is running.", err=True)
        return ExitCode.TROUBLE
    print_changes(console(), answer, "A reload would change:", "A reload would change nothing.")
    return ExitCode.OK


def meaning(configuration: "Configuration", tables: "RoutingTables") -> Iterator[tuple[str, str]]:
    """What the server does, a line each: the verb and the rest of the sentence."""
    from heloise.config.kinds import write_duration, write_size

    limits, retry = configuration.limits, configuration.retry
    yield "listens on", ", ".join(_listening(configuration))
    yield "delivers here", _local(configuration, tables)
    yield "sends on", "; ".join(_routes(configuration))
    if configuration.srs.secrets is not None:
        domain = configuration.srs.domain or configuration.local.domains[0]
        yield "rewrites", f"senders of what it forwards to other servers, as addresses in {domain} (SRS)"
    yield "relays for", ", ".join(map(str, configuration.relay.networks)) or "nobody"
    mended = [str(each) for rules in configuration.networks if rules.mends for each in rules.networks]
    if mended:
        yield "mends", f"bare line feeds in messages from {', '.join(mended)}"
    if spokesmen := list(_spokesmen(configuration)):
        yield "believes", "; ".join(spokesmen)
    judged = ", ".join(_judging(configuration))
    if judged:
        yield "judges by", judged
    if filters := [f"{each.name} at {each.address}" for each in configuration.milters]:
        yield "asks", f"the mail filters {', '.join(filters)}"
    if configuration.rspamd.url is not None:
        yield "asks", f"rspamd at {configuration.rspamd.url}"
    if configuration.staging.fail_on_purpose:
        yield "fails", f"on purpose, by {_count(len(configuration.faults), 'rule')} and what its API is given"
    yield "tells", _telling(configuration)
    size = f"up to {write_size(limits.message_size)}" if limits.message_size else "of any size"
    yield "takes", f"messages {size} for up to {limits.recipients} recipients each"
    waits = [write_duration(interval) for interval in retry.intervals]
    again = f"after {', '.join(waits)}, then every {waits[-1]}"
    yield "tries again", f"{again}, until {write_duration(retry.expire_after)} have gone by"
    yield "keeps its queue", f"in {configuration.state}"


def _listening(configuration: "Configuration") -> Iterator[str]:
    from heloise.policy.views import ListenerRole

    for listener in configuration.listeners:
        behind = f" behind proxies at {', '.join(map(str, listener.proxies))}" if listener.proxy_protocol else ""
        role = "" if listener.role is None or listener.role is ListenerRole.LMTP else f", {listener.role.value}"
        yield f"{listener.address} ({listener.spoken.value.upper()}{role}){behind}"


def _spokesmen(configuration: "Configuration") -> Iterator[str]:
    for name, networks in (("XCLIENT", configuration.xclient.networks), ("XFORWARD", configuration.xforward.networks)):
        if networks:
            yield f"{', '.join(map(str, networks))} about clients ({name})"


def _judging(configuration: "Configuration") -> Iterator[str]:
    from heloise.config.judging_checks import WEIGHTS
    from heloise.config.kinds import write_duration

    policy = configuration.policy
    yield from (f"{key} ({weight})" for key in WEIGHTS if not (weight := getattr(policy, key)).is_off)
    yield from (f"{each.zone} ({each.weight})" for each in policy.lists)
    if configuration.greylist.wait:
        yield f"a wait of {write_duration(configuration.greylist.wait)} for whom it does not know"
    if policy.hooks is not None:
        yield f"the hooks in {policy.hooks}"
    if policy.refuse_at is not None:
        yield f"and refuses at {policy.refuse_at:g} points"


def _local(configuration: "Configuration", tables: "RoutingTables") -> str:
    asked = [lookup.shown for lookup in tables.maps]
    if not tables.local_domains and not tables.domain_maps:
        return "nothing: there are no local domains"
    lists = tuple(each for each in tables.aliases if each.owner is not None)
    aliases = tuple(each for each in tables.aliases if each.owner is None)
    counted = ((tables.users, "user"), (aliases, "alias"), (lists, "list"), (tables.forwards, "forward"))
    known = [_count(len(entries), name) for entries, name in counted if entries]
    known += ["whom " + " or ".join(dict.fromkeys(asked)) + " knows"] if asked else []
    unknown = "; unknown names to " + ", ".join(configuration.local.catch_all.values())
    names = [domain.name for domain in tables.local_domains]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    domains = (", ".join(names[:_SHOWN]) + more) or "the domains that a database knows"
    return f"mail for {domains}: {', '.join(known) or 'nobody'}{unknown if configuration.local.catch_all else ''}"


def _count(number: int, name: str) -> str:
    plural = {"alias": "aliases"}.get(name, f"{name}s")
    return f"{number} {name if number == 1 else plural}"


def _routes(configuration: "Configuration") -> Iterator[str]:
    for route in configuration.routes:
        yield f"{', '.join(route.domains)} to {route.to}"
    rest = "to its MX" if configuration.smarthost is None else f"to {configuration.smarthost}"
    yield f"the rest {rest}" if configuration.routes else f"everything {rest}"


def _telling(configuration: "Configuration") -> str:
    from heloise.reception.admission import DEFAULT_AUDIENCES, Audience

    words = {
        Audience.OFF: "nobody",
        Audience.LOOPBACK: "programs on this machine",
        Audience.RELAY: "clients that may relay",
        Audience.ANY: "everybody",
    }
    by_audience: dict[Audience, list[str]] = defaultdict(list)
    for keyword, audience in {**DEFAULT_AUDIENCES, **configuration.extensions}.items():
        by_audience[audience].append(keyword)
    told = (f"{', '.join(keywords)} to {words[audience]}" for audience, keywords in by_audience.items())
    return "; ".join(told) + "; all else to everybody"
