"""Types of command line arguments: addresses, servers, headers, durations, sizes."""

from pathlib import Path, PurePosixPath
from typing import Any

import click

from heloise.mail.address import AddressError, Mailbox, check_domain
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.world.network import Endpoint, UnixEndpoint

SMTP_PORT = 25


class ReversePathType(click.ParamType[ReversePath]):
    """`c@d`, or `<>` for the null reverse path."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ReversePath:
        """Read it, or fail with what is wrong."""
        if isinstance(value, ReversePath):
            return value
        return NULL_REVERSE_PATH if value in ("<>", "") else ReversePath(_mailbox(self, value, param, ctx))


class ForwardPathType(click.ParamType[ForwardPath]):
    """`a@b`, or `postmaster`."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ForwardPath:
        """Read it, or fail with what is wrong."""
        if isinstance(value, ForwardPath):
            return value
        if value.strip("<>").lower() == "postmaster":
            return ForwardPath(None)
        return ForwardPath(_mailbox(self, value, param, ctx))


class ServerType(click.ParamType[Endpoint | UnixEndpoint]):
    """`host`, `host:port`, `[::1]:port` or `unix:/path`; `port` when none is given."""

    name = "server"

    def __init__(self, *, port: int = SMTP_PORT) -> None:
        self.port = port

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Endpoint | UnixEndpoint:
        """Read it, or fail with what is wrong."""
        from heloise.config.kinds import read_endpoint

        if isinstance(value, Endpoint | UnixEndpoint):
            return value
        bare = not value.startswith("unix:") and (":" not in value or value.endswith("]"))
        try:
            return read_endpoint(f"{value}:{self.port}" if bare else value, PurePosixPath(Path.cwd()))
        except ValueError as error:
            self.fail(f'"{value}" {error}', param, ctx)


class DomainType(click.ParamType[str]):
    """A domain."""

    name = "domain"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it, or fail with what is wrong."""
        try:
            return check_domain(value)
        except AddressError:
            self.fail(f'"{value}" is not a domain; write it like "example.org"', param, ctx)


class DurationType(click.ParamType[float]):
    """`30s`, `5m`, `2h`, `1d`, `1h30m`; in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it, or fail with what is wrong."""
        from heloise.config.kinds import read_duration

        try:
            return value if isinstance(value, float) else read_duration(value)
        except ValueError as error:
            self.fail(f'"{value}" {error}', param, ctx)


class SizeType(click.ParamType[int]):
    """`512KiB`, `1 MiB`, or a number of octets."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or fail with what is wrong."""
        from heloise.config.kinds import read_size

        if isinstance(value, int):
            return value
        try:
            return int(value) if value.isascii() and value.isdigit() else read_size(value)
        except ValueError as error:
            self.fail(f'"{value}" {error}', param, ctx)


class HeaderType(click.ParamType[tuple[str, str]]):
    """`Name: value`."""

    name = "header"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Read it, or fail with what is wrong."""
        if isinstance(value, tuple):
            return value
        name, colon, text = value.partition(":")
        if not colon or not name or not all(33 <= ord(character) < 127 for character in name):
            self.fail(f'"{value}" is not a header; write it like "X-Test: yes"', param, ctx)
        return name, text.strip()


def _mailbox(
    kind: click.ParamType[Any], value: str, param: click.Parameter | None, ctx: click.Context | None
) -> Mailbox:
    try:
        return Mailbox.from_text(value.removeprefix("<").removesuffix(">"))
    except AddressError as error:
        kind.fail(f'"{value}" is not an address: {error}', param, ctx)
