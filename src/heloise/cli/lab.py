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
@click.option("-c", "--config", "path", metavar="FILE", help="The lab's own server answers as this configuration says.")
@click.option("--port", type=int, help="With -c: as its listener with this port; else as its first.")
@click.option("--client", metavar="ADDRESS", help="With -c: to somebody who comes from this address.")
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
    path: str | None,
    port: int | None,
    client: str | None,
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
    given. With -c FILE it answers as that configuration says, and tells the line that decided; mail is taken and
    forgotten. With a server: over the network. After STARTTLS the handshake is made, and the dialogue goes on under
    TLS.

    TAB completes, :help lists what can be done besides. Lines may be piped in: heloise lab < script.
    """
    from heloise.cli.bench import Bench, Options
    from heloise.cli.labbing import play, talk
    from heloise.cli.reading import read_or_leave
    from heloise.config import ConfigError
    from heloise.world import ClientTls, LinkError, TlsFileError

    if server is not None and path is not None:
        raise click.UsageError("A server and --config do not go together.")
    if path is None and (port is not None or client is not None):
        raise click.UsageError("--port and --client go with --config.")
    options = Options(
        server=server,
        lmtp=lmtp,
        tls=ClientTls(server_name=_host(server), verify=verify, ca_file=ca_file),
        tls_first=tls or getattr(server, "port", None) == _IMPLICIT,
        timeout=timeout,
        certificate=own_certificate() if server is None and path is None else None,
        configuration=None if path is None else read_or_leave(path),
        port=port,
        client=None if client is None else _address(client),
    )
    is_typed = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        with Bench(options, brief=brief, is_typed=is_typed) as bench:
            is_well = talk(bench) if is_typed else play(bench, sys.stdin.buffer)
    except LinkError as error:
        click.echo(f"No session: {error.detail or error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    except (ConfigError, TlsFileError, ValueError) as error:
        raise click.UsageError(str(error), ctx) from error
    ctx.exit(ExitCode.OK if is_well else ExitCode.TROUBLE)


def _address(text: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--client") from None


def _host(server: "Endpoint | UnixEndpoint | None") -> str:
    return getattr(server, "host", "localhost")
