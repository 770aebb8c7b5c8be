"""Addresses, paths, parameters, envelopes: ValueError or a value that reads back as it was written. RFC 5321 §4.1.2."""

import re
from collections.abc import Callable
from typing import Protocol

from heloise.mail.address import Mailbox, check_domain
from heloise.mail.envelope import Envelope, Parameters, Recipient, split_path
from heloise.mail.path import ForwardPath, ReversePath
from tests.fuzz.targets import Target
from tests.fuzz.tokens import ADDRESSES, PARAMETERS

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Noun(Protocol):
    """What can be written."""

    def encode(self) -> bytes: ...


PARSERS: tuple[Callable[[bytes], Noun], ...] = (
    Mailbox.parse,
    ReversePath.parse,
    ForwardPath.parse,
    Parameters.parse,
    Recipient.parse,
)


def _reads_back(parse: Callable[[bytes], Noun], octets: bytes) -> None:
    try:
        noun = parse(octets)
    except ValueError:
        return
    wire = noun.encode()
    if not isinstance(noun, Parameters | Recipient):
        assert not _CONTROL.search(wire.decode()), f"control characters in {wire!r}"
    assert not {0, 10, 13} & set(wire)
    assert parse(wire) == noun, f"{wire!r} is not {noun}"


def run(octets: bytes) -> None:
    """All parsers get the same octets, with and without brackets."""
    for parse in PARSERS:
        for form in (octets, b"<" + octets + b">"):
            _reads_back(parse, form)
    try:
        path, parameters = split_path(octets)
        assert path.startswith(b"<")
        assert path.endswith(b">")
        assert path + parameters == octets.replace(b" ", b"") or b" " in octets
    except ValueError:
        pass
    try:
        envelope = Envelope.parse(octets)
        assert Envelope.parse(envelope.encode()) == envelope
    except ValueError:
        pass
    try:
        domain = check_domain(octets.decode("utf-8"))
        assert not re.search(r"[\s<>]", domain), f"not a domain: {domain!r}"
        assert not _CONTROL.search(domain)
    except ValueError:
        pass


TARGET = Target(run=run, tokens=(*ADDRESSES, *PARAMETERS, b"\r\n"), longest=600)
