"""`heloise route`: where would mail for this address go, and why?"""

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from heloise.cli.addresses import ForwardPathType, ReversePathType
from heloise.cli.reading import config_option, read_or_leave, tables_or_leave
from heloise.cli.terminal import STYLES, ExitCode, console, paragraph
from heloise.mail.path import ForwardPath, ReversePath

if TYPE_CHECKING:
    from heloise.app.where_to import End, WhereTo
    from heloise.config import Configuration
    from heloise.mail.reply import Reply
    from heloise.routing.steps import Step


class IpType(click.ParamType[str]):
    """An IP address, or `unix` for a client on a Unix socket."""

    name = "ip"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it, or fail with what is wrong."""
        text = str(value).strip("[]")
        try:
            return text if text == "unix" else str(ip_address(text))
        except ValueError:
            self.fail(f'"{value}" is not an IP address', param, ctx)


@click.command(short_help="Tell where mail for an address would go, and why.")
@click.argument("address", type=ForwardPathType())
@config_option
@click.option("--client", type=IpType(), default="127.0.0.1", show_default=True, help="Who brings the mail.")
@click.option("--from", "sender", type=ReversePathType(), help="Its sender; tells the reverse path of what goes on.")
@click.option("--no-dns", is_flag=True, help="Do not look up the next hops.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def route(
    ctx: click.Context,
    /,
    address: ForwardPath,
    path: str,
    client: str,
    sender: ReversePath | None,
    no_dns: bool,
    as_json: bool,
) -> None:
    """Tell where mail for ADDRESS would go: every name on the way with the line that decides, then the next hops, then
    the reply a client would get. Decided as the server does, from the files and databases as they are now; no server
    has to run, and nothing is sent.

    The exit code is 0 when the mail would be taken, 1 when it would be refused.
    """
    import asyncio

    configuration = read_or_leave(path)
    may_relay = _may_relay(configuration, client)
    found = asyncio.run(_ask(configuration, address, may_relay=may_relay, sender=sender, ask_dns=not no_dns))
    if as_json:
        told = _json(found)
        click.echo(json.dumps({**told, "client": client, "may_relay": may_relay}, indent=2, ensure_ascii=False))
    else:
        _print(console(), found, client, may_relay=may_relay)
    if found.reply.code >= 400:
        ctx.exit(ExitCode.REFUSED)


async def _ask(
    configuration: "Configuration", address: ForwardPath, *, may_relay: bool, sender: ReversePath | None, ask_dns: bool
) -> "WhereTo":
    from heloise.app.where_to import where_to
    from heloise.net import real_world
    from heloise.world import Endpoint

    tables = tables_or_leave(configuration)
    world = real_world(nameservers=[each for each in configuration.dns.nameservers if isinstance(each, Endpoint)])
    try:
        return await where_to(
            configuration, tables, world, address, may_relay=may_relay, sender=sender, ask_dns=ask_dns
        )
    finally:
        await world.blocking.close()


def _may_relay(configuration: "Configuration", client: str) -> bool:
    return client == "unix" or any(ip_address(client) in network for network in configuration.relay.networks)


def _print(out: Console, found: "WhereTo", client: str, *, may_relay: bool) -> None:
    who = f"from a client at {client}, which may{'' if may_relay else ' not'} relay"
    paragraph(out, Text.assemble((str(found.path), "name"), (f" {who}", "why")))
    out.print()
    for step in found.steps:
        words = Text(sentence(step))
        if step.rule is not None:
            words.append(f"  {step.rule}", style="place")
        paragraph(out, words, indent=2 + 2 * step.depth)
    if found.ends:
        out.print()
    for end in found.ends:
        _print_end(out, end)
    out.print()
    _print_reply(out, found.reply)


def _print_end(out: Console, end: "End") -> None:
    words = Text.assemble((str(end.path), "name"), " goes to ", str(end.route))
    if end.reverse_path is not None:
        words.append(f", under the reverse path {end.reverse_path}")
    paragraph(out, words)
    for hop in end.hops:
        addresses = ", ".join(end for end in hop.endpoints)
        paragraph(out, Text.assemble(f"{hop.preference:>5}  ", hop.name, (f"  {addresses}", "why")), indent=2)
    if end.trouble is not None:
        _print_reply(out, end.trouble, indent=4)


def _print_reply(out: Console, reply: "Reply", *, indent: int = 0) -> None:
    cause = reply.cause
    paragraph(out, Text(str(reply), style=STYLES[reply.severity]), indent=indent)
    words = Text.assemble((cause.id, "cause"), (f"  {cause.kind.meaning}", "why"))
    if cause.rule is not None:
        words.append(f"  {cause.rule}", style="place")
    paragraph(out, words, indent=indent + 4)
    for name, value in cause.inputs:
        if name in ("error", "map", "key", "walked"):
            paragraph(out, Text(f"{name}: {value}", style="why"), indent=indent + 4)


def sentence(step: "Step") -> str:
    """A step in words."""
    from heloise.routing.steps import StepKind

    about, words = step.about, ", ".join(step.words)
    match step.kind:
        case StepKind.LOCAL:
            return f"{about} is in {words}, a local domain"
        case StepKind.ELSEWHERE:
            return f"{about} is in no local domain: {words}"
        case StepKind.ASKED:
            came = ", ".join(value or "(nothing but the name)" for value in step.words[1:])
            return f"{step.words[0]} was asked for {about}: {came or 'not there'}"
        case StepKind.ALIAS:
            return f"{about} is an alias for {words}"
        case StepKind.INCLUDED:
            return f"{about} is in the file"
        case StepKind.FORWARD:
            return f"{about} has moved, mail is sent on to {words}"
        case StepKind.MOVED:
            return f"{about} has moved to {words}, mail is not taken"
        case StepKind.TAG:
            return f"{about} has a tag, and means {words}"
        case StepKind.POSTMASTER:
            return f"{about} is the Postmaster, who is {words}"
        case StepKind.CATCH_ALL:
            return f"{about} is nobody; unknown names go to {words}"
        case StepKind.MAILBOX:
            return f"{about} is a mailbox: {words}"
        case StepKind.OWN_MAILBOX:
            return f"{about} names itself, which means its own mailbox: {words}"
        case StepKind.LOOP:
            return f"{about} leads back to itself: {words}"
        case StepKind.UNKNOWN:
            return f"{about} is nobody"
        case StepKind.NOT_ALLOWED:
            return f"{about} has a route in its local part"
        case StepKind.DEAD:
            return f"{about} leads nowhere; the sender gets a report about it"
        case StepKind.RETURNED:
            return f"{about} was made here of a sender's address: {words}"
        case StepKind.DUPLICATE:
            return f"{about} is there already ({words}), and gets one copy"


def _json(found: "WhereTo") -> dict[str, Any]:
    return {
        "address": str(found.path),
        "steps": [
            {
                "kind": step.kind.value,
                "about": step.about,
                "words": list(step.words),
                "depth": step.depth,
                "rule": None if step.rule is None else str(step.rule),
            }
            for step in found.steps
        ],
        "recipients": [
            {
                "address": str(end.path),
                "route": str(end.route),
                "reverse_path": None if end.reverse_path is None else str(end.reverse_path),
                "next_hops": [
                    {"name": hop.name, "preference": hop.preference, "endpoints": list(hop.endpoints)}
                    for hop in end.hops
                ],
                "trouble": None if end.trouble is None else _reply_json(end.trouble),
            }
            for end in found.ends
        ],
        "reply": _reply_json(found.reply),
    }


def _reply_json(reply: "Reply") -> dict[str, Any]:
    cause = reply.cause
    return {
        "code": reply.code,
        "status": None if reply.status is None else str(reply.status),
        "text": list(reply.lines),
        "cause": cause.id,
        "rule": None if cause.rule is None else str(cause.rule),
        "inputs": dict(cause.inputs),
    }
