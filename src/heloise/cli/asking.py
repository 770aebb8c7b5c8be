"""What `heloise etrn` does, and how it prints it."""

import json
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from heloise.app.asking import Asked, NodeAnswer, ask_etrn
from heloise.cli.sending import line_json, print_failure, reply_json
from heloise.cli.terminal import STYLES, ExitCode, console, paragraph
from heloise.cli.transcripts import LiveTranscript, Stage, why
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Recorder, Transcript
from heloise.world import Endpoint, UnixEndpoint, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Whom to ask for what."""

    endpoint: Endpoint | UnixEndpoint
    options: ClientOptions
    nodes: tuple[str, ...]
    connect_timeout: float = 30.0


async def run(
    errand: Errand, *, transcript: bool = False, as_json: bool = False, world: World | None = None
) -> ExitCode:
    """Ask, print, and say how it went."""
    world = world if world is not None else real_world()
    out, recorded = console(), Transcript()
    stage = Stage(out)
    live: Recorder | None = LiveTranscript(lambda entry: stage.say("", entry)) if transcript else None
    try:
        asked = await ask_etrn(
            world,
            errand.endpoint,
            errand.options,
            discover(),
            errand.nodes,
            recorder=recorded if as_json else live,
            connect_timeout=errand.connect_timeout,
        )
    finally:
        await world.blocking.close()
    if as_json:
        click.echo(json.dumps(_json(errand, asked, recorded), indent=2, ensure_ascii=False))
    else:
        _print(out, errand, asked, shown=transcript)
    return _code(errand, asked)


def _code(errand: Errand, asked: Asked) -> ExitCode:
    if asked.failure is not None:
        return ExitCode.REFUSED if asked.failure.said_by_peer else ExitCode.TROUBLE
    if any(not answer.said_by_peer for answer in asked.answers):
        return ExitCode.TROUBLE
    agreed = len(asked.answers) == len(errand.nodes) and all(answer.is_started for answer in asked.answers)
    return ExitCode.OK if agreed else ExitCode.REFUSED


def _print(out: Console, errand: Errand, asked: Asked, *, shown: bool) -> None:
    if shown:
        out.print()
    if asked.failure is not None:
        print_failure(out, asked.failure, "nothing was asked", quiet=False)
    elif not asked.offered:
        words = f"{errand.endpoint} does not offer ETRN, so nothing was asked"
        paragraph(out, Text(words, style="permanent"), indent=4, lead=Text("  ✗", style="permanent"))
    for answer in asked.answers:
        _print_answer(out, answer, shown=shown)
    for node in errand.nodes[len(asked.answers) :] if asked.answers else ():
        words = f"{node} was not asked for: the server had gone"
        paragraph(out, Text(words, style="transient"), indent=4, lead=Text("  ✗", style="transient"))


def _print_answer(out: Console, answer: NodeAnswer, *, shown: bool) -> None:
    style = STYLES[answer.reply.severity]
    mark = Text("  ✓" if answer.is_started else "  ✗", style=style)
    paragraph(out, Text.assemble((answer.node, style), (f"  {answer.reply}", "why")), indent=4, lead=mark)
    if not shown or not answer.said_by_peer:  # else the transcript has it
        for line in why(answer.reply):
            paragraph(out, line, indent=4)


def _json(errand: Errand, asked: Asked, recorded: Transcript) -> dict[str, Any]:
    failure = asked.failure
    return {
        "server": str(errand.endpoint),
        "offered": asked.offered and failure is None,
        "failure": None if failure is None else {"stage": failure.stage.value, **reply_json(failure.reply)},
        "answers": [
            {
                "node": answer.node,
                "started": answer.is_started,
                "said_by_peer": answer.said_by_peer,
                **reply_json(answer.reply),
            }
            for answer in asked.answers
        ],
        "transcript": [line_json(entry) for entry in recorded],
    }
