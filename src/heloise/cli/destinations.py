"""How `heloise queue destinations` prints."""

import json
from collections.abc import Sequence
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from heloise.cli.queueing import OpenedQueue
from heloise.cli.terminal import ExitCode, clean, console, visible
from heloise.config.kinds import write_duration


async def show_destinations(queue: OpenedQueue, *, as_json: bool) -> ExitCode:
    """Print where mail goes at the moment; exit code 1 when no server runs."""
    found = await queue.control.destinations()
    if as_json:
        click.echo(json.dumps(list(found or ()), indent=2, ensure_ascii=False))
    elif found:
        clean(console(), _table(found, queue.now))
    else:
        click.echo("No server runs: nothing is being delivered." if found is None else "Nothing goes anywhere.")
    return ExitCode.REFUSED if found is None else ExitCode.OK


def _table(destinations: Sequence[dict[str, Any]], now: float) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="why")
    table.add_column("DESTINATION, LAST REPLY, WHY IT WAITS", overflow="fold")
    for name in ("RUNNING", "WAITING", "QUEUED", "NEXT", "AT ONCE", "A MINUTE"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in destinations:
        table.add_row(
            _named(each, now),
            str(each["running"]),
            str(each["waiting"]),
            str(each["queued"]),
            _next(each["next_try"], now),
            str(each["window"]),
            "" if each["pace"] is None else f"{each['pace']:.3g}",
        )
    return table


def _named(destination: dict[str, Any], now: float) -> Text:
    text = Text(destination["name"], style="name")
    if destination["last_reply"] is not None:
        ago = write_duration(max(0, int(now - destination["last_at"])))
        text.append(f"\n{visible(destination['last_reply'])} ({ago} ago)", style="why")
    if destination["why"]:
        text.append(f"\n{destination['why']}", style="why")
    return text


def _next(moment: float | None, now: float) -> str:
    if moment is None:
        return ""
    return write_duration(int(moment - now)) if moment - now >= 1 else "now"
