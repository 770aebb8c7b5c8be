"""From what is wanted of TLS to contexts of Python's `ssl`; each is made once and kept. RFC 8446, RFC 6066 §3.

The ciphers are those of Mozilla's recommendation: forward secrecy and AEAD, the client chooses among them.
"""

import os
import re
import ssl
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from heloise.mail.encryption import ChannelBinding, Encryption
from heloise.net.certificate import end_point
from heloise.world.errors import LinkError, LinkFault
from heloise.world.tls import CertificateFiles, ClientTls, ServerTls, TlsDemand, TlsFileError, TlsProfile

_EXPORTER: Final = "tls-exporter"
_FIRST: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_OLD_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:RSA+AESGCM:RSA+AES:@SECLEVEL=0"
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_ROUNDS: Final = 10  # flights of a handshake; TLS 1.2 needs four


_MOST_LOADED: Final = 32
_LOADED: Final[dict[ServerTls, tuple[ssl.SSLContext, tuple[int, ...]]]] = {}  # with when the files were written
_GIVEN: Final[dict[ServerTls, ssl.SSLContext]] = {}


def given_tls(context: ssl.SSLContext) -> ServerTls:
    """What asks for handshakes by a context that somebody else has made. It is kept for as long as the program runs."""
    for demand, known in _GIVEN.items():
        if known is context:
            return demand
    demand = ServerTls(certificates=(), version=-1 - len(_GIVEN))  # versions of files are positive
    _GIVEN[demand] = context
    return demand


def context_for(demand: TlsDemand) -> ssl.SSLContext:
    """The context that makes a handshake as it is wanted. Blocks when it is the first time. Raises TlsFileError."""
    if isinstance(demand, ServerTls):
        if not demand.certificates:
            return _GIVEN[demand]
        known = _LOADED.get(demand)
        return known[0] if known is not None else load_server(demand)
    files, paths = demand.certificate, [] if demand.ca_file is None else [demand.ca_file]
    if files is not None:
        paths += [files.chain, files.key]
    return client_context(demand.verify, demand.ca_file, files, tuple(map(_changed, paths)))


def load_server(demand: ServerTls) -> ssl.SSLContext:
    """The context of what is in the files now; handshakes are made with it from now on. Blocks. Raises TlsFileError."""
    if not demand.certificates:
        return _GIVEN[demand]
    paths = [path for files in demand.certificates for path in (files.chain, files.key)]
    paths += [] if demand.client_ca is None else [demand.client_ca]
    stamps = tuple(map(_changed, paths))
    known = _LOADED.get(demand)
    if known is not None and known[1] == stamps:
        return known[0]
    made = server_context(demand)
    _LOADED[demand] = made, stamps
    while len(_LOADED) > _MOST_LOADED:
        del _LOADED[next(iter(_LOADED))]
    return made


def server_context(demand: ServerTls) -> ssl.SSLContext:
    """Of the first certificate; when a client names a server that another one is for, that one takes over."""
    contexts = [_certified(files, demand.profile) for files in demand.certificates]
    if demand.client_ca is not None:
        for context in contexts:
            context.verify_mode = ssl.CERT_OPTIONAL
            _trust(context, demand.client_ca)
    by_name: dict[str, ssl.SSLContext] = {}
    for files, context in zip(demand.certificates, contexts, strict=True):
        for name in files.names or (certificate_names(files) if len(contexts) > 1 else ()):
            by_name.setdefault(name.lower(), context)

    def choose(connection: "ssl.SSLObject | ssl.SSLSocket", name: str | None, _: ssl.SSLContext) -> None:
        wanted = (name or "").lower()
        found = by_name.get(wanted) or by_name.get(f"*.{wanted.partition('.')[2]}")
        if found is not None:
            connection.context = found

    first = contexts[0]
    if by_name:
        first.sni_callback = choose
    return first


@lru_cache(maxsize=32)
def client_context(
    verify: bool,
    ca_file: str | None,
    certificate: CertificateFiles | None = None,
    stamp: object = None,
) -> ssl.SSLContext:
    """`stamp` is another one when one of the files has changed. Raises TlsFileError: a file can not be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file is None:
        context.load_default_certs()
    else:
        _trust(context, ca_file)
    if certificate is not None:
        _load(context, certificate)
    return context


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is in a certificate: its DNS names, and for how many seconds it is still good."""

    names: tuple[str, ...]
    seconds_left: float

    def is_for(self, name: str) -> bool:
        """Would a client that asks for this name take it? RFC 6125 §6.4.3."""
        name, others = name.lower(), [each.lower() for each in self.names]
        return name in others or f"*.{name.partition('.')[2]}" in others


def certificate_names(files: CertificateFiles) -> tuple[str, ...]:
    """The DNS names in a certificate. Blocks. Raises TlsFileError as `certificate_facts` does."""
    return certificate_facts(files).names


def certificate_facts(files: CertificateFiles) -> CertificateFacts:
    """What is in a certificate. Blocks.

    Read by a handshake in memory with a client that trusts just this certificate: the only way that Python's `ssl`
    documents to look into a certificate of one's own. So time and purpose of it are checked as well.

    Raises:
        TlsFileError: it can not be used, or a client would refuse it whatever it trusts.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    _trust(client, files.chain)
    certificate = _shown(_certified(files, TlsProfile.INTERMEDIATE), client, files.chain)
    names = tuple(str(name) for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS")
    return CertificateFacts(names, ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time())


def encryption_of(connection: "ssl.SSLObject", demand: TlsDemand) -> Encryption:
    """What a handshake has agreed upon."""
    cipher = connection.cipher()
    names, issuer = tuple[str, ...](), ""
    if isinstance(demand, ClientTls):
        shown = connection.getpeercert(binary_form=True)
        binding = None if shown is None else end_point(shown)
        verified = demand.verify
    else:
        binding = getattr(connection.context, "binding", None)
        verified = False
        if demand.client_ca is not None:
            shown_by = connection.getpeercert() or {}
            names, issuer = _names_of(shown_by), "".join(_common_names(shown_by, "issuer")[-1:])
            verified = bool(names)
    return Encryption(
        connection.version() or "TLS",
        cipher[0] if cipher is not None else "unknown",
        verified,
        binding=_exported(connection) or binding,
        peer_names=names,
        peer_issuer=issuer,
    )


def _exported(connection: "ssl.SSLObject") -> ChannelBinding | None:
    """What RFC 9266 wants for TLS 1.3, from a Python that can give it."""
    if _EXPORTER not in ssl.CHANNEL_BINDING_TYPES:
        return None
    octets = connection.get_channel_binding(_EXPORTER)
    return None if octets is None else ChannelBinding(_EXPORTER, octets)


def _names_of(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that a client's certificate has: addresses and hosts, then the common name."""
    others = [str(name) for kind, name in certificate.get("subjectAltName", ()) if kind in ("email", "DNS", "URI")]
    return (*others, *_common_names(certificate, "subject"))


def _common_names(certificate: Mapping[str, Any], whose: str) -> list[str]:
    return [str(value) for part in certificate.get(whose, ()) for key, value in part if key == "commonName"]


def certificate_of(connection: "ssl.SSLObject | None") -> bytes | None:
    """The certificate (DER) that the other side has shown, verified or not."""
    return None if connection is None else connection.getpeercert(binary_form=True)


def tls_error(error: OSError) -> LinkError:
    """A handshake has failed by this."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return LinkError(LinkFault.UNVERIFIED, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return LinkError(LinkFault.TLS, (error.reason or str(error)).lower().replace("_", " "))
    return LinkError(LinkFault.TLS, error.strerror or str(error) or "the peer hung up")


class _ServerContext(ssl.SSLContext):
    """One that knows which certificate it shows."""

    binding: ChannelBinding | None = None


def _certified(files: CertificateFiles, profile: TlsProfile) -> ssl.SSLContext:
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    if profile is TlsProfile.OLD:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is what it is for
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers(_OLD_CIPHERS)
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        modern = profile is TlsProfile.MODERN
        context.minimum_version = ssl.TLSVersion.TLSv1_3 if modern else ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    _load(context, files)
    context.binding = _binding(files.chain)
    return context


def _binding(chain: str) -> ChannelBinding | None:
    found = _FIRST.search(Path(chain).read_text("latin-1"))
    try:
        return None if found is None else end_point(ssl.PEM_cert_to_DER_cert(found[0]))
    except ValueError:
        return None


def _load(context: ssl.SSLContext, files: CertificateFiles) -> None:
    _must_be_readable(files.chain)
    _must_be_readable(files.key)
    try:
        context.load_cert_chain(files.chain, files.key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsFileError(files.key, f"the key does not belong to the certificate in {files.chain}") from None
        raise TlsFileError(*_what_is_wrong(files)) from None
    except ValueError as error:
        raise TlsFileError(files.key, str(error)) from None


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError as error:
        raise TlsFileError(path, error.strerror or str(error)) from None


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody could be asked for the password")  # OpenSSL would ask on a tty


def _must_be_readable(path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise TlsFileError(path, error.strerror or str(error)) from None


def _what_is_wrong(files: CertificateFiles) -> tuple[str, str]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.chain)
    except ssl.SSLError:
        return files.chain, "there is no certificate in PEM in it"
    return files.key, "there is no private key in PEM in it"


def authorities(path: str) -> None:
    """Looks whether authorities can be read from this file. Blocks. Raises TlsFileError."""
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)


def _trust(context: ssl.SSLContext, path: str) -> None:
    _must_be_readable(path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise TlsFileError(path, "there is no certificate in PEM in it") from None


def _shown(server: ssl.SSLContext, client: ssl.SSLContext, path: str) -> Mapping[str, Any]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_ROUNDS):
        for side in (near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                expired = error.verify_code == _EXPIRED
                raise TlsFileError(path, error.verify_message, is_expired=expired) from None
            except ssl.SSLError as error:
                raise TlsFileError(path, str(tls_error(error))) from None
            if side is near:
                return near.getpeercert() or {}
    raise TlsFileError(path, "no handshake can be made with it")
