"""`heloise user`: who may prove himself by a password, in the file of [auth] users."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

import click

from heloise.cli.reading import config_option, read_or_leave
from heloise.cli.terminal import ExitCode

if TYPE_CHECKING:
    from heloise.reception.users import Login

_LONGEST_PASSWORD = 1024

stdin_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input, one line."
)

keep_option = click.option(
    "--keep",
    "schemes",
    type=click.Choice(["scram-sha-256", "scram-sha-1", "scrypt", "argon2", "cram-md5"]),
    multiple=True,
    help="What is kept of the password: keys for SCRAM (the default is scram-sha-256), a hash of scrypt or "
    "Argon2id for PLAIN and LOGIN only, or for cram-md5 the password itself. May be repeated.",
)


@click.group(short_help="Users with a password, for AUTH.")
def user() -> None:
    """Users who may send mail by AUTH: the file that [auth] users names. A running server sees the change at once."""


@user.command("add")
@click.argument("name")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS|@DOMAIN]...")
@config_option
@stdin_option
@keep_option
def add(name: str, addresses: tuple[str, ...], path: str, from_stdin: bool, schemes: tuple[str, ...]) -> None:
    """Add a user, who may send from the addresses. The password is asked for."""
    file, users = _users(path)
    if name in users:
        _leave(f'There is a user "{name}" already; `heloise user passwd {name}` gives another password.')
    login = _login(name, addresses, from_stdin, schemes or ("scram-sha-256",))
    _write(file, {**users, login.name: login})


@user.command("passwd")
@click.argument("name")
@config_option
@stdin_option
@keep_option
def passwd(name: str, path: str, from_stdin: bool, schemes: tuple[str, ...]) -> None:
    """Give a user another password. The same is kept of it as of the old one."""
    file, users = _users(path)
    known = _known(users, name)
    login = _login(name, known.addresses, from_stdin, schemes or tuple(each.value for each in known.schemes))
    _write(file, {**users, name: login})


@user.command("remove")
@click.argument("name")
@config_option
def remove(name: str, path: str) -> None:
    """Remove a user."""
    file, users = _users(path)
    _known(users, name)
    _write(file, {each: login for each, login in users.items() if each != name})


@user.command("list")
@config_option
def list_users(path: str) -> None:
    """Show the users and their addresses; never the keys."""
    _, users = _users(path)
    for login in users.values():
        click.echo(" ".join((login.name, *login.addresses)))


def _users(path: str) -> "tuple[str, Mapping[str, Login]]":
    from heloise.app.configured.users_file import trouble
    from heloise.app.configured.watching import read_text
    from heloise.net import DiskFiles
    from heloise.reception.users import read_users

    file = read_or_leave(path).auth.users
    if file is None:
        _leave(f'{path} names no file of users: write users = "users" below [auth].')
    try:
        users = read_users(read_text(DiskFiles(), file))
        if os.stat(file).st_mode & 0o077:
            click.echo(f"{file} can be read by others, who may guess passwords with it: chmod 600 {file}", err=True)
    except FileNotFoundError:
        users = {}
    except (OSError, ValueError) as error:
        _leave(trouble(file, error))
    return file, users


def _login(name: str, addresses: tuple[str, ...], from_stdin: bool, schemes: tuple[str, ...]) -> "Login":
    from heloise.reception.users import SALT, Scheme, new_login

    if from_stdin:
        password = sys.stdin.readline(_LONGEST_PASSWORD).rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    try:
        return new_login(name, password, addresses, os.urandom(SALT), tuple(map(Scheme, schemes)))
    except ValueError as error:
        _leave(f"{name}: {error}.")


def _known(users: "Mapping[str, Login]", name: str) -> "Login":
    from heloise.config.errors import did_you_mean

    if name not in users:
        _leave(f'There is no user "{name}". {did_you_mean(name, list(users))}'.rstrip())
    return users[name]


def _write(file: str, users: "Mapping[str, Login]") -> None:
    """All at once, so that a server never reads half of it; remarks are not kept. Nobody else may read it."""
    from heloise.net import DiskFiles

    files, draft = DiskFiles(), f"{file}.new"
    try:
        if files.exists(draft):
            files.remove(draft)
        written = files.create(draft, 0o600)
        try:
            written.write("".join(f"{login.encode()}\n" for login in users.values()).encode())
            written.sync()
        finally:
            written.close()
        if files.exists(file):
            # The server may run as another user than the one who types this.
            known = os.stat(file)
            if (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(draft, known.st_uid, known.st_gid)
        files.rename(draft, file)
        files.sync_directory(os.path.dirname(file))
    except OSError as error:
        _leave(f"{file} can not be written: {error.strerror}")


def _leave(text: str) -> NoReturn:
    click.echo(text, err=True)
    raise SystemExit(ExitCode.REFUSED)
