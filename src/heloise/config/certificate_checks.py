"""Checks of `[tls]`: what is in the files."""

from collections.abc import Iterator

from heloise.config.encrypting import Certificate, ListenerTls, files_of
from heloise.config.errors import Problem
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.net.tls import CertificateFacts, certificate_facts, certificate_names, client_context
from heloise.world.tls import CertificateFiles, TlsFileError

_DAY = 86400
_SOON = 14  # days; who renews by a program does so a month before


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
    """A certificate that is no longer good for those who look at it, or soon will not be, or is for other names; those
    who do not look do not mind."""
    known: list[CertificateFacts] = []
    for index, each in enumerate(configuration.tls.certificates):
        path: Path = ("tls", "certificate", index, "chain")
        try:
            facts = certificate_facts(files_of(each))
        except TlsFileError as error:
            yield problem(configuration, _place(index, each, error), str(error))
            continue
        known.append(facts)
        days = int(facts.seconds_left / _DAY)
        if days < _SOON:
            text = f"{each.chain} expires in {days} day{'' if days == 1 else 's'}"
            yield problem(configuration, path, text, "it is read again when a new one is there")
        for number, name in enumerate(each.names):
            if not facts.is_for(name):
                text = (
                    f'{each.chain} is shown to who asks for "{name}", and is for {", ".join(facts.names) or "nobody"}'
                )
                yield problem(configuration, ("tls", "certificate", index, "names", number), text)
    if known and not any(facts.is_for(configuration.hostname) for facts in known):
        text = f"no certificate is for {configuration.hostname}, which clients that look at it expect"
        yield problem(configuration, ("tls", "certificate", 0, "chain"), text, f"names: {', '.join(known[0].names)}")


def _trouble(each: Certificate) -> TlsFileError | None:
    try:
        certificate_names(files_of(each))
    except TlsFileError as error:
        return error
    return None


def _place(index: int, each: Certificate, trouble: TlsFileError) -> Path:
    return ("tls", "certificate", index, "key" if trouble.file == each.key else "chain")
