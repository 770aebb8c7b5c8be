"""What the commands of `heloise queue` do with a queue, and how they print it."""

import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heloise.app.operator.control import QueueControl, remote_control
from heloise.app.operator.offline import offline_control
from heloise.cli.terminal import ExitCode, clean, console, paragraph, rows, visible
from heloise.config import Configuration
from heloise.config.kinds import write_duration, write_size
from heloise.mail.ids import MessageId
from heloise.net import real_world
from heloise.queue.model import Selection
from heloise.world import LinkError

_STYLES = {"waiting": "waiting", "leased": "success", "held": "transient", "failed": "permanent", "delivered": "why"}
_OPEN = ("waiting", "leased", "held")
_DONE = {
    "hold": "held",
    "release": "released",
    "retry": "to be tried now",
    "redirect": "redirected, to be tried now",
    "remove": "removed",
}


@dataclass(frozen=True, slots=True)
class OpenedQueue:
    """A queue that can be asked, and what time it is there."""

    control: QueueControl
    now: float


@asynccontextmanager
async def opened(configuration: Configuration) -> AsyncIterator[OpenedQueue]:
    """The queue of the running server, or else the one on the disk.

    Raises ControlError and StoreFault.
    """
    world = real_world()
    try:
        async with AsyncExitStack() as stack:
            try:
                control = await stack.enter_async_context(remote_control(world.network, configuration.control_socket))
            except LinkError:  # no server runs
                control = await stack.enter_async_context(offline_control(configuration, world))
            yield OpenedQueue(control, world.clock.now())
    finally:
        await world.blocking.close()


async def show_list(queue: OpenedQueue, selections: Sequence[Selection], *, limit: int, as_json: bool) -> ExitCode:
    """Print the messages that are selected."""
    messages: dict[str, dict[str, Any]] = {}
    for selection in selections:
        for message in await queue.control.list(selection, limit=limit):
            messages.setdefault(message["id"], message)
    if as_json:
        click.echo(json.dumps(list(messages.values()), indent=2, ensure_ascii=False))
        return ExitCode.OK
    out = console()
    if messages:
        clean(out, _table(messages.values(), queue.now))
    paragraph(out, await _summary(queue, len(messages), narrowed=any(each != Selection() for each in selections)))
    return ExitCode.OK


async def _summary(queue: OpenedQueue, shown: int, *, narrowed: bool) -> str:
    counts = await queue.control.counts()
    total = counts["messages"]
    if total == 0:
        return "The queue is empty."
    states = ", ".join(f"{counts[state]} {word}" for state, word in _COUNTED if counts[state])
    which = "selected, of" if narrowed else "shown, of"
    few = "" if shown == total else f"{shown} {which} "
    return f"{few}{total} message{'' if total == 1 else 's'}; recipients: {states or 'none'}."


_COUNTED = (("waiting", "waiting"), ("leased", "being tried"), ("held", "held"))


async def show_message(queue: OpenedQueue, message_id: str, *, as_json: bool) -> ExitCode:
    """Print one message with all there is, but for its body."""
    found = await queue.control.list(Selection(message_id=MessageId(message_id.upper())), limit=1)
    if not found:
        return _not_there(message_id)
    (message,) = found
    header = await queue.control.header(message["id"])
    if as_json:
        click.echo(json.dumps({**message, "header": header}, indent=2, ensure_ascii=False))
        return ExitCode.OK
    out = console()
    paragraph(out, Text(message["id"], style="name"))
    rows(out, _facts(message, queue.now), indent=2)
    for recipient in message["recipients"]:
        out.print()
        _print_recipient(out, recipient, queue.now)
    if header:
        out.print()
        for line in header.splitlines():
            out.print(Text(visible(line), style="why"), soft_wrap=True)
    return ExitCode.OK


async def write_content(queue: OpenedQueue, message_id: str) -> ExitCode:
    """Write the content of a message to standard output, octet for octet, as it comes."""
    message_id = message_id.upper()
    if not await queue.control.list(Selection(message_id=MessageId(message_id)), limit=1):
        return _not_there(message_id)
    output = sys.stdout.buffer
    async for octets in queue.control.pieces(message_id):
        output.write(octets)
    output.flush()
    return ExitCode.OK


def _not_there(message_id: str) -> ExitCode:
    click.echo(
        f"No message {message_id} is in the queue; `heloise trace {message_id}` may tell what became of it.", err=True
    )
    return ExitCode.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done to recipients: `what` is hold, release, retry, redirect or remove; a redirection has a route `to` or
    a new address `recipient`."""

    what: str
    to: str | None = None
    recipient: str | None = None


async def change(
    queue: OpenedQueue, wanted: Change, selections: Sequence[Selection], *, ask: bool, as_json: bool
) -> ExitCode:
    """Do what is wanted to the recipients that are selected; exit code 1 when there were none."""
    if ask and not await _is_meant(queue, selections):
        click.echo("Nothing was removed.", err=True)
        return ExitCode.REFUSED
    where_to = {"to": wanted.to, "recipient": wanted.recipient} if wanted.what == "redirect" else {}
    count = under_way = 0
    for selection in selections:
        answer = await queue.control.change(wanted.what, selection, **where_to)
        count += answer["recipients"]
        under_way += answer["under_way"]
    if as_json:
        click.echo(json.dumps({"recipients": count, "under_way": under_way}))
    else:
        click.echo(f"{_recipients(count)} {_DONE[wanted.what]}.")
        if under_way:
            click.echo(f"{_recipients(under_way)} left alone: being tried right now.")
    return ExitCode.OK if count else ExitCode.REFUSED


def _recipients(count: int) -> str:
    return f"{count} recipient{'' if count == 1 else 's'}"


async def _is_meant(queue: OpenedQueue, selections: Sequence[Selection]) -> bool:
    found = [message for each in selections for message in await queue.control.list(each, limit=1000)]
    if not found:
        return True
    clean(console(stderr=True), _table(found[:10], queue.now))
    more = f" ({len(found) - 10} more are not shown)" if len(found) > 10 else ""
    return click.confirm(f"Delete from {len(found)} message(s){more}, without a report to the sender?", err=True)


def _table(messages: Any, now: float) -> Table:
    """One row a recipient; the facts of the message stand in the first of its rows."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="why")
    table.add_column("MESSAGE", no_wrap=True, style="name")
    table.add_column("AGE", justify="right", no_wrap=True)
    table.add_column("SIZE", justify="right", no_wrap=True)
    table.add_column("RECIPIENT, LAST WORD", overflow="fold")
    table.add_column("STATE", no_wrap=True)
    table.add_column("NEXT", justify="right", no_wrap=True)
    for message in messages:
        facts = (message["id"], _roughly(now - message["accepted_at"]), write_size(message["size"]))
        for number, recipient in enumerate(message["recipients"]):
            state = _state(message, recipient, now)
            first = facts if number == 0 else ("", "", "")
            table.add_row(*first, _told(recipient), state, _due(recipient, now))
    return table


def _state(message: dict[str, Any], recipient: dict[str, Any], now: float) -> Text:
    state = recipient["state"]
    if state == "waiting" and (message.get("not_before") or 0.0) > now:
        return Text("for later", style="waiting")  # RFC 4865: its sender holds it
    return Text(state, style=_STYLES.get(state, ""))


def _told(recipient: dict[str, Any]) -> Text:
    text = Text(recipient["recipient"])
    if recipient["last"] is not None and recipient["state"] in _OPEN:
        text.append(f"\n{recipient['last']['reply']}", style="why")
    return text


def _due(recipient: dict[str, Any], now: float) -> str:
    if recipient["state"] != "waiting":
        return ""
    return _roughly(recipient["due"] - now) if recipient["due"] > now else "now"


def _facts(message: dict[str, Any], now: float) -> list[tuple[str, str]]:
    hello = f" ({message['hello']})" if message["hello"] else ""
    return [
        ("from", f"{message['sender']} {message['parameters']}".rstrip()),
        ("brought by", f"{message['from']}{hello}, session {message['session']}"),
        ("accepted", f"{_roughly(now - message['accepted_at'])} ago"),
        ("size", write_size(message["size"])),
        *_wishes(message, now),
    ]


def _wishes(message: dict[str, Any], now: float) -> Iterator[tuple[str, str]]:
    """What its sender asked of the queue."""
    if (message.get("not_before") or 0.0) > now:
        yield "held", f"by its sender, for {_roughly(message['not_before'] - now)} more (FUTURERELEASE)"
    if message.get("expires_at") is not None:
        yield "returned", f"in {_roughly(message['expires_at'] - now)}, as its sender asked (DELIVERBY)"
    if message.get("warn_at") is not None and message["warn_at"] > now:
        yield "told late", f"in {_roughly(message['warn_at'] - now)}, as its sender asked (DELIVERBY)"
    if message.get("priority"):
        yield "priority", f"{message['priority']} (MT-PRIORITY)"


def _print_recipient(out: Console, recipient: dict[str, Any], now: float) -> None:
    style = _STYLES.get(recipient["state"], "")
    paragraph(out, Text.assemble((recipient["recipient"], "name"), "  ", (recipient["state"], style)), indent=2)
    facts = [("route", recipient["route"]), ("attempts", str(recipient["attempts"]))]
    if recipient["parameters"]:
        facts.append(("parameters", recipient["parameters"]))
    if recipient["state"] == "waiting":
        due = _due(recipient, now)
        facts.append(("next try", due if due == "now" else f"in {due}"))
    last = recipient["last"]
    if last is not None:
        who = last["remote_mta"] or "this server"
        facts += [
            ("last word", f"{last['reply']}"),
            ("said by", f"{who}, {_roughly(now - last['at'])} ago"),
            ("cause", f"{last['cause']}; `heloise explain {last['cause']}` tells more"),
        ]
    rows(out, facts, indent=4)


def _roughly(seconds: float) -> str:
    """A duration by its largest unit."""
    for unit in (86400, 3600, 60):
        if seconds >= unit:
            return write_duration(int(seconds) // unit * unit)
    return f"{max(int(seconds), 0)}s"
