"""`heloise queue`: look at the queue of a server, and change what is in it. Works while the server runs or not."""

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heloise.cli.addresses import DurationType, SizeType
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
    click.option("--older", type=DurationType(), metavar="AGE", help="Only messages accepted so long ago, such as 2h."),
    click.option("--newer", type=DurationType(), metavar="AGE", help="Only messages accepted since then."),
    click.option("--larger", type=SizeType(), metavar="SIZE", help="Only messages larger than this, such as 1MiB."),
    click.option("--smaller", type=SizeType(), metavar="SIZE", help="Only messages smaller than this."),
    click.option("--reason", metavar="TEXT", help="Only recipients whose last reply or its cause has this in it."),
    click.option("--state", type=click.Choice(["waiting", "leased", "held"]), help="Only recipients in this state."),
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _filtered(command: F) -> F:
    return reduce(lambda decorated, option: option(decorated), reversed(_FILTERS), command)


@click.group(short_help="Look at the mail that waits; hold, retry, redirect or remove it.")
def queue() -> None:
    """List, show, hold, release, retry, redirect and remove what waits to be delivered, and show where it goes.

    Filters may be combined; then all of them have to hold. Asks the running server, or reads the queue itself when
    none runs.
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

    do(ctx, path, lambda queue: show_list(queue, _selections(filters), limit=limit, as_json=as_json))


@queue.command()
@config_option
@click.argument("message_id")
@click.option("--content", is_flag=True, help="Write the message itself to standard output, octet for octet.")
@_JSON
@click.pass_context
def show(ctx: click.Context, /, path: str, message_id: str, content: bool, as_json: bool) -> None:
    """Show everything that is known of one message, with its header."""
    from heloise.cli.queueing import show_message, write_content

    if content:
        do(ctx, path, lambda queue: write_content(queue, message_id))
    do(ctx, path, lambda queue: show_message(queue, message_id, as_json=as_json))


@queue.command()
@config_option
@_JSON
@click.pass_context
def destinations(ctx: click.Context, /, path: str, as_json: bool) -> None:
    """Show where mail goes at the moment: how much waits for each destination, why, and its pace.

    Only of a running server. What is in the queue since before it started, and was not tried since, is not counted.
    """
    from heloise.cli.destinations import show_destinations

    do(ctx, path, lambda queue: show_destinations(queue, as_json=as_json))


def _changing(what: str, help_text: str) -> click.Command:
    @click.pass_context
    def command(
        ctx: click.Context,
        /,
        path: str,
        everything: bool,
        as_json: bool,
        yes: bool = False,
        where_to: str | None = None,
        **filters: Any,
    ) -> None:
        from heloise.cli.queueing import Change, change

        selections = _selections(filters)
        if not (any(value not in (None, ()) for value in filters.values()) or everything):
            raise click.UsageError("Say which: a message id, a filter, or --all.", ctx)
        route, address = (None, None) if where_to is None else _where_to(ctx, where_to)
        wanted = Change(what=what, to=route, recipient=address)
        ask = what == "remove" and not yes
        do(ctx, path, lambda queue: change(queue, wanted, selections, ask=ask, as_json=as_json))

    made = _filtered(command)
    made = click.option("--all", "everything", is_flag=True, help="The whole queue.")(made)
    if what == "redirect":
        made = click.option(
            "--to",
            "where_to",
            required=True,
            metavar="ROUTE|ADDRESS",
            help="A route such as smtp:host:25, or an address, which is routed anew.",
        )(made)
    if what == "remove":
        made = click.option("--yes", is_flag=True, help="Do not ask.")(made)
    return queue.command(what, help=help_text)(config_option(_JSON(made)))


hold = _changing("hold", "Keep recipients from being tried, until they are released.")
release = _changing("release", "Let recipients that are held be tried again, now.")
retry = _changing("retry", "Try waiting recipients now. Those that are held stay so.")
redirect = _changing(
    "redirect", "Send recipients that wait or are held another way, now: by a route, or to another address."
)
remove = _changing("remove", "Delete recipients, without a report to the sender. Asks first.")


def _selections(filters: dict[str, Any]) -> "list[Selection]":
    from heloise.mail.ids import MessageId
    from heloise.net import SystemClock
    from heloise.queue.model import RecipientState, Selection

    state, now = filters["state"], SystemClock().now()
    older, newer, larger = filters["older"], filters["newer"], filters["larger"]
    rest = {name: filters[name] for name in ("sender", "recipient", "domain", "route", "reason")}
    return [
        Selection(
            message_id=None if message_id is None else MessageId(message_id.upper()),
            state=None if state is None else RecipientState[state.upper()],
            accepted_before=None if older is None else now - older,
            accepted_from=None if newer is None else now - newer,
            smallest=None if larger is None else larger + 1,
            size_below=filters["smaller"],
            **rest,
        )
        for message_id in filters["ids"] or (None,)
    ]


def _where_to(ctx: click.Context, text: str) -> tuple[str | None, str | None]:
    """A route, or an address; the other one is None."""
    from pathlib import Path, PurePosixPath

    from heloise.config.kinds import read_route
    from heloise.mail.address import AddressError, Mailbox
    from heloise.mail.route import Transport

    if text.partition(":")[0] in {transport.value for transport in Transport}:
        try:
            return str(read_route(text, PurePosixPath(Path.cwd()))), None
        except ValueError as error:
            raise click.BadParameter(f'"{text}" {error}', ctx, param_hint="--to") from None
    try:
        return None, str(Mailbox.from_text(text.strip("<>")))
    except AddressError as error:
        hint = f'"{text}" is neither a route, such as smtp:host:25, nor an address: {error}'
        raise click.BadParameter(hint, ctx, param_hint="--to") from None


def do(ctx: click.Context, path: str, work: Callable[[Any], Any]) -> None:
    """Open the queue, do the work, leave with what went wrong."""
    import asyncio

    from heloise.app.operator.control_desk import ControlError
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
    except ControlError as error:
        click.echo(f"Not done: {error}", err=True)
        code = ExitCode.TROUBLE
    except StoreFault as error:
        click.echo(f"The queue can not be asked: {error}", err=True)
        code = ExitCode.TROUBLE
    ctx.exit(code)
