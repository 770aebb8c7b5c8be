"""`heloise atrn`: fetch the mail that waits for us at a provider."""

from typing import TYPE_CHECKING

import click

from heloise.cli.addresses import DomainType, ServerType
from heloise.cli.reading import config_option, read_or_leave

if TYPE_CHECKING:
    from heloise.world import Endpoint, UnixEndpoint

ODMR_PORT = 366  # RFC 2645 §4


@click.command(short_help="Fetch the mail that waits at a provider (ATRN).")
@config_option
@click.argument("server", type=ServerType(port=ODMR_PORT), metavar="HOST[:PORT]")
@click.argument("domains", type=DomainType(), nargs=-1, metavar="[DOMAIN]...")
@click.option("--transcript", is_flag=True, help="Show the whole conversation.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, with the transcript.")
@click.pass_context
def atrn(
    ctx: click.Context,
    /,
    path: str,
    server: "Endpoint | UnixEndpoint",
    domains: tuple[str, ...],
    transcript: bool,
    as_json: bool,
) -> None:
    """Fetch the mail that waits at a provider for each DOMAIN, or for all that are ours (ATRN, RFC 2645).

    The running server of the configuration takes it into its queue, as if it had been brought. When none runs, one is
    started for it without listeners, and delivers before it ends. The port is 366 when none is given.

    The exit code is 0 when mail was fetched or none waited, 1 when the provider refused, does not offer ATRN, or when
    a message was not taken, 3 when there was trouble with the connection or the queue.
    """
    import asyncio

    from heloise.cli.fetching import run

    configuration = read_or_leave(path)
    ctx.exit(asyncio.run(run(configuration, str(server), domains, transcript=transcript, as_json=as_json)))
