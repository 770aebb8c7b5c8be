"""`heloise probe`: what does a server offer, how does it behave, and what is wrong with it?"""

from typing import TYPE_CHECKING

import click

from heloise.cli.addresses import DomainType, ServerType

if TYPE_CHECKING:
    from heloise.world import Endpoint, UnixEndpoint

_IMPLICIT = 465  # RFC 8314 §3.3


@click.command(short_help="Show everything a server offers, and how it behaves.")
@click.argument("server", metavar="HOST[:PORT]|DOMAIN")
@click.option("--domain", type=DomainType(), help="A domain of the server; guessed from its greeting when not given.")
@click.option("--tls", is_flag=True, help="Begin with the TLS handshake, as on port 465.")
@click.option("--lmtp", is_flag=True, help="Speak LMTP.")
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), help="Authorities to believe, in PEM.")
@click.option("--name", help="The name that the certificate has to be for; by default that of the host.")
@click.option("--hello", metavar="NAME", help="Say this name in EHLO; by default that of this machine.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Seconds to wait for each reply.")
@click.option("--strict", is_flag=True, help="Exit code 1 also for warnings.")
@click.option("--transcript", is_flag=True, help="Show the whole conversation.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, with the transcript.")
@click.pass_context
def probe(
    ctx: click.Context,
    /,
    server: str,
    domain: str | None,
    tls: bool,
    lmtp: bool,
    ca_file: str | None,
    name: str | None,
    hello: str | None,
    timeout: float,
    strict: bool,
    transcript: bool,
    as_json: bool,
) -> None:
    """Show everything a server offers and how it behaves, explained: greeting, extensions, TLS and its certificate,
    AUTH, what it tells strangers, whether it takes mail for Postmaster and from nobody.

    For a DOMAIN its mail exchangers are shown, and the best one is asked. No message is ever sent.

    The exit code is 0 when all is well, 1 when there is a problem, 3 when there was no conversation.
    """
    import asyncio

    from heloise.app.send import own_name
    from heloise.cli.probing import Errand, run

    endpoint = ServerType().convert(server, None, ctx)
    errand = Errand(
        endpoint=endpoint,
        may_be_domain=_has_no_port(server),
        hello_name=hello or own_name(),
        name=name,
        domain=domain,
        tls_first=tls or _port(endpoint) == _IMPLICIT,
        lmtp=lmtp,
        ca_file=ca_file,
        timeout=timeout,
    )
    ctx.exit(asyncio.run(run(errand, strict=strict, transcript=transcript, as_json=as_json)))


def _has_no_port(server: str) -> bool:
    return not server.startswith("unix:") and ":" not in server and not server.replace(".", "").isdigit()


def _port(endpoint: "Endpoint | UnixEndpoint") -> int | None:
    return getattr(endpoint, "port", None)
