"""The errand of `heloise send` while it runs: the live transcript or a progress bar, then what became of it."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from heloise.app.send import Carried, Errand, carry
from heloise.cli.terminal import STYLES, ExitCode, console, paragraph
from heloise.cli.transcripts import LiveTranscript, Stage, needs_words, why
from heloise.link.dial import DialFailure
from heloise.mail.reply import Reply
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.transaction import RecipientAnswer
from heloise.smtp.transcript import Transcript, TranscriptLine
from heloise.world import World

MANY = 1  # more messages than this are counted, not shown


@dataclass(slots=True)
class Tally:
    """What became of all messages so far."""

    taken: int = 0
    messages: int = 0
    said: Counter[str] = field(default_factory=Counter)  # code and status, or the cause when nobody said anything
    first_refusal: Reply | None = None
    trouble: bool = False
    last: Carried = field(default_factory=Carried)

    def add(self, carried: Carried) -> None:
        """Count one message in."""
        self.last = carried
        self.messages += 1
        self.taken += carried.is_taken
        self.trouble = self.trouble or carried.is_trouble
        for reply in _replies(carried):
            self.said[str(reply.code) if reply.status is None else f"{reply.code} {reply.status}"] += 1
            if reply.code >= 400 and self.first_refusal is None:
                self.first_refusal = reply

    @property
    def code(self) -> ExitCode:
        """0 when every recipient of every message was taken."""
        if self.trouble:
            return ExitCode.TROUBLE
        return ExitCode.OK if self.taken == self.messages else ExitCode.REFUSED


async def run(
    errand: Errand, *, explain: bool = False, quiet: bool = False, as_json: bool = False, world: World | None = None
) -> ExitCode:
    """Carry it, print, and say how it went. Raises OSError and ValueError when the message can not be written."""
    world = world if world is not None else real_world()
    try:
        if as_json:
            return await _as_json(errand, world)
        if errand.count > MANY:
            return await _many(errand, world, quiet=quiet)
        return await _one(errand, world, explain=explain, quiet=quiet)
    finally:
        await world.blocking.close()


async def _one(errand: Errand, world: World, *, explain: bool, quiet: bool) -> ExitCode:
    out, tally = console(), Tally()
    stage = Stage(out, explain_all=explain)
    recorder = None if quiet else LiveTranscript(lambda entry: stage.say("", entry))
    async for carried in carry(world, errand, discover(), recorder=recorder):
        tally.add(carried)
    _print_result(out, tally.last, quiet=quiet)
    return tally.code


async def _many(errand: Errand, world: World, *, quiet: bool) -> ExitCode:
    out, tally = console(), Tally()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("sending", total=errand.count)
        begun = world.clock.monotonic()
        async for carried in carry(world, errand, discover()):
            tally.add(carried)
            progress.advance(task)
        seconds = world.clock.monotonic() - begun
    rate = f", {tally.messages / seconds:.0f} a second" if seconds > 0 else ""
    paragraph(out, f"{tally.taken} of {errand.count} messages accepted in {seconds:.1f} seconds{rate}.")
    for said, count in tally.said.most_common():
        paragraph(out, Text(f"{count:7} × {said}"))
    if tally.first_refusal is not None:
        _print_refusal(out, tally.first_refusal)
    return tally.code


def _print_result(out: Console, carried: Carried, *, quiet: bool) -> None:
    if not quiet:
        out.print()
    if carried.failure is not None:
        print_failure(out, carried.failure, "no message was sent", quiet=quiet)
    for answer in carried.answers:
        style = STYLES[answer.reply.severity]
        paragraph(out, _verdict(answer), indent=4, lead=Text("  ✓" if answer.is_taken else "  ✗", style=style))
        if not answer.said_by_peer and needs_words(answer.reply):  # it was not in the transcript
            for line in why(answer.reply):
                paragraph(out, line, indent=4)


def print_failure(out: Console, failure: DialFailure, what: str, *, quiet: bool) -> None:
    """There was no conversation, so `what`; and why."""
    style = STYLES[failure.reply.severity]
    words = Text.assemble((what, style), (f"  {failure.reply}", "why"))
    paragraph(out, words, indent=4, lead=Text("  ✗", style=style))
    if not quiet and not failure.said_by_peer:  # else the transcript has it
        for line in why(failure.reply):
            paragraph(out, line, indent=4)


def _verdict(answer: RecipientAnswer) -> Text:
    style = STYLES[answer.reply.severity]
    word = "accepted" if answer.is_taken else "not accepted"
    return Text.assemble((f"{answer.recipient.forward_path} {word}", style), (f"  {answer.reply}", "why"))


def _print_refusal(out: Console, reply: Reply) -> None:
    paragraph(out, Text.assemble("The first refusal: ", (str(reply), STYLES[reply.severity])))
    for line in why(reply):
        paragraph(out, line, indent=2)


async def _as_json(errand: Errand, world: World) -> ExitCode:
    transcript, tally, results = Transcript(), Tally(), []
    async for carried in carry(world, errand, discover(), recorder=transcript):
        tally.add(carried)
        results.append(_carried_json(carried))
    whole = {
        "server": str(errand.endpoint),
        "messages": results,
        "transcript": [line_json(entry) for entry in transcript],
    }
    click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
    return tally.code


def _carried_json(carried: Carried) -> dict[str, Any]:
    if carried.failure is not None:
        failure = carried.failure
        return {"failure": {"stage": failure.stage.value, **reply_json(failure.reply)}, "recipients": []}
    return {
        "failure": None,
        "recipients": [
            {
                "recipient": str(answer.recipient.forward_path),
                "accepted": answer.is_taken,
                "stage": answer.stage.value,
                "said_by_peer": answer.said_by_peer,
                **reply_json(answer.reply),
            }
            for answer in carried.answers
        ],
    }


def line_json(entry: TranscriptLine) -> dict[str, Any]:
    """A line of a transcript for programs."""
    reply = {} if entry.reply is None else reply_json(entry.reply)
    return {"from": entry.direction.value, "text": entry.text, **reply}


def reply_json(reply: Reply) -> dict[str, Any]:
    """A reply for programs."""
    return {
        "code": reply.code,
        "status": None if reply.status is None else str(reply.status),
        "lines": list(reply.lines),
        "cause": reply.cause.id,
        "clause": reply.cause.clause,
        "rule": None if reply.cause.rule is None else str(reply.cause.rule),
    }


def _replies(carried: Carried) -> tuple[Reply, ...]:
    if carried.failure is not None:
        return (carried.failure.reply,)
    return tuple(answer.reply for answer in carried.answers)
