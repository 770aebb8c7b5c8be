"""`python -m heloise.aiosmtpd`: a handler on a port, with the options of aiosmtpd's own command."""

import logging
import os
import signal
import ssl
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from heloise.aiosmtpd.smtp import DATA_SIZE_DEFAULT, SMTP, some_loop

pwd: Any = import_module("pwd") if os.name == "posix" else None
__version__ = version("heloise")
PROGRAM = "heloise.aiosmtpd" if "__main__.py" in sys.argv[0] else sys.argv[0]
DEFAULT_HOST = "localhost"
DEFAULT_PORT = 8025
DEFAULT_CLASS = "heloise.aiosmtpd.handlers.Debugging"
_CANNOT = 'Cannot setuid "nobody"; try running with -n option.'


def parseargs(args: Sequence[str] | None = None) -> tuple[ArgumentParser, Namespace]:
    """The parser, and what it found: beside the options `handler`, `host` and `port`. Exits when something is wrong."""
    parser = _parser()
    found = parser.parse_args(args)
    module, _, name = found.classpath.rpartition(".")
    kind = getattr(import_module(module), name)
    if hasattr(kind, "from_cli"):
        found.handler = kind.from_cli(parser, *found.classargs)
    elif found.classargs:
        parser.error(f"Handler class {module} takes no arguments")
    else:
        found.handler = kind()
    found.host, found.port = _address(parser, found.listen)
    for kind_of_tls in ("smtps", "tls"):
        _look_at_files(parser, kind_of_tls, getattr(found, f"{kind_of_tls}cert"), getattr(found, f"{kind_of_tls}key"))
    return parser, found


def main(args: Sequence[str] | None = None) -> None:
    """Serve until the loop is stopped, as by ^C. Exits with 1 where "nobody" can not be become."""
    _, found = parseargs(args)
    if found.setuid:
        _become_nobody()
    logging.basicConfig(level=logging.ERROR)
    log = logging.getLogger("mail.log")
    loop = some_loop()
    if found.debug:
        log.setLevel(logging.INFO if found.debug == 1 else logging.DEBUG)
    if found.debug > 2:  # -ddd
        loop.set_debug(enabled=True)
    factory = partial(
        SMTP,
        found.handler,
        data_size_limit=found.size,
        enable_SMTPUTF8=found.smtputf8,
        tls_context=_context(found.tlscert, found.tlskey),
        require_starttls=found.requiretls,
    )
    log.debug("Attempting to start server on %s:%s", found.host, found.port)
    listening = loop.create_server(
        factory, host=found.host, port=found.port, ssl=_context(found.smtpscert, found.smtpskey)
    )
    server = loop.run_until_complete(listening)
    log.debug(f"server_loop = {server}")
    log.info("Server is listening on %s:%s", found.host, found.port)
    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, loop.stop)
    log.debug("Starting asyncio loop")
    with suppress(KeyboardInterrupt):
        loop.run_forever()
    server.close()
    log.debug("Completed asyncio loop")
    loop.run_until_complete(server.wait_closed())
    loop.close()


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog=PROGRAM, description="Serves SMTP with a handler written for aiosmtpd.")
    add = parser.add_argument
    add("-v", "--version", action="version", version=f"%(prog)s {__version__}")
    add("-n", "--nosetuid", dest="setuid", action="store_false", help='do not become "nobody"; needed unless root')
    add(
        "-c", "--class", dest="classpath", metavar="CLASSPATH", default=DEFAULT_CLASS, help="dotted path of the handler"
    )
    add("-s", "--size", metavar="SIZE", type=int, help=f"octets of a message at most, {DATA_SIZE_DEFAULT:,} by default")
    add("-u", "--smtputf8", action="store_true", help="offer SMTPUTF8 (RFC 6531)")
    add("-d", "--debug", default=0, action="count", help="tell more; up to three times")
    where = f"[HOST][:PORT], {DEFAULT_HOST}:{DEFAULT_PORT} by default"
    add("-l", "--listen", metavar="[HOST][:PORT]", nargs="?", help=where)
    for kind, what in (("smtps", "TLS from the first octet"), ("tls", "STARTTLS")):
        add(f"--{kind}cert", metavar="CERTFILE", type=Path, help=f"certificate for {what}, with --{kind}key")
        add(f"--{kind}key", metavar="KEYFILE", type=Path, help=f"key for {what}, with --{kind}cert")
    add("--no-requiretls", dest="requiretls", action="store_false", help="STARTTLS is offered and not demanded")
    add("classargs", metavar="CLASSARGS", nargs="*", default=(), help="arguments of the handler")
    return parser


def _address(parser: ArgumentParser, listen: str | None) -> tuple[str, int]:
    if listen is None:
        return DEFAULT_HOST, DEFAULT_PORT
    host, colon, port = listen.rpartition(":")
    if not colon:
        return listen, DEFAULT_PORT
    try:
        return host or DEFAULT_HOST, int(port or DEFAULT_PORT)
    except ValueError:
        parser.error(f"Invalid port number: {port}")


def _look_at_files(parser: ArgumentParser, kind: str, certificate: Path | None, key: Path | None) -> None:
    if (certificate is None) != (key is None):
        parser.error(f"--{kind}cert and --{kind}key must be specified together")
    for what, file in (("Cert", certificate), ("Key", key)):
        if file is not None and not file.exists():
            parser.error(f"{what} file {file} not found")


def _context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.check_hostname = False
    context.load_cert_chain(str(certificate), str(key))
    return context


def _become_nobody() -> None:
    if pwd is None:  # as on Windows
        print('Cannot import module "pwd"; try running with -n option.', file=sys.stderr)
        sys.exit(1)
    try:
        os.setuid(pwd.getpwnam("nobody").pw_uid)
    except PermissionError:
        print(_CANNOT, file=sys.stderr)
        sys.exit(1)
