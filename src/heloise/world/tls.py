"""What is wanted of a TLS handshake. Plain values: the library that makes one is behind the door. RFC 3207, RFC 8446.

stream.start_tls(ServerTls(certificates=(CertificateFiles(chain="mx.pem", key="mx.key"),)), timeout=30)
stream.start_tls(ClientTls(server_name="mx.example.org", verify=True), timeout=30)
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class TlsProfile(Enum):
    """Which versions and ciphers, in the words of Mozilla's recommendations."""

    MODERN = "modern"  # TLS 1.3 only
    INTERMEDIATE = "intermediate"  # TLS 1.2 with forward secrecy, and 1.3
    OLD = "old"  # from TLS 1.0 on, with ciphers that are broken or nearly so, for machines that can nothing better


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """A certificate with its chain and its key, both in PEM. `names` are the server names it is shown for; those in
    the certificate when there are none. "*.example.org" means one label in the place of the star."""

    chain: str
    key: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """Ours is the server's side. The first certificate is for clients that name no server (RFC 6066 §3), or one that
    no certificate has. `version` tells files that have changed from those that were read before. With `client_ca`
    (PEM) clients are asked for a certificate by one of these authorities; one that shows none may go on."""

    certificates: tuple[CertificateFiles, ...]
    profile: TlsProfile = TlsProfile.INTERMEDIATE
    version: int = 0
    client_ca: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """Ours is the client's side. `server_name` is told to the server, and with `verify` it has to be in a certificate
    that leads to one of `ca_file` (PEM), or of the system's authorities. `certificate` is shown to a server that asks
    who we are."""

    server_name: str
    verify: bool = False
    ca_file: str | None = None
    certificate: CertificateFiles | None = None


class TlsLevel(Enum):
    """What a client asks of TLS."""

    NONE = "none"
    MAY = "may"  # where it is offered and works, else plaintext: RFC 3207 §4.1, RFC 7435
    ENCRYPT = "encrypt"  # never plaintext; with whom is not looked at
    VERIFY = "verify"  # never plaintext, and only with who shows a certificate for the name of the host


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingTls:
    """How connections that we make are protected. `ca_file` is in the place of the system's authorities, `certificate`
    is ours. `is_waivable` where a sender may say that his message goes in plaintext rather than not (RFC 8689 §3)."""

    level: TlsLevel = TlsLevel.MAY
    ca_file: str | None = None
    certificate: CertificateFiles | None = None
    is_waivable: bool = False

    @property
    def is_required(self) -> bool:
        """Is nothing sent in plaintext?"""
        return self.level in (TlsLevel.ENCRYPT, TlsLevel.VERIFY)

    def demand(self, server_name: str) -> ClientTls:
        """Of a handshake with the host of this name."""
        verify = self.level is TlsLevel.VERIFY
        return ClientTls(server_name=server_name, verify=verify, ca_file=self.ca_file, certificate=self.certificate)


NO_TLS = OutgoingTls(level=TlsLevel.NONE)

TlsDemand: TypeAlias = ServerTls | ClientTls


class TlsFileError(Exception):
    """A file can not be used for TLS. `is_expired`: all is well with it but the time."""

    def __init__(self, file: str, trouble: str, *, is_expired: bool = False) -> None:
        super().__init__(f"{file}: {trouble}")
        self.file = file
        self.trouble = trouble
        self.is_expired = is_expired
