"""Options of `heloise send` about TLS and AUTH. A password never stands on the command line, where `ps` shows it."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from heloise.smtp.sasl.choosing import ClientLogin
    from heloise.world import Endpoint, OutgoingTls, UnixEndpoint

F = TypeVar("F", bound=Callable[..., Any])
PASSWORD, TOKEN = "HELOISE_PASSWORD", "HELOISE_TOKEN"  # of the environment
_LONGEST = 16384  # octets of a secret
_LEVELS = ("none", "may", "encrypt", "verify")
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def login_options(command: F) -> F:
    """Those of TLS and those of AUTH."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--tls",
        type=click.Choice(_LEVELS),
        help="none; may: where it is offered; encrypt: never without; verify: and only with whom the name fits. By "
        "default may, and verify where a password is shown to another machine.",
    ),
    click.option("--smtps", "--implicit-tls", "smtps", is_flag=True, help="Begin with TLS (port 465)."),
    click.option("--ca-file", type=_file, help="Authorities (PEM) to believe, in place of those of the system."),
    click.option("--cert", type=_file, help="Show this certificate (PEM, with its chain)."),
    click.option("--key", type=_file, help="The private key of --cert (PEM)."),
    click.option(
        "--user",
        metavar="NAME",
        help=f"Log in (AUTH). The password is in ${PASSWORD} or in --password-file, else it is asked for.",
    ),
    click.option("--password-file", type=_file, help="The first line of this file is the password."),
    click.option("--token-file", type=_file, help=f"A token of OAuth in place of a password; or put it into ${TOKEN}."),
    click.option("--mechanism", "mechanisms", multiple=True, help="Use this one (AUTH); may be repeated, best first."),
    click.option("--allow-plaintext-auth", is_flag=True, help="Show the password without TLS, too."),
)


def read_tls(options: Mapping[str, Any], endpoint: "Endpoint | UnixEndpoint") -> "OutgoingTls":
    """How the connection is protected. Raises UsageError."""
    from heloise.app.send import level_for
    from heloise.world import CertificateFiles, OutgoingTls, TlsLevel

    if (options["cert"] is None) != (options["key"] is None):
        raise click.UsageError("--cert and --key go together.")
    if options["smtps"] and options["tls"] == "none":
        raise click.UsageError("--smtps is TLS; --tls none does not go with it.")
    shown = None
    if options["cert"] is not None:
        shown = CertificateFiles(chain=str(options["cert"]), key=str(options["key"]))
    wanted = None if options["tls"] is None else TlsLevel(options["tls"])
    ca_file = None if options["ca_file"] is None else str(options["ca_file"])
    level = level_for(endpoint, wanted, shows_login=options["user"] is not None)
    return OutgoingTls(level=level, ca_file=ca_file, certificate=shown)


def read_login(options: Mapping[str, Any], endpoint: "Endpoint | UnixEndpoint") -> "ClientLogin | None":
    """Who to log in as. Raises UsageError, OSError and ValueError, without the secret."""
    from heloise.app.send import is_here
    from heloise.smtp.sasl.choosing import CLIENT_MECHANISMS, ClientLogin
    from heloise.smtp.sasl.mechanism import Credentials

    user = options["user"]
    mechanisms = tuple(name.upper() for name in options["mechanisms"])
    for name in mechanisms:
        if name not in CLIENT_MECHANISMS:
            raise click.UsageError(f"There is no mechanism {name}; there are: {', '.join(CLIENT_MECHANISMS)}.")
    if user is None:
        if mechanisms or options["password_file"] or options["token_file"]:
            raise click.UsageError("Say who you are, by --user.")
        return None
    token = _secret(options["token_file"], TOKEN)
    password = "" if token or mechanisms == ("EXTERNAL",) else _password(options["password_file"], user)
    return ClientLogin(
        credentials=Credentials(user, password, token),
        mechanisms=mechanisms,
        in_clear=options["allow_plaintext_auth"] or is_here(endpoint),
    )


def _password(file: Path | None, user: str) -> str:
    found = _secret(file, PASSWORD)
    if found:
        return found
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"There is no password: put it into ${PASSWORD}, or into a file for --password-file.")
    asked: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return asked


def _secret(file: Path | None, variable: str) -> str:
    if file is None:
        return os.environ.get(variable, "")
    with file.open("rb") as opened:
        line = opened.readline(_LONGEST).rstrip(b"\r\n")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not in UTF-8") from None
    if not text:
        raise ValueError(f"the first line of {file} is empty")
    return text
