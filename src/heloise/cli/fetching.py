"""What `heloise atrn` does, and how it prints it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from heloise.app.journal import Journal
from heloise.app.operator.control import remote_control
from heloise.app.operator.control_desk import ControlError
from heloise.app.server.mail_server import MailServer
from heloise.cli.terminal import STYLES, ExitCode, console, paragraph
from heloise.cli.transcripts import print_line, why
from heloise.config import Configuration
from heloise.mail import causes
from heloise.mail.reply import Reply
from heloise.mail.status import EnhancedStatus
from heloise.net import real_world
from heloise.queue.errors import StoreFault
from heloise.smtp.transcript import Direction, TranscriptLine
from heloise.world import Endpoint, LinkError, World

_NO_MAIL = 453  # RFC 2645 §5.2.1


async def run(
    configuration: Configuration, server: str, domains: Sequence[str], *, transcript: bool, as_json: bool
) -> ExitCode:
    """Fetch, print, and say how it went."""
    nameservers = [each for each in configuration.dns.nameservers if isinstance(each, Endpoint)]
    world = real_world(nameservers=nameservers)
    try:
        fetched = await _fetch(configuration, world, server, domains)
    except (ControlError, StoreFault, OSError) as error:
        click.echo(f"Nothing was fetched: {error}", err=True)
        return ExitCode.TROUBLE
    finally:
        await world.blocking.close()
    if as_json:
        click.echo(json.dumps({"server": server, **fetched}, indent=2, ensure_ascii=False))
    else:
        _print(console(), server, fetched, shown=transcript)
    return _code(fetched)


async def _fetch(configuration: Configuration, world: World, server: str, domains: Sequence[str]) -> dict[str, Any]:
    """By the running server, or by one that is started for it.

    Raises ControlError and StoreFault.
    """
    try:
        async with remote_control(world.network, configuration.control_socket) as control:
            return await control.fetch(server, domains)
    except LinkError:
        pass  # no server runs
    alone = MailServer(replace(configuration, listeners=()), world, Journal(_silent))
    await alone.start()
    try:
        return await alone.fetch_for_control(server, domains)
    finally:
        await alone.stop()


def _silent(level: str, event: str, fields: dict[str, object]) -> None:
    """The log is that of the running server."""


def _code(fetched: dict[str, Any]) -> ExitCode:
    failure, reply = fetched["failure"], fetched["reply"]
    if failure is not None:
        return ExitCode.REFUSED if failure["said_by_peer"] else ExitCode.TROUBLE
    if reply is not None and not fetched["said_by_peer"]:
        return ExitCode.TROUBLE
    good = fetched["turned"] or (reply is not None and reply["code"] == _NO_MAIL)
    return ExitCode.OK if good and not fetched["refused"] else ExitCode.REFUSED


def _print(out: Console, server: str, fetched: dict[str, Any], *, shown: bool) -> None:
    for line in fetched["transcript"] if shown else ():
        print_line(out, TranscriptLine(Direction(line["from"]), line["text"]))
    if shown:
        out.print()
    if fetched["turned"]:
        _verdict(out, _counted(fetched), "permanent" if fetched["refused"] else "success", good=not fetched["refused"])
    elif fetched["reply"] is not None:
        reply = _reply(fetched["reply"])
        none = reply.code == _NO_MAIL
        _verdict(
            out, f"{'no mail waits' if none else 'nothing was fetched'}  {reply}", STYLES[reply.severity], good=none
        )
        if not none:
            for line in why(reply):
                paragraph(out, line, indent=4)
    else:
        _verdict(out, f"{server} does not offer ATRN, so nothing was asked", "permanent", good=False)


def _counted(fetched: dict[str, Any]) -> str:
    taken, refused = fetched["taken"], fetched["refused"]
    words = f"{taken} message{'' if taken == 1 else 's'} fetched"
    return f"{words}, {refused} time{'' if refused == 1 else 's'} something was refused" if refused else words


def _verdict(out: Console, words: str, style: str, *, good: bool) -> None:
    paragraph(out, Text(words, style=style), indent=4, lead=Text("  ✓" if good else "  ✗", style=style))


def _reply(values: dict[str, Any]) -> Reply:
    """A reply out of its JSON, with the cause it was given for when it was ours."""
    status = None if values["status"] is None else EnhancedStatus(*map(int, values["status"].split(".")))
    kind = causes.CATALOGUE.get(values["cause"], causes.PEER_SAID)
    return Reply(code=values["code"], status=status, lines=tuple(values["lines"]), cause=kind.because())
