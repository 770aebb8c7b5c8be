"""Handlers as aiosmtpd's documentation has them, and what clients say to them.

Run by heloise's adapter in the tests, and by aiosmtpd itself in the interop test: `python examples.py aiosmtpd` prints
what every dialogue got, as JSON. Only imports of the package under test are made by name.
"""

import base64
import importlib
import io
import json
import smtplib
import socket
import ssl
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT = 30.0
MESSAGE = (
    "From: Anne <anne@example.com>\r\nTo: Bart <bart@example.com>\r\nSubject: A test\r\nMessage-ID: <ant>\r\n\r\nHi\r\n"
)


class Package:
    """aiosmtpd, or what stands in for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.controller = importlib.import_module(f"{name}.controller")
        self.handlers = importlib.import_module(f"{name}.handlers")
        self.smtp = importlib.import_module(f"{name}.smtp")
        self.lmtp = importlib.import_module(f"{name}.lmtp")


class Wire:
    """A client that says lines and hears replies, code and text."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket: socket.socket = socket.create_connection((host, port), timeout=TIMEOUT)
        self.file = self.socket.makefile("rb")

    def hear(self) -> list[str]:
        lines = []
        while True:
            try:
                line = self.file.readline().decode("utf-8", "replace").rstrip("\r\n")
            except ConnectionResetError:
                line = ""
            if not line:
                return ["closed"]
            lines.append(line)
            if line[3:4] != "-":
                return lines

    def say(self, *lines: str) -> list[str]:
        heard: list[str] = []
        for line in lines:
            self.socket.sendall(line.encode() + b"\r\n")
            heard = self.hear()
        return heard

    def codes(self, *lines: str) -> list[str]:
        return [self.say(line)[-1][:3] for line in lines]

    def secure(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def serving(package: Package, handler: Any, act: Callable[[int], Any], kind: Any = None, **parameters: Any) -> Any:
    """Run a controller with the handler while `act` speaks to its port."""
    controller = (kind or package.controller.Controller)(
        handler, hostname="127.0.0.1", port=_free_port(), server_hostname="mx.test", **parameters
    )
    controller.start()
    try:
        return act(controller.port)
    finally:
        controller.stop()


def _free_port() -> int:
    from tests.peers import free_port

    return free_port()


def dialogue(*lines: str) -> Callable[[int], list[list[str]]]:
    """What is heard: the greeting's code, then each reply."""

    def act(port: int) -> list[list[str]]:
        wire = Wire(port)
        heard = [[wire.hear()[0][:3]], *(wire.say(line) for line in lines)]
        wire.close()
        return heard

    return act


class ExampleHandler:
    """Of the page on programmatic usage: one domain is ours, messages are told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, rcpt_options: list[str]) -> str:
        if not address.endswith("@example.com"):
            return "550 not relaying to that domain"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        lines = envelope.content.decode("utf8", errors="replace").splitlines()
        self.told.append([envelope.mail_from, envelope.rcpt_tos, lines, envelope.mail_options, session.peer[0]])
        return "250 Message accepted for delivery"


def one_domain(package: Package) -> Any:
    handler = ExampleHandler()

    def act(port: int) -> list[Any]:
        client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=TIMEOUT)
        refused = client.sendmail("a@example.com", ["b@example.com"], MESSAGE)
        try:
            client.sendmail("a@example.com", ["c@example.net"], MESSAGE)
            other: Any = None
        except smtplib.SMTPRecipientsRefused as error:
            other = {name: [code, text.decode()] for name, (code, text) in error.recipients.items()}
        return [refused, other, client.quit()[0]]

    return [serving(package, handler, act), handler.told]


def offers(package: Package) -> Any:
    """EHLO with and without SMTPUTF8, with a limit, with decoded data."""
    hello = dialogue("EHLO me", "QUIT")
    sink = package.handlers.Sink
    return [
        serving(package, sink(), hello),
        serving(package, sink(), hello, enable_SMTPUTF8=False),
        serving(package, sink(), hello, data_size_limit=1000, decode_data=True, enable_SMTPUTF8=False),
        serving(package, sink(), hello, data_size_limit=None, auth_require_tls=False),
    ]


def ping(package: Package) -> Any:
    """A command of a subclass, and HELP about it."""
    smtp = package.smtp

    class MyServer(smtp.SMTP):  # type: ignore[misc, name-defined]
        @smtp.syntax("PING [ignored]")  # type: ignore[untyped-decorator]
        async def smtp_PING(self, arg: str | None) -> None:
            await self.push("259 Pong" if arg is None else f"259 Pong {arg}")

    class MyController(package.controller.Controller):  # type: ignore[misc, name-defined]
        def factory(self) -> Any:
            return MyServer(self.handler, hostname="mx.test")

    lines = (
        "PING",
        "PING twice",
        "HELP",
        "HELP PING",
        "HELP MAIL",
        "EHLO me",
        "HELP MAIL",
        "HELP NOTHING",
        "PING",
        "QUIT",
    )
    return serving(package, package.handlers.Sink(), dialogue(*lines), MyController)


class Everything:
    """Each hook, with another reply than usual."""

    async def handle_HELO(self, server: Any, session: Any, envelope: Any, hostname: str) -> str:
        session.host_name = hostname
        return f"250 {server.hostname} hello {hostname}"

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], "250-X-OURS", responses[-1]]

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, mail_options: list[str]) -> str:
        if address == "later@example.com":
            return "451 4.7.1 not now"
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return f"250 from {address} with {sorted(mail_options)}"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, rcpt_options: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return f"250 to {address}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        return f"250 {len(envelope.content)} octets from {envelope.mail_from} to {envelope.rcpt_tos}"

    async def handle_RSET(self, server: Any, session: Any, envelope: Any) -> str:
        return f"250 reset, {envelope.rcpt_tos}"

    async def handle_NOOP(self, server: Any, session: Any, envelope: Any, arg: str | None) -> str:
        return f"250 nothing of {arg}"

    async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:
        return f"252 perhaps {address}"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return "221 See you"


def every_hook(package: Package) -> Any:
    lines = (
        "NOOP",
        "NOOP one two",
        "HELO me",
        "EHLO me",
        "MAIL FROM:<later@example.com>",
        "MAIL FROM:<a@example.com> SIZE=10 body=8bitmime",
        "RCPT TO:<b@example.com>",
        "RSET",
        "MAIL FROM:<>",
        "RCPT TO:<b@example.com>",
        'RCPT TO:<"c d"@example.com>',
        "DATA",
        "..one\r\ntwo\r\n.",
        "VRFY <b@example.com>",
        "QUIT",
    )
    return serving(package, Everything(), dialogue(*lines))


def usual_replies(package: Package) -> Any:
    """Without hooks, and out of order; of refusals only the code is compared, since the words are each server's own."""
    taken = dialogue(
        "HELO me",
        "NOOP",
        "MAIL FROM:<a@b.test>",
        "RCPT TO:<c@d.test>",
        "DATA",
        "x\r\n.",
        "RSET",
        "VRFY x@y.test",
        "QUIT",
    )
    order = (
        "MAIL FROM:<a@b.test>",
        "EHLO me",
        "RCPT TO:<c@d.test>",
        "DATA",
        "EXPN list",
        "WHAT",
        "MAIL FROM:<a@b.test> X=1",
    )
    heard = serving(package, package.handlers.Sink(), taken)
    refused = serving(package, package.handlers.Sink(), dialogue(*order))
    return [[reply for number, reply in enumerate(heard) if number != 5], [reply[-1][:3] for reply in refused]]


def decoded(package: Package) -> Any:
    """`decode_data`: text in `content`, octets in `original_content`."""
    seen: list[Any] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            seen.append(
                [type(envelope.content).__name__, repr(envelope.content), envelope.original_content.decode("latin-1")]
            )
            return "250 OK"

    def act(port: int) -> list[str]:
        wire = Wire(port)
        wire.hear()
        opened = wire.codes("HELO me", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA")
        wire.socket.sendall("Subject: ü\r\n\r\n..dot\r\n.\r\n".encode())
        return [*opened, wire.hear()[-1]]

    return [
        serving(package, Handler(), act),
        serving(package, Handler(), act, decode_data=True),
        serving(package, Handler(), act, decode_data=True, enable_SMTPUTF8=False)[-1][:3],
        seen,
    ]


class Clumsy:
    """Raises; says what is said then."""

    def __init__(self, tells: bool) -> None:
        if tells:
            self.handle_exception = self._told

    async def _told(self, error: Exception) -> str:
        return f"542 {error}"

    async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:
        raise ValueError("clumsy")


def exceptions(package: Package) -> Any:
    lines = dialogue("HELO me", "VRFY x@y.test", "NOOP", "QUIT")
    return [serving(package, Clumsy(False), lines), serving(package, Clumsy(True), lines)]


def logins(package: Package) -> Any:
    """The authenticator of the documentation, a mechanism of the handler's own, and each way to fail."""
    smtp = package.smtp

    class Authenticator:
        def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, auth_data: Any) -> Any:
            if mechanism not in ("LOGIN", "PLAIN") or not isinstance(auth_data, smtp.LoginPassword):
                return smtp.AuthResult(success=False, handled=False)
            if auth_data.login == b"told":
                return smtp.AuthResult(success=False, handled=False, message="535 5.7.8 I told you")
            good = (auth_data.login, auth_data.password) == (b"alice", b"secret")
            return smtp.AuthResult(success=good, handled=False, auth_data=auth_data)

    class Handler:
        async def auth_OUR__WAY(self, server: Any, args: list[str]) -> Any:
            first = await server.challenge_auth("one")
            if first is smtp.MISSING:
                return smtp.AuthResult(success=False)
            second = await server.challenge_auth(b"two")
            return smtp.AuthResult(success=first + second == b"ab", handled=False, auth_data=first)

        async def handle_NOOP(self, server: Any, session: Any, envelope: Any, arg: Any) -> str:
            return f"250 {session.authenticated} {session.auth_data!r}"

    def code(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    plain, wrong, told = (code(f"\0{user}\0secret") for user in ("alice", "bob", "told"))
    tries = (
        ("AUTH PLAIN " + plain, "NOOP"),
        ("AUTH PLAIN", plain, "NOOP", "AUTH PLAIN"),
        ("AUTH PLAIN " + wrong, "NOOP"),
        ("AUTH PLAIN " + told,),
        ("AUTH LOGIN", code("alice"), code("secret"), "NOOP"),
        ("AUTH LOGIN " + code("alice"), code("wrong"), "NOOP"),
        ("AUTH LOGIN", "*", "NOOP"),
        ("AUTH LOGIN", "%%%", "NOOP"),
        ("AUTH PLAIN " + code("nothing"), "NOOP"),
        ("AUTH OUR-WAY", code("a"), code("b"), "NOOP"),
        ("AUTH OUR-WAY", code("a"), code("a"), "NOOP"),
        ("AUTH OTHER",),
        ("AUTH",),
        ("AUTH PLAIN a b",),
    )
    kwargs: dict[str, Any] = {"authenticator": Authenticator(), "auth_require_tls": False}
    return [serving(package, Handler(), dialogue("EHLO me", *lines, "QUIT"), **kwargs) for lines in tries]


def login_needed(package: Package) -> Any:
    lines = (
        "EHLO me",
        "MAIL FROM:<a@b.test>",
        "VRFY a@b.test",
        "NOOP",
        "AUTH PLAIN AGEAYg==",
        "MAIL FROM:<a@b.test>",
        "QUIT",
    )
    callback = lambda mechanism, login, password: (login, password) == (b"a", b"b")  # noqa: E731
    kwargs: dict[str, Any] = {"auth_required": True, "auth_require_tls": False, "auth_callback": callback}
    without_tls = serving(package, package.handlers.Sink(), dialogue("EHLO me", "AUTH PLAIN AGEAYg==", "QUIT"))
    return [serving(package, package.handlers.Sink(), dialogue(*lines), **kwargs), without_tls]


def under_tls(package: Package, certificate: str, key: str) -> Any:
    """STARTTLS, required; the hook that may say no; and TLS from the beginning."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    class Handler:
        def __init__(self, trusts: bool) -> None:
            self.trusts = trusts

        def handle_STARTTLS(self, server: Any, session: Any, envelope: Any) -> bool:
            return self.trusts

        async def handle_NOOP(self, server: Any, session: Any, envelope: Any, arg: Any) -> str:
            return f"250 {session.ssl is not None} {session.host_name}"

    def act(port: int) -> list[Any]:
        wire = Wire(port)
        wire.hear()
        before = [wire.say("EHLO me"), wire.say("MAIL FROM:<a@b.test>"), wire.say("NOOP"), wire.say("STARTTLS")]
        wire.secure()
        after = [wire.say("NOOP"), wire.say("EHLO me"), wire.say("NOOP")]
        classes = [code[0] for code in wire.codes("MAIL FROM:<a@b.test>", "QUIT")]
        return [before, after, classes]

    def implicit(port: int) -> list[str]:
        wire = Wire(port)
        wire.secure()
        return [wire.hear()[0][:3], *wire.codes("EHLO me", "MAIL FROM:<a@b.test>", "QUIT")]

    kwargs = {"tls_context": context, "require_starttls": True}
    return [
        serving(package, Handler(True), act, **kwargs),
        serving(package, Handler(False), act, **kwargs),
        serving(package, package.handlers.Sink(), implicit, ssl_context=context),
    ]


def calls(package: Package) -> Any:
    return serving(
        package,
        package.handlers.Sink(),
        dialogue("NOOP", "NOOP", "NOOP", "NOOP"),
        command_call_limit={"NOOP": 2, "*": 5},
    )


def mailbox_handler(package: Package) -> Any:
    """Three messages in a Maildir."""
    with tempfile.TemporaryDirectory() as directory:
        maildir = Path(directory) / "maildir"
        handler = package.handlers.Mailbox(str(maildir))

        def act(port: int) -> None:
            for name in ("ant", "bee", "cat"):
                with smtplib.SMTP("127.0.0.1", port, timeout=TIMEOUT) as client:
                    client.sendmail("a@example.com", ["b@example.com", "c@example.com"], MESSAGE.replace("ant", name))

        serving(package, handler, act)
        fields = ("Message-ID", "From", "X-MailFrom", "X-RcptTo")
        kept = sorted([message[name] for name in fields] for message in handler.mailbox)
        handler.reset()
        return [kept, len(handler.mailbox)]


def debugging(package: Package) -> Any:
    stream = io.StringIO()

    def act(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=TIMEOUT) as client:
            client.sendmail("a@example.com", ["b@example.com"], MESSAGE, mail_options=["BODY=8BITMIME"])

    serving(package, package.handlers.Debugging(stream), act)
    return [line if "X-Peer" not in line else "X-Peer" for line in stream.getvalue().splitlines()]


def proxy(package: Package) -> Any:
    """The Proxy handler before a server that shows what it got."""
    inner = ExampleHandler()

    def act(port: int) -> None:
        def outer(front: int) -> None:
            with smtplib.SMTP("127.0.0.1", front, timeout=TIMEOUT) as client:
                client.sendmail("a@example.com", ["b@example.com"], MESSAGE)

        serving(package, package.handlers.Proxy("127.0.0.1", port), outer)

    serving(package, inner, act)
    return [[told[0], told[1], told[2]] for told in inner.told]


def proxied(package: Package) -> Any:
    """The PROXY protocol, both versions, and the hook that decides."""
    seen: list[Any] = []

    class Handler:
        async def handle_PROXY(self, server: Any, session: Any, envelope: Any, proxy_data: Any) -> bool:
            family, source = int(proxy_data.family), str(proxy_data.src_addr)
            seen.append([proxy_data.version, family, source, proxy_data.src_port, bool(proxy_data)])
            return source != "192.0.2.66"

    def act(octets: bytes) -> Callable[[int], Any]:
        def speak(port: int) -> Any:
            wire = Wire(port)
            wire.socket.sendall(octets)
            heard = wire.hear()[0][:3]
            return [heard, wire.codes("HELO me") if heard == "220" else None]

        return speak

    version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes((192, 0, 2, 7, 192, 0, 2, 1, 4, 1, 0, 25))
    headers = (
        b"PROXY TCP4 192.0.2.7 192.0.2.1 1025 25\r\n",
        b"PROXY TCP4 192.0.2.66 192.0.2.1 1025 25\r\n",
        version_2,
        b"EHLO me\r\n",
    )
    heard = [serving(package, Handler(), act(each), proxy_protocol_timeout=10) for each in headers]
    return [heard, seen]


def lmtp(package: Package) -> Any:
    class LmtpController(package.controller.Controller):  # type: ignore[misc, name-defined]
        def factory(self) -> Any:
            return package.lmtp.LMTP(self.handler, hostname="mx.test")

    def act(port: int) -> list[str]:
        wire = Wire(port)
        wire.hear()
        return wire.codes(
            "HELO me", "EHLO me", "LHLO me", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "x\r\n."
        )

    return serving(package, package.handlers.Sink(), act, LmtpController)


def old_ways(package: Package) -> Any:
    """What is deprecated and still there: process_message, handle_EHLO with four arguments, hooks of the server."""

    class Process:
        def process_message(self, peer: Any, mail_from: str, rcpt_tos: list[str], data: bytes) -> str | None:
            return None if mail_from == "a@b.test" else "500 Could not process your message"

    class Four:
        async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str) -> str:
            session.host_name = hostname
            await server.push("250-X-PUSHED")
            return "250 HELP"

    class Hooked(package.smtp.SMTP):  # type: ignore[misc, name-defined]
        async def ehlo_hook(self) -> None:
            await self.push("250-X-HOOKED")

        async def rset_hook(self) -> None:
            self.was_reset = True

    class HookedController(package.controller.Controller):  # type: ignore[misc, name-defined]
        def factory(self) -> Any:
            return Hooked(self.handler, hostname="mx.test")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sent = ("HELO me", "MAIL FROM:<{}>", "RCPT TO:<c@d.test>", "DATA", "x\r\n.", "QUIT")
        return [
            [
                serving(package, Process(), dialogue(*sent[:1], sent[1].format(who), *sent[2:]))[5]
                for who in ("a@b.test", "x@y.test")
            ],
            serving(package, Four(), dialogue("EHLO me", "MAIL FROM:<a@b.test>")),
            sorted(serving(package, package.handlers.Sink(), dialogue("EHLO me", "RSET"), HookedController)[1]),
        ]


EXAMPLES: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        one_domain, offers, ping, every_hook, usual_replies, decoded, exceptions, logins, login_needed, calls,
        mailbox_handler, debugging, proxy, proxied, lmtp, old_ways,
    )
}  # fmt: skip


def run_all(name: str, certificate: str, key: str) -> dict[str, Any]:
    """What every example gives, as JSON has it."""
    package = Package(name)
    found = {each: example(package) for each, example in EXAMPLES.items()}
    found["under_tls"] = under_tls(package, certificate, key)
    return dict(json.loads(json.dumps(found)))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump(run_all(*sys.argv[1:4]), sys.stdout)
