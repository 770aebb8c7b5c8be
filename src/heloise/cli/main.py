"""`heloise`: the group of all commands. Each is a module of its own, loaded only when it is asked for."""

import importlib
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import version as installed_version
from importlib.util import find_spec

import click

# command → module and name of the click command in it, in the order of the help
_COMMANDS = {
    "serve": ("heloise.cli.serve", "serve"),
    "reload": ("heloise.cli.reload", "reload"),
    "health": ("heloise.cli.health", "health"),
    "dev": ("heloise.cli.dev", "dev"),
    "lab": ("heloise.cli.lab", "lab"),
    "send": ("heloise.cli.send", "send"),
    "etrn": ("heloise.cli.etrn", "etrn"),
    "atrn": ("heloise.cli.atrn", "atrn"),
    "probe": ("heloise.cli.probe", "probe"),
    "test-relay": ("heloise.cli.test_relay", "test_relay"),
    "queue": ("heloise.cli.queue", "queue"),
    "trace": ("heloise.cli.trace", "trace"),
    "route": ("heloise.cli.route", "route"),
    "user": ("heloise.cli.user", "user"),
    "check": ("heloise.cli.check", "check"),
    "what-if": ("heloise.cli.what_if", "what_if"),
    "import-postfix": ("heloise.cli.import_postfix", "import_postfix"),
    "config": ("heloise.cli.config", "config"),
    "explain": ("heloise.cli.explain", "explain"),
}


class LazyGroup(click.Group):
    """Imports a command when it is needed, so that `heloise explain` does not wait for the server's modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order a newcomer needs them, not of the alphabet."""
        return [*_COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load it."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """With the nearest name in the message for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from heloise.config.errors import did_you_mean

            raise click.UsageError(f"{error.message} {did_you_mean(args[0], self.list_commands(ctx))}", ctx) from None


def _version() -> str:
    spec = find_spec("heloise.mail.reply")  # among what is compiled if anything is
    is_compiled = spec is not None and (spec.origin or "").endswith(tuple(EXTENSION_SUFFIXES))
    return f"heloise {installed_version('heloise')}" + (", compiled" if is_compiled else "")


def _tell_version(context: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        click.echo(_version())
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_version,
    help="Show the version and exit.",
)
def main() -> None:
    """The mail server that explains itself: catch, test, relay with one engine."""


@main.command()
def version() -> None:
    """Print the version, and whether the hot rooms are compiled."""
    click.echo(_version())
