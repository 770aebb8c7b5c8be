"""Sections about what may pass: `[policy]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from dataclasses import dataclass

from heloise.config.kinds import Seconds
from heloise.policy.check import OnTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`[policy]`: what else than grammar and addresses decides whether mail may pass. Checks are asked about clients
    that may not relay, filters and hooks about all."""

    deadline: Seconds = Seconds(10)
    """How long a check may take, such as one that asks the DNS."""

    on_trouble: OnTrouble = OnTrouble.IGNORE
    """What a check in trouble, or one that takes too long, means: "ignore", as if it had not been asked, or "later",
    451 for the client. The log has it in both cases."""

    refuse_at: float | None = None
    """With so many points against it a client is refused at RCPT (but for the postmaster), a message at its end: 550
    5.7.1. Checks say how much each counts; what counts in favour of a client is below 0. Without it nobody is refused
    for points."""
