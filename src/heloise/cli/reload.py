"""`heloise reload`: have the running server work by what is in the file now."""

from typing import TYPE_CHECKING, Any

import click

from heloise.cli.reading import config_option, parse_or_leave, source_or_leave
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.config.source import Source


@click.command(short_help="Have the running server work by its configuration as it is now.")
@config_option
@click.pass_context
def reload(ctx: click.Context, path: str) -> None:
    """Have the running server work by the configuration as it is in the file now, without a pause.

    The whole file is checked first, with all files that it names. When something is wrong, the server goes on as it
    was, and the exit code is 1. Sessions that are open end under the rules they began with. SIGHUP does the same.
    """
    from heloise.app.operator.control_desk import ControlError
    from heloise.cli.terminal import console

    source = source_or_leave(path)
    try:
        answer = ask_server(source, "reload")
    except ControlError as error:
        click.echo(f"{error}\n\nNot reloaded: the server goes on as it was.", err=True)
        ctx.exit(ExitCode.REFUSED)
    if answer is None:
        parse_or_leave(source)
        click.echo("No server is running.", err=True)
        ctx.exit(ExitCode.TROUBLE)
    out = console()
    print_changes(out, answer, "Reloaded. Changed:", "Reloaded: nothing has changed, but files that it names.")


def ask_server(source: "Source", operation: str) -> "dict[str, Any] | None":
    """What the running server says to it; None when there is none. Raises ControlError."""
    import asyncio

    return asyncio.run(_ask(source, operation))


async def _ask(source: "Source", operation: str) -> "dict[str, Any] | None":
    from heloise.app.operator.control import remote_control
    from heloise.net import SocketNetwork
    from heloise.world import LinkError

    socket = source.control_socket()
    if socket is None:
        return None
    try:
        async with remote_control(SocketNetwork(), socket) as control:
            return await control.ask({"do": operation, "source": source.as_json()})
    except LinkError:
        return None


def print_changes(out: Any, answer: "dict[str, Any]", heading: str, nothing: str) -> None:
    """What changed, and what has to wait for a start."""
    from heloise.cli.terminal import paragraph

    paragraph(out, heading if answer["changed"] else nothing)
    for line in answer["changed"]:
        paragraph(out, line, indent=4, lead="  ")
    if answer["kept"]:
        paragraph(out, "Not changed:")
        for line in answer["kept"]:
            paragraph(out, line, indent=4, lead="  ")
