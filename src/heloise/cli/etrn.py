"""`heloise etrn`: ask a server to deliver now what waits there for us."""

from typing import TYPE_CHECKING

import click

from heloise.cli.addresses import ServerType

if TYPE_CHECKING:
    from heloise.world import Endpoint, UnixEndpoint


class NodeType(click.ParamType[str]):
    """A domain, `@domain` for all hosts under it, `#name` for a named queue of the server."""

    name = "node"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it, or fail with what is wrong."""
        from heloise.mail.address import AddressError, check_domain
        from heloise.smtp.extensions.etrn import QUEUE

        kind, node = (value[0], value[1:]) if value[:1] in ("@", "#") else ("", value)
        try:
            if kind != "#":
                return kind + check_domain(node)
        except AddressError:
            self.fail(f'"{value}" is not a domain; write it like "example.org", "@example.org" or "#queue"', param, ctx)
        if QUEUE.fullmatch(node) is None:
            self.fail(f'"{value}" can not name a queue: it has letters, digits, and ".", "_", "-"', param, ctx)
        return value


@click.command(short_help="Ask a server to deliver what waits there (ETRN).")
@click.argument("server", type=ServerType(), metavar="HOST[:PORT]")
@click.argument("nodes", type=NodeType(), nargs=-1, required=True, metavar="DOMAIN...")
@click.option("--hello", metavar="NAME", help="Say this name in EHLO; by default that of this machine.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Seconds to wait for the connection.")
@click.option("--transcript", is_flag=True, help="Show the whole conversation.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, with the transcript.")
@click.pass_context
def etrn(
    ctx: click.Context,
    /,
    server: "Endpoint | UnixEndpoint",
    nodes: tuple[str, ...],
    hello: str | None,
    timeout: float,
    transcript: bool,
    as_json: bool,
) -> None:
    """Ask a server to deliver now what waits there for a DOMAIN (ETRN, RFC 1985). It comes on connections of its own.

    A DOMAIN may be "@example.org" for all hosts under it, or "#name" for a queue that the operator of the server has
    named. The exit code is 0 when the server agreed for each of them (also when nothing waited), 1 when it refused one
    or does not offer ETRN, 3 when there was trouble with the connection.
    """
    import asyncio

    from heloise.app.send import own_name
    from heloise.cli.asking import Errand, run
    from heloise.smtp.transaction import ClientOptions

    try:
        options = ClientOptions(hello_name=hello or own_name())
    except ValueError as error:
        raise click.UsageError(f"--hello: {error}", ctx) from error
    errand = Errand(endpoint=server, options=options, nodes=nodes, connect_timeout=timeout)
    ctx.exit(asyncio.run(run(errand, transcript=transcript, as_json=as_json)))
