"""`heloise queue`: look at the queue of a server, and change what is in it. Works while the server runs or not."""

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heloise.cli.reading import config_option, read_or_leave
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.queue.model import Selection

F = TypeVar("F", bound=Callable[..., Any])

_FILTERS = (
    click.argument("ids", nargs=-1, metavar="[MESSAGE-ID]..."),
    click.option("--sender", metavar="ADDRESS", help="Only messages from this address; '' for reports."),
    click.option("--recipient", metavar="ADDRESS", help="Only this recipient."),
    click.option("--domain", metavar="DOMAIN", help="Only recipients in this domain; @DOMAIN for all below it, too."),
    click.option("--route", metavar="ROUTE", help="Only recipients on this route, such as smtp:host:25."),
    click.option("--state", type=click.Choice(["waiting", "leased", "held"]), help="Only recipients in this state."),
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _filtered(command: F) -> F:
    return reduce(lambda decorated, option: option(decorated), reversed(_FILTERS), command)


@click.group(short_help="Look at the mail that waits, hold, retry or remove it.")
def queue() -> None:
    """List, show, hold, release, retry and remove what waits to be delivered, and show where it goes.

    Asks the running server, or reads the queue itself when none runs.
    """


@queue.command("list")
@config_option
@_filtered
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many messages.")
@_JSON
@click.pass_context
def list_(ctx: click.Context, /, path: str, limit: int, as_json: bool, **filters: Any) -> None:
    """List messages with their recipients, the oldest first."""
    from heloise.cli.queueing import show_list

    _do(ctx, path, lambda queue: show_list(queue, _selections(filters), limit=limit, as_json=as_json))


@queue.command()
@config_option
@click.argument("message_id")
@_JSON
@click.pass_context
def show(ctx: click.Context, /, path: str, message_id: str, as_json: bool) -> None:
    """Show everything that is known of one message."""
    from heloise.cli.queueing import show_message

    _do(ctx, path, lambda queue: show_message(queue, message_id, as_json=as_json))


@queue.command()
@config_option
@_JSON
@click.pass_context
def destinations(ctx: click.Context, /, path: str, as_json: bool) -> None:
    """Show where mail goes at the moment: how much waits for each destination, why, and its pace.

    Only of a running server. What is in the queue since before it started, and was not tried since, is not counted.
    """
    from heloise.cli.destinations import show_destinations

    _do(ctx, path, lambda queue: show_destinations(queue, as_json=as_json))


def _changing(what: str, help_text: str) -> click.Command:
    @click.pass_context
    def command(
        ctx: click.Context, /, path: str, everything: bool, as_json: bool, yes: bool = False, **filters: Any
    ) -> None:
        from heloise.cli.queueing import change

        selections = _selections(filters)
        narrowed = any(value for value in filters.values()) or filters["sender"] is not None
        if not (narrowed or everything):
            raise click.UsageError("Say which: a message id, a filter, or --all.", ctx)
        ask = what == "remove" and not yes
        _do(ctx, path, lambda queue: change(queue, what, selections, ask=ask, as_json=as_json))

    made = _filtered(command)
    made = click.option("--all", "everything", is_flag=True, help="The whole queue.")(made)
    if what == "remove":
        made = click.option("--yes", is_flag=True, help="Do not ask.")(made)
    return queue.command(what, help=help_text)(config_option(_JSON(made)))


hold = _changing("hold", "Keep recipients from being tried, until they are released.")
release = _changing("release", "Let recipients that are held be tried again, now.")
retry = _changing("retry", "Try waiting recipients now. Those that are held stay so.")
remove = _changing("remove", "Delete recipients, without a report to the sender. Asks first.")


def _selections(filters: dict[str, Any]) -> "list[Selection]":
    from heloise.mail.ids import MessageId
    from heloise.queue.model import RecipientState, Selection

    state = filters["state"]
    rest = {name: filters[name] for name in ("sender", "recipient", "domain", "route")}
    return [
        Selection(
            message_id=None if message_id is None else MessageId(message_id.upper()),
            state=None if state is None else RecipientState[state.upper()],
            **rest,
        )
        for message_id in filters["ids"] or (None,)
    ]


def _do(ctx: click.Context, path: str, work: Callable[[Any], Any]) -> None:
    """Open the queue, do the work, leave with what went wrong."""
    import asyncio

    from heloise.app.control import ControlError
    from heloise.cli.queueing import opened
    from heloise.queue.errors import StoreFault

    configuration = read_or_leave(path)

    async def main() -> ExitCode:
        async with opened(configuration) as queue:
            code = await work(queue)
            assert isinstance(code, ExitCode)
            return code

    try:
        code = asyncio.run(main())
    except (ControlError, StoreFault) as error:
        click.echo(f"The queue can not be asked: {error}", err=True)
        code = ExitCode.TROUBLE
    ctx.exit(code)
