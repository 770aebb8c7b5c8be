"""What a client brings to a transaction and what it gets out of it: options, the peer's offers, answers. RFC 5321 §3.3.

Pure values. The engine that works with them is in client.py; the drivers are in `heloise.link`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from heloise.mail.address import check_domain
from heloise.mail.envelope import Recipient
from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp.sasl.choosing import ClientLogin

_OFFER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =]+(.*))?")
_LIMIT = re.compile(r"([A-Za-z0-9-]+)=([1-9][0-9]{0,18})", re.ASCII)
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimeouts:
    """How long the client waits for each reply, in seconds: the values of RFC 5321 §4.5.3.2."""

    greeting: float = 300.0  # RFC 5321 §4.5.3.2.1
    hello: float = 300.0
    mail: float = 300.0  # RFC 5321 §4.5.3.2.2
    rcpt: float = 300.0  # RFC 5321 §4.5.3.2.3
    data: float = 120.0  # RFC 5321 §4.5.3.2.4
    data_block: float = 180.0  # RFC 5321 §4.5.3.2.5
    final_dot: float = 600.0  # RFC 5321 §4.5.3.2.6: shorter ones make duplicates
    quit: float = 10.0  # nothing depends on the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How the client speaks.

    `hello_name` is our own full host name or address literal. `lmtp` says LHLO and reads one reply per recipient
    after the dot (RFC 2033). `start_with_helo` is for peers that drop the connection at EHLO. `verbose` asks for 050
    lines with VERB, `only_transaction` promises with ONEX that no second one follows; both only where offered.
    `starttls` goes on under TLS where that is offered, `tls_required` goes on in no other way (RFC 3207 §4.1).
    With `login` nothing is sent before the server has let us in by AUTH (RFC 4954).
    `chunking` prefers BDAT to DATA where CHUNKING is offered (RFC 3030); binary content is sent by BDAT anyway.
    Raises AddressError for a bad name.
    """

    hello_name: str
    lmtp: bool = False
    start_with_helo: bool = False
    verbose: bool = False
    only_transaction: bool = False
    chunking: bool = False
    starttls: bool = False
    tls_required: bool = False
    login: ClientLogin | None = None
    timeouts: ClientTimeouts = field(default=ClientTimeouts())

    def __post_init__(self) -> None:
        check_domain(self.hello_name)


@dataclass(frozen=True, slots=True)
class Offers:
    """What the peer's answer to EHLO offers: keyword (upper case) → argument text, empty where there is none.

    Empty after HELO: then no parameter at all may be sent. RFC 5321 §4.1.1.1.
    """

    keywords: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    is_esmtp: bool = False
    limits: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """The values of LIMITS, such as RCPTMAX. RFC 9422 §4."""

    def __post_init__(self) -> None:
        found = _LIMIT.findall(self.keywords.get("LIMITS", ""))
        object.__setattr__(self, "limits", {name.upper(): int(value) for name, value in found})

    @classmethod
    def parse(cls, reply: Reply) -> Self:
        """Read the lines of a 250 to EHLO or LHLO; lines that are no keyword are passed over."""
        keywords: dict[str, str] = {}
        for line in reply.lines[1:]:
            found = _OFFER.match(line.strip())
            if found is not None:
                keywords.setdefault(found[1].upper(), (found[2] or "").strip())
        return cls(MappingProxyType(keywords), True)

    def has(self, keyword: str) -> bool:
        """Is this extension offered?"""
        return keyword in self.keywords

    def argument(self, keyword: str) -> str | None:
        """The text after the keyword; None when it is not offered."""
        return self.keywords.get(keyword)

    @property
    def size_limit(self) -> int | None:
        """The largest message in octets; None when there is no SIZE, or no fixed limit. RFC 1870 §4."""
        text = self.keywords.get("SIZE", "")
        return (int(text) or None) if text.isascii() and text.isdigit() and len(text) <= 20 else None

    @property
    def recipient_limit(self) -> int | None:
        """How many recipients one transaction may have (LIMITS RCPTMAX)."""
        return self.limits.get("RCPTMAX")

    @property
    def transaction_limit(self) -> int | None:
        """How many transactions one connection may have (LIMITS MAILMAX)."""
        return self.limits.get("MAILMAX")


NO_OFFERS = Offers()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientAnswer:
    """What one transaction decided for one recipient.

    `stage` is how far the conversation had come, `reply` the deciding words; `said_by_peer` is False when the words
    are ours because the peer said none (link trouble, a message that does not fit the peer). `ambiguous`: the
    connection was lost after the final dot, the peer may have the message. `dsn_offered`: the peer takes over the
    duty to report (RFC 3461 §5.2.1). `retry_at_once`: the peer takes no more recipients in one transaction; open
    another for this one now, it is no failure (RFC 5321 §4.5.3.1.10).
    """

    recipient: Recipient
    stage: Stage
    reply: Reply
    said_by_peer: bool = True
    ambiguous: bool = False
    dsn_offered: bool = False
    retry_at_once: bool = False

    @property
    def is_taken(self) -> bool:
        """Has the peer taken responsibility for this recipient? RFC 5321 §4.2.5."""
        return self.said_by_peer and self.stage is Stage.CONTENT and self.reply.severity is Severity.COMPLETED
