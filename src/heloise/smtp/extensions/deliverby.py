"""DELIVERBY: by when a message is to be delivered, and what is done when it was not. RFC 2852.

Promises: `R` is returned (5.4.7) the moment its time is up and not tried after it; of `N` the sender is told (4.4.7)
and it goes on. What is sent on has the time it was held here taken off. `R` never goes to a next hop that would not
keep the promise; `N` may, and the sender is told that it was relayed there, as with `T` at each hop (§4.2).
"""

import re
from dataclasses import dataclass, replace
from math import floor

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter, Parameters
from heloise.mail.hints import NO_HINTS, Hints
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "DELIVERBY"
BY = "BY"
_VALUE = re.compile(r"([+-]?\d{1,9});([NR])(T?)", re.ASCII | re.IGNORECASE)  # RFC 2852 §4: by-value
_LEAST = -999_999_999


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """The value of BY: in how many `seconds`, whether it is to be returned then, whether each relay is to be told."""

    seconds: int
    returns: bool
    traced: bool = False

    @classmethod
    def of(cls, parameters: Parameters) -> "DeliverBy | None":
        """What is asked for; None when nothing is, or nothing that can be read."""
        found = _VALUE.fullmatch(parameters.value(BY) or "")
        return None if found is None else cls(int(found[1]), found[2] in "Rr", bool(found[3]))

    def __str__(self) -> str:
        return f"{self.seconds};{'R' if self.returns else 'N'}{'T' if self.traced else ''}"


def advertise(view: ServerView) -> str:
    """`DELIVERBY [min-by-time]`. RFC 2852 §4."""
    least = view.limits.deliver_by_minimum
    return f"{KEYWORD} {floor(least)}" if least else KEYWORD


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """501 for what is no by-value and for `R` with no time left; 555 for less than the minimum. RFC 2852 §4.1."""
    if BY not in command.parameters:
        return None
    asked = DeliverBy.of(command.parameters)
    if asked is None:
        return replies.bad_parameter("BY is seconds;N or seconds;R, with T behind it for a trace")
    if asked.returns and asked.seconds <= 0:
        return replies.bad_parameter("BY with R needs more than 0 seconds")
    if asked.returns and asked.seconds < view.limits.deliver_by_minimum:
        least = floor(view.limits.deliver_by_minimum)
        return replies.deliver_by_too_soon(asked.seconds, least, view.rules.get("deliver_by_minimum"))
    return None


def hints(envelope: Envelope, now: float) -> Hints:
    """`R` ends at its time, whatever the schedule says; of `N` the sender is told then."""
    asked = DeliverBy.of(envelope.parameters)
    if asked is None:
        return NO_HINTS
    moment = now + asked.seconds
    return Hints(expires_at=moment) if asked.returns else Hints(warn_at=moment)


def after(envelope: Envelope, held: float) -> Envelope:
    """The envelope as it goes on after it was held for so many seconds. RFC 2852 §4.2."""
    asked = DeliverBy.of(envelope.parameters)
    if asked is None:
        return envelope
    left = replace(asked, seconds=max(asked.seconds - floor(held), _LEAST))
    items = [Parameter(BY, str(left)) if item.keyword == BY else item for item in envelope.parameters]
    return replace(envelope, parameters=Parameters(tuple(items)))


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """What is left of the time. RFC 2852 §4.2."""
    found = envelope.parameters.get(BY)
    return () if found is None else (found,)


def downgrade(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """`R` must not go where nobody would keep it; of `N` the sender hears. RFC 2852 §4.2."""
    asked = DeliverBy.of(envelope.parameters)
    if asked is None:
        return Downgrade.PROCEED
    return Downgrade.FAIL if asked.returns else Downgrade.REPORT_RELAYED


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 2852",
    summary="says by when a message is to be delivered, or returned",
    advertise=advertise,
    mail_keywords=frozenset({BY}),
    check_use=check_use,
    mail_arguments=mail_arguments,
    downgrade=downgrade,
    hints=hints,
    after=after,
)
