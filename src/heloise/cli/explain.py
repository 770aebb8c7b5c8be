"""`heloise explain`: what a code, an enhanced status, a cause or a bounce means, and what to do."""

import json
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from heloise.cli.bounces import Fate, read_bounce
from heloise.cli.terminal import STYLES, ExitCode, console, paragraph, rows
from heloise.explain.explanations import Explanation, all_names, explain_text
from heloise.mail.causes import CATALOGUE
from heloise.smtp.codes import REPLY_CODES


@click.command(short_help="Tell what a reply code, a status or a cause means.")
@click.argument("what", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def explain(ctx: click.Context, what: tuple[str, ...], as_json: bool) -> None:
    """Tell what a reply code (550), an enhanced status (5.7.1), a cause (size.over-limit), a command (RCPT) or an
    extension (STARTTLS) means; or what a bounce says: give the file of the message, or - for standard input.

    Without an argument: list what can be asked about.
    """
    if not what:
        _list(console())
        return
    if len(what) == 1 and _is_file(what[0]):
        ctx.exit(_explain_bounce(what[0], as_json=as_json))
    found = [(text, _all_about(text)) for text in what]
    explanations = [explanation for _, all_of_it in found for explanation in all_of_it]
    if as_json:
        click.echo(json.dumps([_json(explanation) for explanation in explanations], indent=2, ensure_ascii=False))
    else:
        _print(console(), explanations)
    unknown = [text for text, explanations_of_it in found if not explanations_of_it]
    for text in unknown:
        click.echo(f'Nothing is known as "{text}"{_suggestion(text)}', err=True)
    if unknown:
        ctx.exit(ExitCode.USAGE)


def _all_about(text: str) -> tuple[Explanation, ...]:
    """A name may be that of a command, of an extension, and of a group of causes."""
    known = explain_text(text)
    if text[:1].isdigit() and known:
        return known
    from heloise.explain.topics import explain_topics
    from heloise.smtp.registry import discover

    return (*explain_topics(discover(), text), *known)


def _is_file(text: str) -> bool:
    return text == "-" or (not _all_about(text) and Path(text).is_file())


def _explain_bounce(name: str, *, as_json: bool) -> ExitCode:
    octets = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    bounce = read_bounce(octets)
    if bounce is None:
        click.echo("This message is no report about a delivery, as far as can be seen.", err=True)
        return ExitCode.REFUSED
    about, fates = bounce
    if as_json:
        recipients = [{**asdict(fate), "severity": fate.severity.name.lower()} for fate in fates]
        click.echo(json.dumps({"about": about, "recipients": recipients}, indent=2, ensure_ascii=False))
    else:
        _print_bounce(console(), about, fates)
    return ExitCode.OK


def _print_bounce(out: Console, about: str, fates: tuple[Fate, ...]) -> None:
    paragraph(out, about)
    for fate in fates:
        out.print()
        heading = Text.assemble((fate.address, "name"), "  ", (fate.title, STYLES[fate.severity]))
        paragraph(out, heading)
        for text in filter(None, (fate.what, fate.said, fate.why)):
            paragraph(out, text, indent=5)
        paragraph(out, Text.assemble(("What to do: ", "why"), fate.advice), indent=5)


def _suggestion(text: str) -> str:
    from heloise.config.errors import near_miss

    near = near_miss(text, all_names())
    return f'; did you mean "{near}"?' if near else ". `heloise explain` lists what can be asked about."


def _json(explanation: Explanation) -> dict[str, object]:
    severity = explanation.severity
    return {
        **asdict(explanation),
        "severity": None if severity is None else severity.name.lower(),
        "related": dict(explanation.related),
    }


def _print(out: Console, explanations: list[Explanation]) -> None:
    for number, explanation in enumerate(explanations):
        if number:
            out.print()
        style = STYLES[explanation.severity] if explanation.severity is not None else "name"
        heading = Text.assemble((explanation.name, style), "  ", (explanation.title, "name"))
        heading.stylize("bold")
        paragraph(out, heading)
        paragraph(out, explanation.meaning, indent=5)
        if explanation.also:
            paragraph(out, explanation.also, indent=5)
        paragraph(out, Text.assemble(("What to do: ", "why"), explanation.advice), indent=5)
        paragraph(out, Text(explanation.clause, style="why"), indent=5)
        if explanation.related:
            out.print()
            paragraph(out, Text(_heading(explanation), style="why"), indent=5)
            rows(out, explanation.related, indent=5)


def _heading(explanation: Explanation) -> str:
    if explanation.name.isupper():
        return "What has been answered:"
    return "What gives it here:" if explanation.name[0].isdigit() else "The reply that says so:"


def _list(out: Console) -> None:
    out.print(Text("Reply codes", style="name"))
    codes = sorted(REPLY_CODES.values(), key=lambda code: code.code)
    rows(out, ((Text(str(code), style=STYLES[code.severity]), code.title) for code in codes), indent=2)
    out.print()
    out.print(Text("Causes", style="name"))
    groups = groupby(CATALOGUE, key=lambda name: name.partition(".")[0])
    rows(out, ((group, ", ".join(name.partition(".")[2] for name in names)) for group, names in groups), indent=2)
    out.print()
    out.print(Text("Ask with `heloise explain 550`, `… 5.7.1`, `… size.over-limit` or `… size`.", style="why"))
