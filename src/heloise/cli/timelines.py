"""How `heloise trace` prints: each event with the time since the first, what was said, and what that means."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heloise.app.telling import Words, event_lines, since, without_repetition
from heloise.cli.queueing import OpenedQueue
from heloise.cli.terminal import STYLES, ExitCode, clean, console, paragraph, visible
from heloise.config.kinds import write_size
from heloise.mail.status import Severity

Json: TypeAlias = dict[str, Any]

_FATES = {
    "delivered": "success",
    "relayed": "success",
    "waiting": "waiting",
    "held": "transient",
    "failed": "permanent",
    "removed": "permanent",
}
_TIME = 12  # columns for the time
_TOPIC = 12  # columns for what a line is about


async def show_timeline(queue: OpenedQueue, owner: str, *, whole: bool, as_json: bool) -> ExitCode:
    """Print one timeline; the `whole` session of a message, or only what concerns it. Exit code 1 when unknown."""
    timeline = await queue.control.timeline(owner)
    if timeline is not None and whole and not timeline["is_session"]:
        timeline = await queue.control.timeline(timeline["session"]) if timeline["session"] else None
    if timeline is None:
        click.echo(f"Nothing is known of {owner}: it was never here, or it is too long ago.", err=True)
        return ExitCode.REFUSED
    if as_json:
        click.echo(json.dumps(timeline, indent=2, ensure_ascii=False))
        return ExitCode.OK
    out = console()
    for line in _summary(timeline):
        paragraph(out, line)
    out.print()
    for event, repeated in without_repetition(timeline["events"]):
        _print_event(out, event, timeline["begun"])
        if repeated:
            last = since(repeated[-1]["at"] - timeline["begun"])
            told = f"once more, {last}" if len(repeated) == 1 else f"{len(repeated)} times more, the last {last}"
            paragraph(out, Text(f"the same {told} from the beginning", style="note"), indent=_TIME)
    return ExitCode.OK


async def show_found(
    queue: OpenedQueue, sender: str | None, recipient: str | None, *, limit: int, as_json: bool
) -> ExitCode:
    """List what is known by address, the newest first; exit code 1 when there is nothing."""
    found = await queue.control.find(sender=sender, recipient=recipient, limit=limit)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif found:
        clean(console(), _table(found))
    else:
        click.echo("Nothing is known of that.", err=True)
    return ExitCode.OK if found else ExitCode.REFUSED


def _table(found: Sequence[Json]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="why")
    table.add_column("MESSAGE", no_wrap=True, style="name")
    table.add_column("TIME", no_wrap=True)
    for name in ("SENDER", "RECIPIENT"):
        table.add_column(name, overflow="fold")
    table.add_column("STATE", no_wrap=True)
    for timeline in found:
        first = (timeline["id"], _clock_time(timeline["begun"]), timeline["sender"])
        fates = list(timeline["recipients"].items()) or [("", "refused" if timeline["is_session"] else "")]
        if timeline["is_session"]:
            first = (timeline["id"], first[1], "(a session)")
            fates = [(each["argument"], "refused") for each in _refusals(timeline)]
        for number, (recipient, fate) in enumerate(fates):
            told = first if number == 0 else ("", "", "")
            table.add_row(*told, visible(recipient), Text(fate, style=_FATES.get(fate, "permanent")))
    return table


def _refusals(timeline: Json) -> list[Json]:
    return [each for each in timeline["events"] if each["event"] == "answered" and each["reply"] >= "4"]


def _summary(timeline: Json) -> Iterator[Text]:
    kind = "session " if timeline["is_session"] else ""
    size = "" if timeline["size"] is None else f", {write_size(timeline['size'])}"
    sender = f"  from {timeline['sender']}{size}" if timeline["sender"] else ""
    yield Text.assemble(kind, (timeline["id"], "name"), f"{sender}, {_clock_time(timeline['begun'])} UTC")
    for recipient, fate in timeline["recipients"].items():
        yield Text.assemble("  ", visible(recipient), "  ", (fate, _FATES.get(fate, "")))


def _clock_time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _print_event(out: Console, event: Json, begun: float) -> None:
    lead = Text(f"{since(event['at'] - begun):>{_TIME - 2}}", style="why")
    for topic, words in event_lines(event):
        start = Text.assemble(lead, " " * (_TIME - lead.cell_len), (topic, "name" if lead.cell_len else "why"))
        paragraph(out, _styled(words), indent=_TIME + _TOPIC, lead=start)
        lead = Text()


def _styled(words: Words | str) -> Text:
    if isinstance(words, str):
        return Text(visible(words))
    return Text.assemble(*((visible(text), _style(text, kind)) for text, kind in words))


def _style(text: str, kind: str) -> str:
    if kind == "reply":
        return STYLES[Severity(int(text[0]))] if text[:1] in "012345" and text else ""
    return "why" if kind == "cause" else kind
