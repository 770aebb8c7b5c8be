"""`heloise trace`: what happened to a message, also after it has left. Works while the server runs or not."""

import click

from heloise.cli.reading import config_option


@click.command(short_help="Show what happened to a message, from its session to the last reply.")
@config_option
@click.argument("message_id", required=False)
@click.option("--session", metavar="ID", help="Show this session; of a message, the one that brought it.")
@click.option("--recipient", metavar="ADDRESS", help="List what was for this address, or refused for it.")
@click.option("--sender", metavar="ADDRESS", help="List what came from this address; <> for reports.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="List at most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def trace(
    ctx: click.Context,
    /,
    path: str,
    message_id: str | None,
    session: str | None,
    recipient: str | None,
    sender: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what happened to a message: who brought it, what was said to each recipient and why, each attempt with the
    hosts that were tried, what an operator did, and what has become of it.

    By MESSAGE-ID, which is in the log, in the Received field and in the reply to the client; or find it by address.
    """
    from heloise.cli.queue import do
    from heloise.cli.timelines import show_found, show_timeline

    by_address = recipient is not None or sender is not None
    if [message_id is not None, session is not None, by_address].count(True) != 1:
        raise click.UsageError("Say which: a message id, --session, or addresses.", ctx)
    if by_address:
        do(ctx, path, lambda queue: show_found(queue, sender, recipient, limit=limit, as_json=as_json))
    owner = message_id or session or ""
    do(ctx, path, lambda queue: show_timeline(queue, owner.upper(), whole=session is not None, as_json=as_json))
