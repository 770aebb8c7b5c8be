"""`heloise`: the group of all commands. Each is a module of its own, loaded only when it is asked for."""

import importlib
from importlib.metadata import version as installed_version

import click

# command → module and name of the click command in it, in the order of the help
_COMMANDS = {
    "serve": ("heloise.cli.serve", "serve"),
    "dev": ("heloise.cli.dev", "dev"),
    "send": ("heloise.cli.send", "send"),
    "etrn": ("heloise.cli.etrn", "etrn"),
    "atrn": ("heloise.cli.atrn", "atrn"),
    "queue": ("heloise.cli.queue", "queue"),
    "trace": ("heloise.cli.trace", "trace"),
    "route": ("heloise.cli.route", "route"),
    "check": ("heloise.cli.check", "check"),
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


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="heloise", message="heloise %(version)s")
def main() -> None:
    """The mail server that explains itself: catch, test, relay with one engine."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"heloise {installed_version('heloise')}")
