"""`heloise config explain`: the manual of the configuration file."""

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from heloise.cli.terminal import ExitCode, console, paragraph

if TYPE_CHECKING:
    from heloise.config.describe import Section


@click.group()
def config() -> None:
    """What can be written in the configuration file."""


@config.command()
@click.argument("what", required=False)
@click.pass_context
def explain(ctx: click.Context, what: str | None) -> None:
    """Tell what a section (retry) or a key (retry.intervals) means; all of them without an argument."""
    from heloise.config.describe import sections
    from heloise.config.errors import did_you_mean

    known = list(sections())
    name, _, key = (what or "").partition(".")
    chosen = [section for section in known if what is None or section.name == name]
    top = known[0]
    if not chosen and what in {item.name for item in top.keys}:
        chosen, key = [top], what or ""
    if not chosen:
        names = [section.name for section in known if section.name] + [item.name for item in top.keys]
        click.echo(f'There is no section or key "{what}"; {did_you_mean(what or "", names)}', err=True)
        ctx.exit(ExitCode.USAGE)
    keys = [item.name for section in chosen for item in section.keys]
    if key and key not in keys:
        click.echo(f'There is no key "{key}" in [{name}]; {did_you_mean(key, keys)}', err=True)
        ctx.exit(ExitCode.USAGE)
    out = console()
    for number, section in enumerate(chosen):
        if number:
            out.print()
        _print_section(out, section, key)


def _print_section(out: Console, section: "Section", only: str) -> None:
    if section.heading:
        paragraph(out, Text(section.heading, style="place"))
    if not only:
        paragraph(out, section.text)
    for key in section.keys:
        if only in ("", key.name):
            default = "required" if key.default is None else f"= {key.default}"
            paragraph(out, Text.assemble((key.name, "name"), " ", (default, "place")), indent=2)
            paragraph(out, Text.assemble(key.text, " ", (f"({key.kind})", "why")), indent=6)
