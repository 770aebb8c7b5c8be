"""`heloise health`: is the server ready for mail?"""

import json

import click

from heloise.cli.reading import config_option, source_or_leave
from heloise.cli.terminal import ExitCode


@click.command(short_help="Say whether the running server is ready for mail.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def health(ctx: click.Context, path: str, as_json: bool) -> None:
    """Say whether the running server is ready for mail: its queue is open, and it listens.

    The exit code is 0 when it is ready, 1 when it is not (yet, or no longer), 3 when no server answers; so the command
    can be the health check of a container.
    """
    from heloise.app.operator.control_desk import ControlError
    from heloise.cli.reload import ask_server

    try:
        answer = ask_server(source_or_leave(path), "health")
    except ControlError as error:
        answer = {"live": True, "ready": False, "why": str(error)}
    if answer is None:
        answer = {"live": False, "ready": False, "why": "no server answers"}
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo("ready" if answer["ready"] else f"not ready: {answer['why']}")
    if not answer["ready"]:
        ctx.exit(ExitCode.REFUSED if answer["live"] else ExitCode.TROUBLE)
