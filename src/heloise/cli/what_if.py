"""`heloise what-if`: the same sessions with two configurations, and where they part."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from heloise.cli.reading import config_option, read_or_leave, tables_or_leave
from heloise.cli.terminal import ExitCode, console, paragraph, visible

_MOST = 1000  # timelines
_SHOWN = 20  # questions that the record has no answer to

if TYPE_CHECKING:
    from heloise.app.again.dns_answers import Question
    from heloise.app.again.recorded import RecordedSession, Said
    from heloise.app.again.what_if import Compared, Difference
    from heloise.config import Configuration


@click.command("what-if", short_help="Play sessions with another configuration, and tell what would be other.")
@config_option
@click.option("--against", required=True, metavar="FILE", help="The other configuration.")
@click.option("--sessions", type=click.Path(exists=True, dir_okay=False), help="Recorded sessions, or transcripts.")
@click.option("--passports", metavar="ADDRESS", help="Sessions of mail from or for this address, as passports tell.")
@click.option("--dns", is_flag=True, help="Ask the DNS, as it is now, what the record does not tell.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def what_if(
    ctx: click.Context,
    path: str,
    against: str,
    sessions: str | None,
    passports: str | None,
    dns: bool,
    as_json: bool,
) -> None:
    """Play sessions with the configuration of -c and with another one, and show where replies, causes or routes
    differ. Nothing is sent, and nothing is put into the queue. The sessions are those of a file ([recording] of a
    server writes one; transcripts do as well) or what the passports know, else made up: they ask about every name,
    route and limit that one of the two has. Exit code 1 when something differs."""
    from heloise.app.again.what_if import not_played, synthetic

    old, new = read_or_leave(path), read_or_leave(against)
    if passports is not None:
        played: Sequence[RecordedSession] = _known_or_leave(old, passports)
    elif sessions is None:
        played = synthetic((old, new), (tables_or_leave(old), tables_or_leave(new)))
    else:
        played = _read_or_leave(sessions)
    found = asyncio.run(_compared(played, old, new, dns))
    knows_dns = dns or all(each.answers is not None for each in played)
    hidden = not_played(old, new, knows_dns=knows_dns)
    if as_json:
        click.echo(json.dumps(_as_json(found, hidden), ensure_ascii=False, indent=1))
    else:
        _show(console(), found, hidden, dns)
    ctx.exit(ExitCode.REFUSED if any(each.differences or each.nobody_listens for each in found) else ExitCode.OK)


def _read_or_leave(path: str) -> "Sequence[RecordedSession]":
    from heloise.app.again.recorded import decode

    try:
        return tuple(decode(Path(path).read_text(errors="replace")))
    except ValueError as error:
        click.echo(f"{path}: {error}", err=True)
        raise SystemExit(ExitCode.USAGE) from None


def _known_or_leave(configuration: "Configuration", address: str) -> "Sequence[RecordedSession]":
    """Of mail from or for the address, from a running server or its archive, each session once, the oldest first."""
    from heloise.app.again.recorded import of_timeline
    from heloise.app.operator.control_desk import ControlError
    from heloise.cli.queueing import opened
    from heloise.queue.errors import StoreFault

    async def found() -> "list[dict[str, Any]]":
        async with opened(configuration) as queue:
            sent = await queue.control.find(sender=address, recipient=None, limit=_MOST)
            received = await queue.control.find(sender=None, recipient=address, limit=_MOST)
            return [*sent, *received]

    try:
        timelines = {each["id"]: each for each in asyncio.run(found())}
    except (ControlError, StoreFault) as error:
        click.echo(str(error), err=True)
        raise SystemExit(ExitCode.TROUBLE) from None
    return [of_timeline(timelines[each]) for each in sorted(timelines)]


async def _compared(
    sessions: "Sequence[RecordedSession]", old: "Configuration", new: "Configuration", dns: bool
) -> "list[Compared]":
    from heloise.app.again.replaying import houses
    from heloise.app.again.what_if import compare

    async with houses({"old": old, "new": new}, asks_dns=dns) as both:
        return [each async for each in compare(sessions, both["old"], both["new"])]


def _show(out: Console, found: "Sequence[Compared]", hidden: Sequence[str], dns: bool) -> None:
    parted = [each for each in found if each.differences or each.nobody_listens]
    for each in parted:
        session = each.session
        out.print(Text.assemble((f"session {session.session_id}", "name"), f" from {session.client}"), soft_wrap=True)
        if each.nobody_listens:
            out.print(Text(f"  nobody listens at {session.listener} {each.nobody_listens}", style="permanent"))
        for difference in each.differences:
            _show_difference(out, difference)
    differences = [one for each in found for one in each.differences]
    first = sum(not each.follows for each in differences)
    given, unlike = sum(each.given for each in found), sum(len(each.unlike) for each in found)
    text = f"{len(found)} sessions played: "
    text += f"{first} differences in {len(parted)} of them" if parted else "no difference"
    follows = len(differences) - first
    text += f", and {follows} that follow from them." if follows else "."
    out.print(Text(text, style="permanent" if parted else "success"))
    if given:
        paragraph(out, f"{given} replies were taken from the record: a memory, another program or the DNS had decided.")
    if unlike:
        paragraph(out, f"{unlike} replies were others when it was recorded: by another configuration, or by chance.")
    _show_missing(out, found, dns)
    for line in hidden:
        paragraph(out, f"Not played: {line}", indent=2)


def _show_missing(out: Console, found: "Sequence[Compared]", dns: bool) -> None:
    """What the checks asked the DNS, and the record has no answer to."""
    counts = Counter((where, str(question)) for each in found for where, question in _missing(each))
    if counts:
        what = "was asked now" if dns else "counted for nothing (--dns asks now)"
        paragraph(out, f"{len(counts)} questions to the DNS are not in the record; each {what}:")
    for (where, question), sessions in counts.most_common(_SHOWN):
        shown = f"{visible(question)}, by the {where} configuration"
        out.print(Text(f"  {shown}{f', in {sessions} sessions' if sessions > 1 else ''}"), soft_wrap=True)
    if len(counts) > _SHOWN:
        paragraph(out, f"and {len(counts) - _SHOWN} others, which --json has.", indent=2)
    if left_out := sum(each.session.left_out for each in found):
        paragraph(out, f"{left_out} answers of the DNS were too many to be recorded.")


def _missing(each: "Compared") -> "list[tuple[str, Question]]":
    return [*(("old", one) for one in each.old_missing), *(("new", one) for one in each.new_missing)]


def _show_difference(out: Console, each: "Difference") -> None:
    mark = "  … " if each.follows else "  "
    out.print(Text.assemble(mark, (visible(each.step), "client")), soft_wrap=True)
    for name, said, routes in (("was", each.old, each.old_routes), ("is", each.new, each.new_routes)):
        words = "; ".join(_words(one, whole=each.step[:4].upper() in ("EHLO", "LHLO")) for one in said) or "nothing"
        shown = f"      {name:<4}{words}" + (f" → {', '.join(routes)}" if routes else "")
        out.print(Text(shown, style="why" if each.follows else ""), soft_wrap=True)


def _words(said: "Said", *, whole: bool) -> str:
    rule = f" [{said.rule}]" if said.rule else ""
    return f"{said.code} {said.cause}{rule}" + (f": {said.text}" if whole else "")


def _as_json(found: "Sequence[Compared]", hidden: Sequence[str]) -> dict[str, Any]:
    def words(said: "Sequence[Said]") -> list[dict[str, Any]]:
        return [{"code": each.code, "cause": each.cause, "rule": each.rule, "text": each.text} for each in said]

    rows = [
        {
            "session": one.session.session_id,
            "client": one.session.client,
            "step": one.number,
            "said": one.step,
            "old": words(one.old),
            "new": words(one.new),
            "old_routes": list(one.old_routes),
            "new_routes": list(one.new_routes),
            "follows": one.follows,
        }
        for each in found
        for one in each.differences
    ]
    return {
        "sessions": len(found),
        "differences": rows,
        "nobody_listens": [each.session.session_id for each in found if each.nobody_listens],
        "given": sum(each.given for each in found),
        "unlike": sum(len(each.unlike) for each in found),
        "not_recorded": [
            {"session": each.session.session_id, "configuration": where, "asked": one.asked.value, "name": one.name}
            for each in found
            for where, one in _missing(each)
        ],
        "left_out": sum(each.session.left_out for each in found),
        "not_played": list(hidden),
    }
