"""`heloise lab`: say things to a mail server and see what each reply means."""

import sys
from typing import TYPE_CHECKING

import click

from heloise.cli.addresses import ServerType
from heloise.cli.certificates import own_certificate
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.world import Endpoint, UnixEndpoint

_IMPLICIT = 465  # RFC 8314 §3.3


@click.command(short_help="Type commands to a server and see each reply explained.")
@click.argument("server", type=ServerType(), metavar="[HOST[:PORT]]", required=False)
@click.option("--lmtp", is_flag=True, help="Speak LMTP.")
@click.option("--tls", is_flag=True, help="Begin with the TLS handshake, as on port 465.")
@click.option("--verify", is_flag=True, help="TLS only with whom the certificate fits.")
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), help="Authorities to believe, in PEM.")
@click.option("--brief", is_flag=True, help="Explain only what is more than a plain yes.")
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds to wait for a reply.")
@click.pass_context
def lab(
    ctx: click.Context,
    /,
    server: "Endpoint | UnixEndpoint | None",
    lmtp: bool,
    tls: bool,
    verify: bool,
    ca_file: str | None,
    brief: bool,
    timeout: float,
) -> None:
    """Type commands to a mail server and see each reply explained as it comes: code, enhanced status, clause of the
    RFC, and where the session stands.

    Without a server: one of its own, which takes everything, sends nothing anywhere, and tells of each reply why it was
    given. With one: over the network; after STARTTLS the handshake is made, and the dialogue goes on under TLS.

    TAB completes, :help lists what can be done besides. Lines may be piped in: heloise lab < script.
    """
    from heloise.cli.bench import Bench, Options
    from heloise.cli.labbing import play, talk
    from heloise.world import ClientTls, LinkError

    options = Options(
        server=server,
        lmtp=lmtp,
        tls=ClientTls(server_name=_host(server), verify=verify, ca_file=ca_file),
        tls_first=tls or getattr(server, "port", None) == _IMPLICIT,
        timeout=timeout,
        certificate=own_certificate() if server is None else None,
    )
    is_typed = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        with Bench(options, brief=brief, is_typed=is_typed) as bench:
            is_well = talk(bench) if is_typed else play(bench, sys.stdin.buffer)
    except LinkError as error:
        click.echo(f"No session: {error.detail or error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    ctx.exit(ExitCode.OK if is_well else ExitCode.TROUBLE)


def _host(server: "Endpoint | UnixEndpoint | None") -> str:
    return getattr(server, "host", "localhost")
