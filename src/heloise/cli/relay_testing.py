"""What `heloise test-relay` does, and how it prints it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from heloise.cli.sending import line_json
from heloise.cli.terminal import ExitCode, console, paragraph
from heloise.cli.transcripts import LiveTranscript, Stage
from heloise.mail.address import Mailbox
from heloise.net import real_world
from heloise.probe.attempts import ATTEMPTS, Target
from heloise.probe.relaying import Examined, Fate, RelayTest, Tried, name_target, try_to_relay
from heloise.smtp.transcript import Recorder, Transcript
from heloise.world import LinkError, World

_COLUMN = 36
_MARKS = {
    Fate.REFUSED: ("✓", "success"),
    Fate.HUNG_UP: ("✓", "success"),
    Fate.PUT_OFF: ("?", "transient"),
    Fate.PERHAPS: ("?", "transient"),
    Fate.TAKEN: ("✗", "permanent"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Which server is tried, with which address outside and which domain of its own."""

    server: Examined
    outside: Mailbox
    domain: str | None = None


async def run(
    errand: Errand, *, transcript: bool = False, as_json: bool = False, world: World | None = None
) -> ExitCode:
    """Try, print, and say how it went."""
    world = world if world is not None else real_world()
    out, recorded = console(), Transcript()
    stage = Stage(out)
    live: Recorder | None = LiveTranscript(lambda entry: stage.say("", entry)) if transcript else None
    try:
        target = await name_target(world, errand.server, errand.outside, errand.domain)
        if not as_json:
            _print_beginning(out, errand, target)
        tested = await try_to_relay(
            world,
            errand.server,
            target,
            recorder=recorded if as_json else live,
            told=(lambda tried: None) if as_json or transcript else lambda tried: _print_tried(out, tried),
        )
    except LinkError as error:
        return _no_server(out, errand, error, as_json=as_json)
    finally:
        await world.blocking.close()
    if as_json:
        click.echo(json.dumps(_json(errand, tested, recorded), indent=2, ensure_ascii=False))
    else:
        _print_end(out, tested)
    return exit_code(tested)


def exit_code(tested: RelayTest) -> ExitCode:
    """0 when nothing passed."""
    if tested.passed:
        return ExitCode.REFUSED
    return ExitCode.TROUBLE if tested.trouble else ExitCode.OK


def _no_server(out: Console, errand: Errand, error: LinkError, *, as_json: bool) -> ExitCode:
    if as_json:
        click.echo(json.dumps({"server": str(errand.server.endpoint), "trouble": str(error), "attempts": []}, indent=2))
    else:
        paragraph(out, Text(f"nothing was tried: {error}", style="permanent"), indent=4, lead="  ✗")
    return ExitCode.TROUBLE


def _print_beginning(out: Console, errand: Errand, target: Target) -> None:
    words = Text.assemble(
        "Does ", (target.host, "name"), f" ({errand.server.endpoint}) carry the mail of strangers? {len(ATTEMPTS)} "
        f"attempts, to {target.outside} and by way of its domain ", (target.domain, "name"), "."
    )  # fmt: skip
    paragraph(out, words)
    if errand.domain is None:
        paragraph(out, Text("The domain is a guess; --domain names another one.", style="why"))
    out.print()


def _print_tried(out: Console, tried: Tried) -> None:
    mark, style = _MARKS[tried.fate]
    lead = Text.assemble((f"  {mark} ", style), tried.attempt.name)
    said = "(it hung up)" if tried.reply is None else str(tried.reply)
    paragraph(out, Text(said, style="why" if style == "success" else style), indent=_COLUMN, lead=lead)
    if tried.fate in (Fate.TAKEN, Fate.PERHAPS):
        paragraph(out, Text(f"MAIL FROM:{tried.mail}  RCPT TO:{tried.rcpt}"), indent=6)
        paragraph(out, Text(tried.attempt.why, style="why"), indent=6)


def _print_end(out: Console, tested: RelayTest) -> None:
    out.print()
    counted = Counter(each.fate for each in tested.tried)
    numbers = ", ".join(f"{number} {fate.value}" for fate, number in sorted(counted.items(), key=lambda x: x[0].value))
    paragraph(out, f"{len(tested.tried)} attempts: {numbers or 'none'}.")
    for style, sentence in verdict(tested):
        paragraph(out, Text(sentence, style=style))


def verdict(tested: RelayTest) -> Iterator[tuple[str, str]]:
    """What it all means, in sentences, each with a style."""
    passed = tested.passed
    if passed and passed[0].attempt is ATTEMPTS[0]:
        yield (
            "permanent",
            "The server takes plain mail from here to anybody. Either it is an open relay, or this machine is one of "
            "those that may relay by it: run the test from a network that the server does not know. "
            "The other attempts were not made.",
        )
    elif passed:
        yield "permanent", "The server would carry the mail of strangers, in the ways marked with ✗."
    if any(each.fate is Fate.PERHAPS for each in tested.tried):
        yield (
            "transient",
            f"The server takes every name in {tested.target.domain}, so what is marked with ? may be a mailbox there "
            "that gets everything, or a relay. Send a message in this way to an address of yours to know.",
        )
    if any(each.fate is Fate.PUT_OFF for each in tested.tried):
        yield (
            "transient",
            "Some attempts were put off (4yz), as greylisting does; run the test again after some minutes.",
        )
    if tested.trouble:
        yield "transient", f"The test ended before its end: {tested.trouble}."
    elif not passed:
        yield (
            "success",
            "Nothing is known to have passed." if tested.is_unsure else "Nothing passed: it is no open relay.",
        )


def _json(errand: Errand, tested: RelayTest, recorded: Transcript) -> dict[str, Any]:
    return {
        "server": str(errand.server.endpoint),
        "host": tested.target.host,
        "domain": tested.target.domain,
        "outside": str(tested.target.outside),
        "open_relay": bool(tested.passed),
        "takes_every_name": tested.takes_all,
        "trouble": tested.trouble or None,
        "attempts": [
            {
                "name": each.attempt.name,
                "why": each.attempt.why,
                "mail": each.mail,
                "rcpt": each.rcpt,
                "fate": each.fate.name.lower(),
                "reply": None if each.reply is None else str(each.reply),
            }
            for each in tested.tried
        ],
        "transcript": [line_json(entry) for entry in recorded],
    }
