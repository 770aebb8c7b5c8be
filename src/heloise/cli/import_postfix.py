"""`heloise import-postfix`: a configuration of Postfix as one of ours, with what became of each line."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from heloise.cli.terminal import ExitCode, console

if TYPE_CHECKING:
    from heloise.migration.outcome import Import

_STYLES = {"mapped": "success", "partly mapped": "transient", "not mapped": "permanent"}
_FIRST_ACCOUNT = 1000  # of people, on the usual systems


@click.command("import-postfix", short_help="Make a configuration of Postfix's, and tell what became of each line.")
@click.argument("source", type=click.Path(exists=True))
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write the configuration here.")
@click.option("--report", type=click.Path(dir_okay=False), help="Write the report into a file.")
@click.option("--passwd", type=click.Path(exists=True, dir_okay=False), help="Accounts in it get mail: /etc/passwd.")
@click.option("--hostname", help="What the server is called, when main.cf does not say it.")
@click.option("--state", default="state", show_default=True, help="The directory for queue and mailboxes.")
@click.option("--with-secrets", is_flag=True, help="Write passwords for next hops into files beside the output.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.pass_context
def import_postfix(
    ctx: click.Context,
    source: str,
    output: str | None,
    report: str | None,
    passwd: str | None,
    hostname: str | None,
    state: str,
    with_secrets: bool,
    as_json: bool,
) -> None:
    """Read main.cf, or the directory it is in, with master.cf and tables, and write a configuration that `heloise
    check` accepts. Nothing is left out in silence: each line is mapped, or told with the reason why not. Exit code 1
    when something could not be mapped."""
    from heloise.migration.outcome import Became

    main = Path(source) / "main.cf" if Path(source).is_dir() else Path(source)
    made = _made(main, passwd, hostname, state, with_secrets)
    if output is None:
        click.echo(made.toml, nl=False)
    else:
        _write(Path(output), made)
    if report is not None:
        Path(report).write_text("".join(f"{each}\n" for each in made.outcomes))
    elif as_json:
        click.echo(_json(made), err=output is None)
    else:
        _show(made, stderr=output is None)
    ctx.exit(ExitCode.REFUSED if made.count(Became.NOT_MAPPED) else ExitCode.OK)


def _made(main: Path, passwd: str | None, hostname: str | None, state: str, secrets: bool) -> "Import":
    from heloise.migration.postfix import import_postfix as imported
    from heloise.migration.work import ImportOptions

    master = main.with_name("master.cf")
    options = ImportOptions(state=state, hostname=hostname, accounts=_accounts(passwd), secrets=secrets)
    return imported(
        main.read_text(errors="replace"),
        master.read_text(errors="replace") if master.exists() else "",
        NearFiles(main.parent),
        options,
        main_file=str(main),
        master_file=str(master),
    )


class NearFiles:
    """Files as Postfix names them. Those below /etc/postfix may have been copied beside main.cf."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def text(self, path: str) -> str | None:
        """See `heloise.migration.lookup.Files`."""
        for each in self._candidates(path):
            try:
                return each.read_text(errors="replace")
            except OSError:
                continue
        return None

    def exists(self, path: str) -> bool:
        """See there. A server reads it by this very name, so a copy elsewhere is none."""
        return os.access(path, os.R_OK)

    def _candidates(self, path: str) -> list[Path]:
        if path.startswith("/etc/postfix/"):
            return [self._directory / path.removeprefix("/etc/postfix/"), Path(path)]
        beside = self._directory / Path(path).name
        return [Path(path), beside] if path.startswith("/") else [self._directory / path]


def _accounts(passwd: str | None) -> tuple[str, ...]:
    """root, and people."""
    if passwd is None:
        return ()
    rows = [line.split(":") for line in Path(passwd).read_text().splitlines() if line.count(":") >= 6]
    people = [row[0] for row in rows if row[2].isdigit() and (int(row[2]) >= _FIRST_ACCOUNT or row[2] == "0")]
    return tuple(name for name in people if name != "nobody")


def _write(path: Path, made: "Import") -> None:
    """Files with secrets are for their owner alone; those that are there already are left."""
    path.write_text(made.toml)
    for name, text in made.beside.items():
        beside = path.parent / name
        if not beside.exists():
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
        elif text and beside.read_text(errors="replace") != text:
            click.echo(f"{beside} was there already and has been left as it is", err=True)


def _show(made: "Import", *, stderr: bool) -> None:
    out = console(stderr=stderr)
    for each in made.outcomes:
        style = _STYLES.get(each.became.value, "why")
        line = Text.assemble((str(each.place), "place"), " ", (each.what, "name"), ": ", (each.became.value, style))
        out.print(Text.assemble(line, f": {each.text}"), soft_wrap=True)


def _json(made: "Import") -> str:
    rows = [
        {"place": str(each.place), "what": each.what, "became": each.became.value, "text": each.text}
        for each in made.outcomes
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False)
