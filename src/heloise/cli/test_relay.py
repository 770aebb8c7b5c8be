"""`heloise test-relay`: does a server carry the mail of strangers?"""

from typing import TYPE_CHECKING

import click

from heloise.cli.addresses import DomainType, ForwardPathType, ServerType

if TYPE_CHECKING:
    from heloise.mail.path import ForwardPath
    from heloise.world import Endpoint, UnixEndpoint


@click.command("test-relay", short_help="Try from outside whether a server is an open relay.")
@click.argument("server", type=ServerType(), metavar="HOST[:PORT]")
@click.option("--domain", type=DomainType(), help="A domain of the server; guessed from its greeting when not given.")
@click.option(
    "--to",
    "outside",
    type=ForwardPathType(),
    default="relay-test@example.com",
    show_default=True,
    help="An address that the server has nothing to do with. Nothing is sent to it.",
)
@click.option("--tls", is_flag=True, help="Begin with the TLS handshake (port 465).")
@click.option("--lmtp", is_flag=True, help="Speak LMTP.")
@click.option("--hello", metavar="NAME", help="Say this name in EHLO; by default that of this machine.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Seconds to wait for each reply.")
@click.option("--transcript", is_flag=True, help="Show the whole conversation.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, with the transcript.")
@click.pass_context
def test_relay(
    ctx: click.Context,
    /,
    server: "Endpoint | UnixEndpoint",
    domain: str | None,
    outside: "ForwardPath",
    tls: bool,
    lmtp: bool,
    hello: str | None,
    timeout: float,
    transcript: bool,
    as_json: bool,
) -> None:
    """Try every known way to relay by a server: the percent hack, source routes, bang paths, forged PROXY lines…

    Only MAIL and RCPT are said, then RSET: no message is ever sent. Run it from outside of the networks that may relay.

    The exit code is 0 when nothing passed, 1 when something did, 3 when there was trouble with the connection.
    """
    import asyncio

    from heloise.app.send import own_name
    from heloise.cli.relay_testing import Errand, run
    from heloise.probe.relaying import Examined
    from heloise.world import ClientTls, Endpoint

    if outside.mailbox is None:
        raise click.UsageError("--to: Postmaster is everywhere; name an address with a domain.", ctx)
    name = server.host if isinstance(server, Endpoint) else "localhost"
    examined = Examined(
        server, hello or own_name(), timeout=timeout, tls=ClientTls(server_name=name) if tls else None, lmtp=lmtp
    )
    errand = Errand(server=examined, outside=outside.mailbox, domain=domain)
    ctx.exit(asyncio.run(run(errand, transcript=transcript, as_json=as_json)))
