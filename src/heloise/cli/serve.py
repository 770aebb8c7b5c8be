"""`heloise serve`: run the mail server."""

import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import click

from heloise.cli.reading import config_option, parse_or_leave, source_or_leave
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.app.server_log import ServerLog
    from heloise.config import Configuration
    from heloise.config.source import Source
    from heloise.world import AnyEndpoint


@click.command()
@config_option
@click.option("--part", hidden=True, help="Which of several processes this is, told by the one that starts them.")
@click.pass_context
def serve(ctx: click.Context, /, path: str, part: str | None) -> None:
    """Run the mail server until Ctrl-C or SIGTERM. The log goes where [log] says, by default to standard error."""
    from heloise.app.crew import CrewError
    from heloise.app.server_log import ServerLog
    from heloise.config.errors import ConfigError
    from heloise.net.clock import SystemClock
    from heloise.net.loop import run
    from heloise.queue.errors import StoreFault
    from heloise.world import LinkError

    source = source_or_leave(path) if part is None else _told_source()
    configuration = parse_or_leave(source)
    try:
        log = ServerLog(configuration.log, SystemClock())
        try:
            run(_server(source, configuration, part, log))
        finally:
            log.flush()
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


def _told_source() -> "Source":
    """What the process above works by."""
    from heloise.app.crew import read_source

    return read_source(sys.stdin.fileno())


def _server(
    source: "Source", configuration: "Configuration", part: str | None, log: "ServerLog"
) -> Coroutine[Any, Any, None]:
    """All of the server in this process, its share of it, or the process that watches over those."""
    from heloise.app.crew import read_part
    from heloise.app.serve import serve, serve_crew

    if part is not None:
        which, configuration = read_part(part, configuration)
        return serve(source, configuration, log, ready=_say_ready, part=which)
    if configuration.process_count > 1:
        return serve_crew(source, configuration, log, ready=_say_ready)
    return serve(source, configuration, log, ready=_say_ready)


def _say_ready(endpoints: "Sequence[AnyEndpoint]") -> None:
    """One line on standard output, for a person or for a script that waits for it."""
    click.echo(f"ready on {', '.join(map(str, endpoints))}; Ctrl-C stops it")
