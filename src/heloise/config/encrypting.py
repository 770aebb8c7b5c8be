"""Sections about TLS: `[tls]` and `[[tls.certificate]]`. RFC 3207, RFC 8314."""

from dataclasses import dataclass, field
from enum import Enum

from heloise.config.kinds import AbsolutePath
from heloise.world.tls import CertificateFiles, ServerTls, TlsProfile


class ListenerTls(Enum):
    """When a listener shakes hands."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """`[[tls.certificate]]`: a certificate, and for whom it is shown. There may be several; the first is for clients
    that name no server, or one that no certificate has."""

    chain: AbsolutePath
    """The file with the certificate and those that lead to its authority, in PEM. It is read again when it changes."""

    key: AbsolutePath
    """The file with its private key, in PEM, without a password."""

    names: tuple[str, ...] = ()
    """Server names that it is shown for (SNI); "*.example.org" for one label in place of the star. Without them, those
    in the certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """`[tls]`: encryption of what comes in. With a certificate, STARTTLS is offered (RFC 3207)."""

    profile: TlsProfile = TlsProfile.INTERMEDIATE
    """"intermediate": TLS 1.2 with forward secrecy, and 1.3; "modern": TLS 1.3 only, which shuts out older servers;
    "old": from TLS 1.0 on with ciphers that can be broken, for machines that know nothing better."""

    client_ca: AbsolutePath | None = None
    """Authorities (PEM) for the certificates of clients, on a [[listener]] with client_certificates = true."""

    certificates: tuple[Certificate, ...] = field(default=(), metadata={"key": "certificate"})
    """[[tls.certificate]]: `chain` and `key`, files in PEM, and `names` if one of several is to be chosen by them."""


def server_tls(tls: Tls, version: int = 0) -> ServerTls | None:
    """What handshakes are made with; None without a certificate."""
    if not tls.certificates:
        return None
    return ServerTls(certificates=tuple(map(files_of, tls.certificates)), profile=tls.profile, version=version)


def files_of(each: Certificate) -> CertificateFiles:
    """What the door to the network is told of it."""
    return CertificateFiles(chain=each.chain, key=each.key, names=each.names)
