"""Checks of `[tls]`: what is in the files."""

from collections.abc import Iterator

from heloise.config.encrypting import Certificate, ListenerTls, files_of
from heloise.config.errors import Problem
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.net.tls import certificate_names, client_context
from heloise.world.tls import CertificateFiles, TlsFileError


def certificates(draft: Configuration) -> Iterator[Problem]:
    """Each can be used, but perhaps for its time; and where TLS comes first there is one."""
    for index, offered in enumerate(draft.tls.certificates):
        trouble = _trouble(offered)
        if trouble is not None and not trouble.is_expired:
            yield problem(draft, _place(index, offered, trouble), str(trouble))
    if draft.delivery.ca_file is not None:
        try:
            client_context(True, draft.delivery.ca_file)
        except TlsFileError as error:
            yield problem(draft, ("delivery", "ca_file"), str(error))
    yield from _shown(draft, ("delivery",), draft.delivery.certificate, draft.delivery.key)
    for index, each in enumerate(draft.destinations):
        yield from _shown(draft, ("destination", index), each.certificate, each.key)
    for index, listener in enumerate(draft.listeners):
        if listener.tls is ListenerTls.IMPLICIT and not draft.tls.certificates:
            hint = "write [[tls.certificate]] with chain and key"
            yield problem(draft, ("listener", index, "tls"), "tls is implicit, and there is no certificate", hint)


def _shown(draft: Configuration, at: Path, chain: str | None, key: str | None) -> Iterator[Problem]:
    """A certificate of ours for other hosts."""
    if chain is None and key is None:
        return
    if chain is None or key is None:
        yield problem(draft, at, "certificate and key go together")
        return
    try:
        client_context(False, None, CertificateFiles(chain=chain, key=key))
    except TlsFileError as error:
        yield problem(draft, (*at, "key" if error.file == key else "certificate"), str(error))


def advise_certificates(configuration: Configuration) -> Iterator[Problem]:
    """A certificate that is no longer good for those who look at it; others do not mind."""
    for index, each in enumerate(configuration.tls.certificates):
        trouble = _trouble(each)
        if trouble is not None:
            yield problem(configuration, _place(index, each, trouble), str(trouble))


def _trouble(each: Certificate) -> TlsFileError | None:
    try:
        certificate_names(files_of(each))
    except TlsFileError as error:
        return error
    return None


def _place(index: int, each: Certificate, trouble: TlsFileError) -> Path:
    return ("tls", "certificate", index, "key" if trouble.file == each.key else "chain")
