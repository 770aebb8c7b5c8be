"""Subclasses of `SMTP` with methods for commands that are there already, as programs written for aiosmtpd have them.

As `examples`: run by the adapter in the tests, by aiosmtpd in the interop test (`python -m tests.aiosmtpd.overriding`).
"""

import base64
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

from tests.aiosmtpd.examples import Package, dialogue, serving

_MESSAGE = "Subject: x\r\n\r\n..dot\r\n."


def _served(package: Package, kind: Any, *lines: str, handler: Any = None, **parameters: Any) -> Any:
    class OwnController(package.controller.Controller):  # type: ignore[misc, name-defined]
        def factory(self) -> Any:
            return kind(self.handler, **self.SMTP_kwargs)

    return serving(package, handler or package.handlers.Sink(), dialogue(*lines), OwnController, **parameters)


def looked_at_before(package: Package) -> Any:
    """A method that refuses some and hands the others on."""

    class Own(package.smtp.SMTP):  # type: ignore[misc, name-defined]
        async def smtp_MAIL(self, arg: str | None) -> None:
            if arg is not None and "spam" in arg:
                await self.push("550 5.7.1 not from you")
                return
            await super().smtp_MAIL(arg)

        async def smtp_RCPT(self, arg: str | None) -> None:
            await super().smtp_RCPT(arg.replace("old.test", "new.test") if arg else arg)

    class Telling:
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
            envelope.rcpt_tos.append(address)
            return f"250 to {address} from {envelope.mail_from}"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            return f"250 {envelope.rcpt_tos} {envelope.mail_options} {envelope.content!r}"

    lines = (
        "MAIL FROM:<early@a.test>",
        "EHLO me",
        "MAIL FROM:<spam@a.test>",
        "RCPT TO:<c@old.test>",
        "MAIL FROM:<a@a.test> BODY=8BITMIME",
        "RCPT TO:<c@old.test>",
        "rcpt to:<d@other.test>",
        "DATA",
        _MESSAGE,
        "RCPT TO:<c@old.test>",
        "MAIL FROM:<a@a.test>",
        "RSET",
        "QUIT",
    )
    heard = _served(package, Own, *lines, handler=Telling())
    return [reply if reply[0][:3] != "503" else "503" for reply in heard]  # the words are each server's own


def done_by_themselves(package: Package) -> Any:
    """Methods that never ask their superclass, and write session and envelope."""

    class Own(package.smtp.SMTP):  # type: ignore[misc, name-defined]
        async def smtp_HELO(self, hostname: str | None) -> None:
            self.session.host_name = hostname or "nobody"
            await self.push(f"250 hello {self.session.host_name}")

        async def smtp_EHLO(self, hostname: str | None) -> None:
            self.session.host_name, self.session.extended_smtp = hostname, True
            await self.push("250-own")
            await self.push("250-SIZE 1000")
            await self.push("250 HELP")

        async def smtp_MAIL(self, arg: str | None) -> None:
            self.envelope.mail_from = "whoever@it.is"
            await self.push(f"250 {arg}, I see")

        async def smtp_RCPT(self, arg: str | None) -> None:
            self.envelope.rcpt_tos.append(arg or "")
            await self.push("251 fine")

    class Telling:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            return f"250 {envelope.mail_from} {envelope.rcpt_tos} {len(envelope.content)} {session.host_name}"

    both = ("MAIL from whoever", "RCPT a", "RCPT b", "DATA", _MESSAGE, "MAIL again", "RCPT c", "DATA", _MESSAGE, "QUIT")
    return [
        _served(package, Own, "EHLO me", *both, handler=Telling()),
        _served(package, Own, "HELO", *both, handler=Telling()),
    ]


def around_data(package: Package) -> Any:
    """What stands behind `super().smtp_DATA` comes when the message was answered, also when it was refused."""
    noted: list[Any] = []

    class Own(package.smtp.SMTP):  # type: ignore[misc, name-defined]
        async def smtp_DATA(self, arg: str | None) -> None:
            if self.envelope.rcpt_tos == ["later@b.test"]:
                await self.push("451 4.7.1 later")
                return
            before = len(self.envelope.rcpt_tos)
            await super().smtp_DATA(arg)
            noted.append([before, len(self.envelope.rcpt_tos)])

    class Failing:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            if b"fail" in envelope.content:
                raise ValueError("failed")
            return "250 kept"

    start = ("MAIL FROM:<a@a.test>", "RCPT TO:<c@b.test>")
    heard = _served(
        package,
        Own,
        "DATA",
        "EHLO me",
        "DATA",
        "MAIL FROM:<a@a.test>",
        "RCPT TO:<later@b.test>",
        "DATA",
        "RSET",
        *start,
        "DATA",
        _MESSAGE,
        *start,
        "DATA",
        "x" * 900 + "\r\n" + "y" * 900 + "\r\n.",
        *start,
        "DATA",
        "fail\r\n.",
        "NOOP",
        handler=Failing(),
        data_size_limit=1000,
    )
    # Of refusals the engine makes only the code is compared; what comes after an exception differs by its envelope.
    return [[reply[-1][:3] for reply in heard], noted]


def the_other_verbs(package: Package) -> Any:
    """Each handed on, with a word before it in a note."""
    noted: list[str] = []

    class Own(package.smtp.SMTP):  # type: ignore[misc, name-defined]
        async def smtp_HELO(self, hostname: str | None) -> None:
            noted.append(f"HELO {hostname}")
            await super().smtp_HELO(hostname)

        async def smtp_EHLO(self, hostname: str | None) -> None:
            noted.append(f"EHLO {hostname}")
            await super().smtp_EHLO(hostname)
            noted.append(f"is {self.session.host_name}")

        async def smtp_RSET(self, arg: str | None) -> None:
            noted.append(f"RSET {self.envelope.mail_from}")
            await super().smtp_RSET(arg)
            noted.append(f"now {self.envelope.mail_from}")

        async def smtp_NOOP(self, arg: str | None) -> None:
            if arg == "twice":
                await self.push("250-once")
            await super().smtp_NOOP(arg)

        async def smtp_VRFY(self, arg: str | None) -> None:
            await super().smtp_VRFY(f"<{arg}>" if arg else arg)

        @package.smtp.syntax("HELP me")  # type: ignore[untyped-decorator]
        async def smtp_HELP(self, arg: str | None) -> None:
            await super().smtp_HELP(arg)

        async def smtp_EXPN(self, arg: str | None) -> None:
            await self.push(f"250 {arg}@list.test")

        async def smtp_QUIT(self, arg: str | None) -> None:
            noted.append("QUIT")
            await super().smtp_QUIT(arg)

        async def smtp_STARTTLS(self, arg: str | None) -> None:
            await self.push("454 4.7.0 not today")

    class Telling:
        async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:
            return f"252 {address}"

    lines = (
        "HELO me",
        "EHLO me.test",
        "MAIL FROM:<a@a.test>",
        "RSET",
        "NOOP twice",
        "NOOP",
        "VRFY a@b.test",
        "HELP HELP",
        "EXPN friends",
        "STARTTLS",
        "QUIT",
    )
    return [_served(package, Own, *lines, handler=Telling()), noted]


def logins(package: Package) -> Any:
    """AUTH in a method: one mechanism refused there, the others handed on; and what comes of an exception."""

    class Own(package.smtp.SMTP):  # type: ignore[misc, name-defined]
        async def smtp_AUTH(self, arg: str | None) -> None:
            if arg is None or arg.upper().startswith("LOGIN"):
                await self.push("504 5.5.4 not that one")
                return
            if arg == "CLUMSY":
                raise ValueError("clumsy")
            await super().smtp_AUTH(arg)

    def known(mechanism: str, login: bytes, password: bytes) -> bool:
        return (login, password) == (b"anne", b"secret")

    def proof(password: str) -> str:
        return base64.b64encode(f"\0anne\0{password}".encode()).decode()

    lines = (
        "AUTH PLAIN",
        "EHLO me",
        "AUTH",
        "AUTH LOGIN",
        "AUTH CLUMSY",
        f"AUTH PLAIN {proof('wrong')}",
        "AUTH PLAIN",
        "*",
        "AUTH PLAIN",
        proof("secret"),
        "AUTH PLAIN",
        "MAIL FROM:<a@a.test>",
        "QUIT",
    )
    heard = _served(package, Own, *lines, auth_callback=known, auth_require_tls=False)
    heard[1] = heard[1][-1][:3]
    return heard


def exceptions(package: Package) -> Any:
    """What a method raises is told as what a hook raises, and the session goes on."""

    class Own(package.smtp.SMTP):  # type: ignore[misc, name-defined]
        async def smtp_MAIL(self, arg: str | None) -> None:
            if arg is None or "clumsy" in arg:
                raise ValueError("clumsy")
            await super().smtp_MAIL(arg)

    lines = ("EHLO me", "MAIL", "MAIL FROM:<clumsy@a.test>", "MAIL FROM:<a@a.test>", "RCPT TO:<c@b.test>", "QUIT")
    return _served(package, Own, *lines)


OVERRIDING: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (looked_at_before, done_by_themselves, around_data, the_other_verbs, logins, exceptions)
}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    of = Package(sys.argv[1])
    json.dump({name: example(of) for name, example in OVERRIDING.items()}, sys.stdout)
