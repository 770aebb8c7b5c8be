"""How `heloise trace` prints: each event with the time since the first, what was said, and what that means."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeAlias

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heloise.cli.queueing import OpenedQueue
from heloise.cli.terminal import STYLES, ExitCode, clean, console, paragraph, visible
from heloise.config.kinds import write_duration, write_size
from heloise.mail.causes import CATALOGUE, PEER_SAID
from heloise.mail.status import Severity

Json: TypeAlias = dict[str, Any]
Lines: TypeAlias = Iterator[tuple[str, Text | str]]
"""Of one event: what a line is about, and what there is to say."""

_FATES = {
    "delivered": "success",
    "relayed": "success",
    "waiting": "waiting",
    "held": "transient",
    "failed": "permanent",
    "removed": "permanent",
}
_COMMANDS = {
    "hold": "held",
    "release": "released, to be tried at once",
    "retry": "to be tried at once",
    "redirect": "redirected",
    "remove": "removed, without a report",
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
    for event, repeated in _without_repetition(timeline["events"]):
        _print_event(out, event, timeline["begun"], queue.now)
        if repeated:
            last = _since(repeated[-1]["at"] - timeline["begun"])
            told = f"once more, {last}" if len(repeated) == 1 else f"{len(repeated)} times more, the last {last}"
            paragraph(out, Text(f"the same {told} from the beginning", style="note"), indent=_TIME)
    return ExitCode.OK


def _without_repetition(events: Sequence[Json]) -> Iterator[tuple[Json, list[Json]]]:
    """Each event, with those right after it that differ from it in nothing but time."""
    for _, alike in groupby(events, key=_timeless):
        first, *repeated = alike
        yield first, repeated


def _timeless(event: Json) -> str:
    if event["event"] != "attempted":
        return json.dumps(event)
    outcomes = [{**outcome, "next_try": None} for outcome in event["outcomes"]]
    return json.dumps({**event, "at": None, "begun": None, "outcomes": outcomes})


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


def _print_event(out: Console, event: Json, begun: float, now: float) -> None:
    lead = Text(f"{_since(event['at'] - begun):>{_TIME - 2}}", style="why")
    for topic, words in _lines(event, now):
        start = Text.assemble(lead, " " * (_TIME - lead.cell_len), (topic, "name" if lead.cell_len else "why"))
        paragraph(out, words, indent=_TIME + _TOPIC, lead=start)
        lead = Text()


def _since(seconds: float) -> str:
    """The time since the beginning: exact as long as that is short."""
    if seconds < 60:
        return f"{seconds:.3f}s"
    return f"{write_duration(int(seconds))}"


def _lines(event: Json, now: float) -> Lines:
    match event["event"]:
        case "opened":
            yield "connected", _from(event["peer"])
        case "hello":
            yield "hello", f"{event['verb']} {visible(event['name'])}"
            if event["offered"]:
                yield "  offered", ", ".join(event["offered"])
        case "answered":
            yield event["command"], f"{visible(event['argument'])}".strip() or "-"
            yield from _said(event)
        case "brought":
            yield "message", f"{event['message']} was accepted"
        case "accepted":
            yield from _accepted(event)
        case "attempted":
            yield from _attempted(event, now)
        case "commanded":
            yield from _commanded(event)
        case "ended":
            yield "ended", "without QUIT" if event["lost"] else "by QUIT"
        case "faulted":
            yield "fault", Text(event["error"], style="permanent")
        case other:
            yield other, "(written by another version)"


def _from(peer: str) -> str:
    return "by a Unix socket" if peer == "unix" else f"from {peer}"


def _accepted(event: Json) -> Lines:
    if event["session"]:
        yield "accepted", f"{write_size(event['size'])} by {event['protocol']}, session {event['session']}"
    else:
        yield "made here", f"{write_size(event['size'])}, a report of this server"
    if "mended" in event:
        lines = "line that ended" if event["mended"] == 1 else "lines that ended"
        yield "  mended", f"{event['mended']} {lines} with a bare LF: made CRLF, as [[network]] line_endings says"
    if "forwarded" in event:
        yield "  forwarded", event["forwarded"]
    if "parameters" in event:
        yield "  MAIL", f"{event['sender']} {event['parameters']}"
    for each in event["recipients"]:
        yield "  for", f"{each['recipient']} {each.get('parameters', '')}".rstrip() + f" by {each['route']}"


def _attempted(event: Json, now: float) -> Lines:
    took = event["at"] - event["begun"]
    yield "attempt", event["route"] + (f", took {_since(took)}" if took >= 1 else "")
    found, tried = event.get("found"), event.get("tried", ())
    yield from _found(found, event["route"])
    for each in tried:
        yield from _tried(each)
    if not tried and isinstance(found, list):
        yield "  tried", "nobody: the destination is left alone for now"
    alike: dict[str, list[Json]] = {}
    for outcome in event["outcomes"]:
        alike.setdefault(f"{outcome['action']} {outcome['reply']}", []).append(outcome)
    for outcomes in alike.values():
        yield from _outcome(outcomes, event["at"])
    for report in event.get("reports", ()):
        yield "  report", f"{report} tells the sender"


def _found(found: Any, route: str) -> Lines:
    if found is None:
        return
    if not isinstance(found, list):  # why there is no next hop
        yield "  DNS", Text(found["reply"], style=_style(found["reply"]))
    elif route.startswith("mx:"):
        for host in found:
            yield "  MX", f"{host['preference']} {host['host']}: {', '.join(host['addresses'])}"


def _tried(tried: Json) -> Lines:
    name = tried["address"] if tried["address"].startswith(tried["host"]) else f"{tried['host']} {tried['address']}"
    how = {
        "connected": "connected",
        "reused": "an open session",
        "skipped": "left out, it was in trouble a moment ago",
        "failed": f"no conversation at {tried.get('stage', '')}",
    }[tried["how"]]
    yield "  tried", f"{name}: {how}" + (f", {tried['tls']}" if "tls" in tried else "")
    if tried["how"] == "failed":
        yield "", Text(tried["reply"], style=_style(tried["reply"]))


def _outcome(outcomes: Sequence[Json], at: float) -> Lines:
    first = outcomes[0]
    style = {"delayed": "transient", "failed": "permanent"}.get(first["action"], "success")
    names = ", ".join(visible(each["recipient"]) for each in outcomes)
    stage = f" at {first['stage']}" if first["action"] in ("delayed", "failed") else ""
    yield "  outcome", Text.assemble(names, "  ", (f"{first['action']}{stage}", style))
    yield from _said(first)
    due = [each["next_try"] for each in outcomes if "next_try" in each]
    if due:
        yield "  next try", f"{_since(min(due) - at)} later"


def _commanded(event: Json) -> Lines:
    yield "operator", f"{', '.join(map(visible, event['recipients']))} {_COMMANDS[event['command']]}"
    if "recipient" in event:
        yield "  to", f"{event['recipient']} by {event['route']}"
    elif "route" in event:
        yield "  to", event["route"]


def _said(facts: Json) -> Lines:
    """A reply, who said it, why, and where that is written."""
    who = f"  (said by {visible(facts['remote_mta'])})" if "remote_mta" in facts else ""
    yield "  reply", Text.assemble((visible(facts["reply"]), _style(facts["reply"])), (who, "why"))
    kind = CATALOGUE.get(facts["cause"])
    rule = f"  [{facts['rule']}]" if "rule" in facts else ""
    if facts["cause"] == PEER_SAID.id:
        return  # which the reply has told already
    if facts["reply"] >= "4":
        meaning = "" if kind is None else f": {kind.meaning}"
    else:
        route = facts.get("inputs", {}).get("route")
        meaning = "" if route is None else f", route {route}"
    yield "  cause", Text(f"{facts['cause']}{meaning}{rule}", style="why")


def _style(reply: str) -> str:
    return STYLES[Severity(int(reply[0]))] if reply[:1] in "012345" and reply else ""
