"""`heloise serve`: run the mail server."""

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import click

from heloise.cli.reading import config_option, read_or_leave
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.app.journal import Journal
    from heloise.config import Configuration
    from heloise.config.running import Log as LogSection
    from heloise.world import AnyEndpoint


@click.command()
@config_option
@click.option("--part", hidden=True, help="Which of several processes this is, told by the one that starts them.")
@click.pass_context
def serve(ctx: click.Context, /, path: str, part: str | None) -> None:
    """Run the mail server until Ctrl-C or SIGTERM. The log goes where [log] says, by default to standard error."""
    from heloise.app.crew import CrewError
    from heloise.app.journal import Journal
    from heloise.config.errors import ConfigError
    from heloise.net.clock import SystemClock
    from heloise.net.loop import run
    from heloise.observe.log import Gathering, Log
    from heloise.queue.errors import StoreFault
    from heloise.world import LinkError

    configuration = read_or_leave(path)
    section = configuration.log
    try:
        output = Gathering(_output(section))
        log = Log(output, SystemClock(), level=section.level, format=section.format)
        try:
            run(_server(configuration, path, part, Journal(log)))
        finally:
            output.flush()
    except CrewError as error:
        click.echo(f"Not started: {error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    except ConfigError as error:
        click.echo(str(error), err=True)
        ctx.exit(ExitCode.REFUSED)
    except LinkError as error:
        click.echo(f"Not started: {error.detail or error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    except (StoreFault, OSError) as error:
        click.echo(f"Not started: {error}", err=True)
        ctx.exit(ExitCode.TROUBLE)


def _server(
    configuration: "Configuration", path: str, part: str | None, journal: "Journal"
) -> Coroutine[Any, Any, None]:
    """All of the server in this process, its share of it, or the process that watches over those."""
    from heloise.app.crew import read_part
    from heloise.app.serve import serve, serve_crew

    if part is not None:
        which, configuration = read_part(part, configuration)
        return serve(configuration, journal, ready=_say_ready, part=which)
    if configuration.process_count > 1:
        return serve_crew(configuration, path, journal, ready=_say_ready)
    return serve(configuration, journal, ready=_say_ready)


def _output(section: "LogSection") -> Callable[[bytes], None]:
    from heloise.observe.log import FileOutput, standard_error

    return standard_error if section.file is None else FileOutput(section.file)


def _say_ready(endpoints: "Sequence[AnyEndpoint]") -> None:
    """One line on standard output, for a person or for a script that waits for it."""
    click.echo(f"ready on {', '.join(map(str, endpoints))}; Ctrl-C stops it")
