"""`heloise serve`: run the mail server."""

import os
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import click

from heloise.cli.reading import config_option, parse_or_leave, source_or_leave
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.app.server.starting import Standing
    from heloise.config.source import Source
    from heloise.world import AnyEndpoint


@click.command()
@config_option
@click.option("--part", hidden=True, help="Which of several processes this is, told by the one that starts them.")
@click.pass_context
def serve(ctx: click.Context, /, path: str, part: str | None) -> None:
    """Run the mail server until Ctrl-C or SIGTERM. The log goes where [log] says, by default to standard error."""
    from heloise.app.server.crew import CrewError
    from heloise.config.errors import ConfigError
    from heloise.net.loop import run
    from heloise.queue.errors import StoreFault
    from heloise.world import LinkError, TlsFileError

    try:
        source = source_or_leave(path) if part is None else _told_source()
        standing = _standing(source, part)
        try:
            run(_server(source, standing, part))
        finally:
            standing.log.flush()
    except CrewError as error:
        click.echo(f"Not started: {error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    except ConfigError as error:
        click.echo(str(error), err=True)
        ctx.exit(ExitCode.REFUSED)
    except LinkError as error:
        click.echo(f"Not started: {error.detail or error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    except (StoreFault, TlsFileError, OSError) as error:
        click.echo(f"Not started: {error}", err=True)
        ctx.exit(ExitCode.TROUBLE)


def _told_source() -> "Source":
    """What the process above works by."""
    from heloise.app.server.crew import read_source

    return read_source(sys.stdin.fileno())


def _standing(source: "Source", part: str | None) -> "Standing":
    """What there is to start with; in one of several processes the one above has done all of it."""
    from heloise.app.server.crew import read_handed, read_part
    from heloise.app.server.server_log import ServerLog
    from heloise.app.server.starting import Standing, stand
    from heloise.net.clock import SystemClock

    configuration = parse_or_leave(source)
    if part is None:
        return stand(source, configuration, os.environ)
    _, configuration = read_part(part, configuration)
    log = ServerLog(configuration.log, SystemClock())
    return Standing(log=log, configuration=configuration, sockets=read_handed(part, configuration))


def _server(source: "Source", standing: "Standing", part: str | None) -> Coroutine[Any, Any, None]:
    """All of the server in this process, its share of it, or the process that watches over those."""
    from heloise.app.server.crew import read_part
    from heloise.app.server.serve import serve, serve_crew

    if part is not None:
        which, _ = read_part(part, source.parse())
        return serve(source, standing, ready=_say_ready, part=which)
    if standing.configuration.process_count > 1:
        return serve_crew(source, standing, ready=_say_ready)
    return serve(source, standing, ready=_say_ready)


def _say_ready(endpoints: "Sequence[AnyEndpoint]") -> None:
    """One line on standard output, for a person or for a script that waits for it."""
    click.echo(f"ready on {', '.join(map(str, endpoints))}; Ctrl-C stops it")
