"""`heloise dev`: catch everything on this machine and show each session as a dialogue."""

from typing import TYPE_CHECKING

import click

from heloise.cli.certificates import own_certificate
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.app.dev.releasing import RelayOptions
    from heloise.inbox.mailboxes import Grouping


@click.command(short_help="Catch all mail, send nothing anywhere, show each session.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen on this address.")
@click.option("--port", type=click.IntRange(0, 65535), default=1025, show_default=True, help="0 takes a free one.")
@click.option("--lmtp", is_flag=True, help="Speak LMTP.")
@click.option("--explain", is_flag=True, help="Explain every reply, not only those that need it.")
@click.option("--body", is_flag=True, help="Show the text of each message, too.")
@click.option("--faults", "faults", metavar="FILE", help="Fail as the [[fault]] rules of this file say.")
@click.option("--fault-seed", type=int, help="Other choices of faults by chance than those of the file's seed.")
@click.option("--no-tls", is_flag=True, help="Do not offer STARTTLS.")
@click.option("--user", "users", multiple=True, metavar="NAME:PASSWORD", help="Who may log in (AUTH). May be repeated.")
@click.option("--any-user", "anybody", is_flag=True, help="Anybody may log in, with any password (PLAIN and LOGIN).")
@click.option("--require-auth", "requires_auth", is_flag=True, help="Nobody brings mail without having logged in.")
@click.option(
    "--lint", is_flag=True, help="At the end tell what clients did against the rules; exit code 1 if anything."
)
@click.option("--pedantic", is_flag=True, help="Refuse what clients do against the rules and most servers bear.")
@click.option(
    "--api-port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="The API; 0 takes a free port."
)
@click.option("--no-api", is_flag=True, help="Without the API.")
@click.option(
    "--pop3-port", type=click.IntRange(0, 65535), default=1110, show_default=True, help="POP3; 0 takes a free port."
)
@click.option("--no-pop3", is_flag=True, help="Without POP3.")
@click.option(
    "--mailboxes", default="address", show_default=True, metavar="BY", help="Mailboxes by user, domain, tag …"
)
@click.option("--keep", type=click.IntRange(1), default=10_000, show_default=True, help="Keep so many messages.")
@click.option("--keep-for", metavar="TIME", help="Keep messages for so long, such as 2h.")
@click.option("--store", type=click.Path(dir_okay=False), help="Keep the inbox in this file over a restart.")
@click.option("--load", multiple=True, metavar="FILE", help="Begin with these messages: .eml, mbox or ZIP.")
@click.option(
    "--check-links",
    type=click.Choice(["public", "all"]),
    help="Permit to ask web servers for the links of a message: public ones, or also those of private networks.",
)
@click.option("--relay", metavar="URL", help="Release mail, when asked to, by smtp://HOST:PORT, smtps:// or lmtp://.")
@click.option("--relay-to", multiple=True, metavar="PATTERN", help="To whom mail may be released, such as *@my.test.")
@click.option("--relay-user", metavar="NAME", help="Log in at the relay.")
@click.option("--relay-password-file", type=click.Path(dir_okay=False), help="With the password in this file.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines instead of dialogues.")
@click.pass_context
def dev(
    ctx: click.Context,
    /,
    host: str,
    port: int,
    lmtp: bool,
    explain: bool,
    body: bool,
    no_tls: bool,
    users: tuple[str, ...],
    anybody: bool,
    requires_auth: bool,
    as_json: bool,
    faults: str | None,
    fault_seed: int | None,
    lint: bool,
    pedantic: bool,
    api_port: int,
    no_api: bool,
    pop3_port: int,
    no_pop3: bool,
    mailboxes: str,
    keep: int,
    keep_for: str | None,
    store: str | None,
    load: tuple[str, ...],
    check_links: str | None,
    relay: str | None,
    relay_to: tuple[str, ...],
    relay_user: str | None,
    relay_password_file: str | None,
) -> None:
    """Catch all mail that comes, send nothing anywhere, and show each session as an annotated dialogue.

    Needs no configuration. STARTTLS is offered, with a certificate that is made once and kept. The messages are kept in
    memory until it is stopped, or in a file over a restart. Some recipients fail on purpose, such as
    451-twice.you@example.test, 450.rcpt@…, 552.message@…, drop.data@…, reset.message@… and slow-3s.rcpt@…; others fail
    by the rules of a file.
    """
    import asyncio

    from heloise.app.dev.inbox_files import NotLoaded
    from heloise.app.dev.releasing import NotReleased
    from heloise.app.dev.server import CatchOptions
    from heloise.cli.developing import Showing, develop
    from heloise.cli.reading import faults_or_leave
    from heloise.inbox.inbox import Retention
    from heloise.inbox.store import InboxFault
    from heloise.world import Endpoint, LinkError

    showing = Showing(
        explain=explain,
        body=body,
        as_json=as_json,
        lint=lint,
        api=None if no_api else Endpoint("127.0.0.1", api_port),
        pop3=None if no_pop3 else Endpoint("127.0.0.1", pop3_port),
    )
    plan = faults_or_leave(faults)
    options = CatchOptions(
        endpoint=Endpoint(host, port),
        lmtp=lmtp,
        certificate=None if no_tls else own_certificate(),
        users=_passwords(users),
        anybody=anybody,
        requires_auth=_can_log_in(requires_auth, users, anybody),
        faults=plan.rules,
        seed=plan.seed if fault_seed is None else fault_seed,
        pedantic=pedantic,
        retention=Retention(messages=keep, age=None if keep_for is None else _duration(keep_for)),
        grouping=_grouping(mailboxes),
        store=store,
        load=load,
        check_links=check_links is not None,
        check_private_links=check_links == "all",
        relay=None if relay is None else _relay(relay, relay_to, relay_user, relay_password_file),
    )
    try:
        violations = asyncio.run(develop(options, showing=showing))
        if lint and violations:
            ctx.exit(ExitCode.REFUSED)
    except LinkError as error:
        click.echo(f"Not started: {error.detail or error}", err=True)
        ctx.exit(ExitCode.TROUBLE)
    except (InboxFault, NotReleased, NotLoaded) as error:
        click.echo(f"Not started: {error}", err=True)
        ctx.exit(ExitCode.TROUBLE)


def _passwords(users: tuple[str, ...]) -> dict[str, str]:
    passwords = {}
    for each in users:
        name, colon, password = each.partition(":")
        if not (name and colon and password):
            raise click.BadParameter("it is a name, a colon and a password", param_hint="--user")
        passwords[name] = password
    return passwords


def _can_log_in(is_required: bool, users: tuple[str, ...], anybody: bool) -> bool:
    if is_required and not users and not anybody:
        raise click.BadParameter("nobody could log in; add --any-user or --user", param_hint="--require-auth")
    return is_required


_RELAY_PORTS = {"smtp": 25, "smtps": 465, "lmtp": 24}


def _relay(url: str, allowed: tuple[str, ...], user: str | None, password_file: str | None) -> "RelayOptions":
    from urllib.parse import urlsplit

    from heloise.app.dev.releasing import RelayOptions
    from heloise.mail.route import Route

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username
        if parts.scheme not in _RELAY_PORTS or not host or rest:
            raise ValueError("it is written smtp://HOST:PORT, smtps://HOST:PORT or lmtp://HOST:PORT")
        name = f"[{host}]" if ":" in host else host
        route = Route.parse(f"{parts.scheme}:{name}:{port or _RELAY_PORTS[parts.scheme]}")
    except ValueError as error:
        raise click.BadParameter(f"{url}: {error}", param_hint="--relay") from None
    if not allowed:
        raise click.BadParameter(
            "say to whom mail may be released, such as --relay-to '*@my.test'", param_hint="--relay"
        )
    if (user is None) != (password_file is None):
        raise click.BadParameter("a user has a password in a file", param_hint="--relay-user")
    return RelayOptions(route=route, allowed=allowed, user=user, password_file=password_file)


def _duration(text: str) -> float:
    from heloise.config.kinds import read_duration

    try:
        return read_duration(text)
    except ValueError as error:
        raise click.BadParameter(f'"{text}" {error}', param_hint="--keep-for") from None


def _grouping(text: str) -> "Grouping":
    from heloise.inbox.mailboxes import Grouping

    try:
        return Grouping.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--mailboxes") from None
