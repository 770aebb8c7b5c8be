"""`heloise serve`: run the mail server."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from heloise.cli.reading import config_option, read_or_leave
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.config.running import Log as LogSection
    from heloise.world import AnyEndpoint


@click.command()
@config_option
@click.pass_context
def serve(ctx: click.Context, /, path: str) -> None:
    """Run the mail server until Ctrl-C or SIGTERM. The log goes where [log] says, by default to standard error."""
    import asyncio

    from heloise.app.journal import Journal
    from heloise.app.serve import serve as serve_until_stopped
    from heloise.config.errors import ConfigError
    from heloise.net.clock import SystemClock
    from heloise.observe.log import Log
    from heloise.queue.errors import StoreFault
    from heloise.world import LinkError

    configuration = read_or_leave(path)
    section = configuration.log
    try:
        output = _output(section)
        log = Log(output, SystemClock(), level=section.level, format=section.format)
        asyncio.run(serve_until_stopped(configuration, Journal(log), ready=_say_ready))
    except ConfigError as error:
        click.echo(str(error), err=True)
        ctx.exit(ExitCode.REFUSED)
    except LinkError as error:
        click.echo(f"Not started: {error.detail or error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    except (StoreFault, OSError) as error:
        click.echo(f"Not started: {error}", err=True)
        ctx.exit(ExitCode.TROUBLE)


def _output(section: "LogSection") -> Callable[[bytes], None]:
    from heloise.observe.log import FileOutput, standard_error

    return standard_error if section.file is None else FileOutput(section.file)


def _say_ready(endpoints: "Sequence[AnyEndpoint]") -> None:
    """One line on standard output, for a person or for a script that waits for it."""
    click.echo(f"ready on {', '.join(map(str, endpoints))}; Ctrl-C stops it")
