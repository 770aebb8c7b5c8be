"""What hooks are given: a session, an envelope, and what comes of a login. Mutable, since hooks write into them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING = Missing.MISSING
"""There is no hook of this name, or no answer of the client."""


class LoginPassword(NamedTuple):
    """What PLAIN and LOGIN ask for."""

    login: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"LoginPassword(login={self.login.decode('utf-8', 'replace')!r}, password=...)"

    def __str__(self) -> str:
        return repr(self)


@dataclass(kw_only=True)
class AuthResult:
    """What came of a login. When it failed and `handled` is True, the client has heard why already; else it hears
    `message`, a reply with its code, or what is usual."""

    success: bool
    handled: bool = True
    message: str | None = None
    auth_data: Any = field(default=None, repr=False)


class Session:
    """One connection. Hooks may add attributes of their own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.peer: Any = None
        self.ssl: dict[str, Any] | None = None
        self.host_name: str | None = None
        self.extended_smtp = False
        self.loop = loop
        self.proxy_data: Any = None
        self.login_data: Any = None
        self.auth_data: Any = None
        self.authenticated: bool | None = None


class Envelope:
    """One transaction. Hooks may add attributes of their own."""

    def __init__(self) -> None:
        self.mail_from: str | None = None
        self.mail_options: list[str] = []
        self.smtp_utf8 = False
        self.content: bytes | str | None = None
        self.original_content: bytes | None = None
        self.rcpt_tos: list[str] = []
        self.rcpt_options: list[str] = []


def syntax(text: str, extended: str | None = None, when: str | None = None) -> Callable[[F], F]:
    """Decorates an `smtp_` method with what HELP shows of it; after EHLO with `extended` besides; only when the
    attribute `when` of the server is true."""

    def decorate(function: F) -> F:
        function.__dict__.update(__smtp_syntax__=text, __smtp_syntax_extended__=extended, __smtp_syntax_when__=when)
        return function

    return decorate


def auth_mechanism(actual_name: str) -> Callable[[F], F]:
    """Decorates an `auth_` method with the name of its mechanism. Raises ValueError for what can be none."""
    name = actual_name.upper()
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise ValueError(f"Invalid AUTH mechanism name: {name}")

    def decorate(function: F) -> F:
        function.__dict__["__auth_mechanism_name__"] = name
        return function

    return decorate
