"""`heloise send`: hand a message to a server and watch what it says."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heloise.cli.addresses import ForwardPathType, HeaderType, ReversePathType, ServerType
from heloise.cli.login import login_options, read_login, read_tls

if TYPE_CHECKING:
    from heloise.app.send import Errand, Letter

_BODY = "This is a test message from heloise.\n"


@click.command(short_help="Send a message and show the conversation.")
@click.option(
    "--server", type=ServerType(), default="127.0.0.1:1025", show_default=True, help="host:port or unix:/path"
)
@click.option("--from", "sender", type=ReversePathType(), required=True, help="Where reports go; '<>' for nowhere.")
@click.option("--to", "recipients", type=ForwardPathType(), required=True, multiple=True, help="May be repeated.")
@click.option("--subject", default="A test from heloise", show_default=True)
@click.option("--body", help="The text; else it is read from standard input.")
@click.option("--attach", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True, metavar="FILE")
@click.option("--header", "headers", type=HeaderType(), multiple=True, metavar="'NAME: VALUE'")
@click.option("--file", type=click.Path(exists=True, allow_dash=True), help="A finished message; - for standard input.")
@click.option("--count", type=click.IntRange(min=1), default=1, show_default=True, help="Send it so many times.")
@click.option("--hello", metavar="NAME", help="Say this name in EHLO; by default that of this machine.")
@click.option("--helo", is_flag=True, help="Say HELO instead of EHLO.")
@click.option("--lmtp", is_flag=True, help="Speak LMTP.")
@click.option("--verb", "--verbose-peer", "verb", is_flag=True, help="Ask the server to show the delivery (VERB).")
@click.option("--onex", is_flag=True, help="Promise that this is the only transaction (ONEX).")
@click.option("--bdat", is_flag=True, help="Send by BDAT where CHUNKING is offered.")
@click.option("--notify", metavar="WORDS", help="Reports wanted: NEVER, or of SUCCESS,FAILURE,DELAY (DSN).")
@click.option(
    "--ret", type=click.Choice(["FULL", "HDRS"], case_sensitive=False), help="How much a report returns (DSN)."
)
@click.option("--envid", metavar="ID", help="Comes back in reports (DSN).")
@login_options
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Seconds to wait for the connection.")
@click.option("--explain", is_flag=True, help="Explain every reply, not only those that need it.")
@click.option("--quiet", "-q", is_flag=True, help="Only tell what became of each recipient.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, with the transcript.")
@click.pass_context
def send(ctx: click.Context, /, **options: Any) -> None:
    """Send a message and show the conversation, with an explanation of each reply that is more than a plain yes.

    The exit code is 0 when every recipient was accepted, 1 when one was refused, 3 when there was trouble with the
    connection.
    """
    import asyncio

    from heloise.cli.sending import run

    try:
        errand = _errand(options)
        code = asyncio.run(run(errand, explain=options["explain"], quiet=options["quiet"], as_json=options["as_json"]))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"This can not be sent: {error}", ctx) from error
    ctx.exit(code)


def _errand(options: Mapping[str, Any]) -> "Errand":
    """What the options ask for. Raises ValueError, OSError and UsageError."""
    from heloise.app.send import Errand, own_name
    from heloise.mail.envelope import Envelope, Parameter, Parameters, Recipient
    from heloise.mail.xtext import encode_xtext
    from heloise.smtp.transaction import ClientOptions

    notify, ret, envid = options["notify"], options["ret"], options["envid"]
    of_each = Parameters((Parameter("NOTIFY", notify.upper()),) if notify else ())
    pairs = (("RET", ret), ("ENVID", envid and encode_xtext(envid)))
    of_mail = Parameters(tuple(Parameter(name, value) for name, value in pairs if value))
    return Errand(
        endpoint=options["server"],
        options=ClientOptions(
            hello_name=options["hello"] or own_name(),
            lmtp=options["lmtp"],
            start_with_helo=options["helo"],
            verbose=options["verb"],
            only_transaction=options["onex"],
            chunking=options["bdat"],
            login=read_login(options, options["server"]),
        ),
        envelope=Envelope(
            reverse_path=options["sender"],
            parameters=of_mail,
            recipients=tuple(Recipient(path, of_each) for path in options["recipients"]),
        ),
        message=_message(options),
        count=options["count"],
        connect_timeout=options["timeout"],
        tls=read_tls(options, options["server"]),
        tls_first=options["smtps"],
    )


def _message(options: Mapping[str, Any]) -> "bytes | Letter":
    """The finished message, or the letter to write."""
    from heloise.app.send import Letter

    file, body = options["file"], options["body"]
    if file is not None:
        if body is not None or options["attach"] or options["headers"]:
            raise click.UsageError("--file brings a finished message; --body, --attach and --header do not go with it.")
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return Letter(
        sender=str(options["sender"].mailbox or "MAILER-DAEMON"),
        recipients=tuple(str(path).strip("<>") for path in options["recipients"]),
        subject=options["subject"],
        body=body if body is not None else _standard_input() or _BODY,
        headers=options["headers"],
        attachments=options["attach"],
    )


def _standard_input() -> str:
    """What is piped in; nothing from a terminal, where a person would wonder why nothing happens."""
    return "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
