"""Certificates for tests: an authority of its own for each test, and files of what it gives out."""

import atexit
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

from heloise.reception.users import new_login
from heloise.world import CertificateFiles, ClientTls, ServerTls


class Authority:
    """Gives out certificates into `directory`; its own is in `ca_file`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = trustme.CA()
        self.ca_file = str(directory / "authority.pem")
        self._authority.cert_pem.write_to_path(self.ca_file)

    def issue(self, *names: str, file: str = "", expired: bool = False, days: int | None = None) -> CertificateFiles:
        """A certificate for these names, in the files `<file>.pem` and `<file>.key`; good for so many days, or no more
        when it has `expired`."""
        file = file or names[0]
        until = None if days is None else datetime.now(UTC) + timedelta(days=days, hours=1)
        until = datetime.now(UTC) - timedelta(days=1) if expired else until
        since = datetime.now(UTC) - timedelta(days=30) if expired else None
        made = self._authority.issue_cert(*names, not_after=until, not_before=since)
        chain, key = self._directory / f"{file}.pem", self._directory / f"{file}.key"
        chain.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return CertificateFiles(chain=str(chain), key=str(key))

    def server(self, *names: str) -> ServerTls:
        """What a server with one certificate for these names wants."""
        return ServerTls(certificates=(self.issue(*names),))

    def client(self, server_name: str, *, verify: bool = True) -> ClientTls:
        """What a client wants that trusts this authority and nobody else."""
        return ClientTls(server_name=server_name, verify=verify, ca_file=self.ca_file)


@cache
def users() -> str:
    """A configuration's section with the user bob, whose password is "sesame"."""
    directory = TemporaryDirectory(prefix="heloise-users-")
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "users"
    path.write_text(new_login("bob", "sesame", ("bob@example.test",), b"salt").encode() + "\n")
    return f'[auth]\nusers = "{path}"\nsender_login_match = true\n'


@cache
def certified() -> str:
    """A configuration's section with a certificate for mx.example.test, whose files live as long as the test run."""
    directory = TemporaryDirectory(prefix="heloise-certificates-")
    atexit.register(directory.cleanup)
    files = Authority(Path(directory.name)).issue("mx.example.test")
    return f'[[tls.certificate]]\nchain = "{files.chain}"\nkey = "{files.key}"\n'


def as_installed(configuration: str) -> str:
    """The same with the files where an operator would have them: a page must not change from run to run."""
    return re.sub(r'"/[^"]*/heloise-(?:certificates|users)-[^"/]*/', '"/etc/heloise/', configuration)
