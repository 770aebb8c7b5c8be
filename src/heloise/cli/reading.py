"""Read the configuration for a command, or say what is wrong with it and leave."""

from typing import TYPE_CHECKING, NoReturn

import click

from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.config import ConfigError, Configuration
    from heloise.config.faulty import FaultPlan
    from heloise.config.source import Source
    from heloise.routing.tables import RoutingTables

DEFAULT_FILE = "heloise.toml"

config_option = click.option(
    "-c",
    "--config",
    "path",
    default=DEFAULT_FILE,
    show_default=True,
    metavar="FILE",
    help="The configuration file.",
)


def read_or_leave(path: str) -> "Configuration":
    """The configuration in `path`; when there is none, ends the command with all problems on standard error."""
    return parse_or_leave(source_or_leave(path))


def source_or_leave(path: str) -> "Source":
    """What is written in `path`; ends the command when it can not be read."""
    from heloise.config import ConfigError
    from heloise.config.source import Source

    try:
        return Source.read(path)
    except ConfigError as error:
        _leave_with(error)
    except FileNotFoundError:
        _leave(f"There is no file {path}. examples/heloise.toml is one to begin with; -c names another.")
    except OSError as error:
        _leave(f"{path} can not be read: {error.strerror}")


def parse_or_leave(source: "Source") -> "Configuration":
    """What it means; ends the command like `read_or_leave`."""
    from heloise.config import ConfigError

    try:
        return source.parse()
    except ConfigError as error:
        _leave_with(error)


def tables_or_leave(configuration: "Configuration") -> "RoutingTables":
    """The tables with what is in the files that the configuration names; ends the command like `read_or_leave`."""
    from heloise.app.configured.address_files import AddressFiles
    from heloise.app.configured.table_watch import read_tables
    from heloise.config import ConfigError
    from heloise.net import DiskFiles, SystemClock

    try:
        return read_tables(configuration, AddressFiles(configuration, DiskFiles(), SystemClock()))
    except ConfigError as error:
        _leave_with(error)


def faults_or_leave(path: str | None) -> "FaultPlan":
    """The fault rules in the file `path`, none without one; ends the command like `read_or_leave`."""
    from heloise.config import ConfigError
    from heloise.config.faulty import FaultPlan, read_faults

    try:
        return FaultPlan() if path is None else read_faults(path)
    except ConfigError as error:
        _leave_with(error)
    except OSError as error:
        _leave(f"{path} can not be read: {error.strerror}")


def hooks_or_leave(configuration: "Configuration") -> None:
    """Load the file of hooks, if there is one; ends the command like `read_or_leave`."""
    from heloise.app.configured.hooks_file import read_hooks
    from heloise.config import ConfigError
    from heloise.net import DiskFiles

    try:
        if configuration.policy.hooks is not None:
            read_hooks(configuration, DiskFiles())
    except ConfigError as error:
        _leave_with(error)


def _leave_with(error: "ConfigError") -> NoReturn:
    count = len(error.problems)
    _leave(f"{error}\n\n{count} problem{'s' if count > 1 else ''}.")


def _leave(text: str) -> NoReturn:
    click.echo(text, err=True)
    raise SystemExit(ExitCode.REFUSED)
