"""`[[fault]]` and `[staging]`: what goes wrong on purpose, and whether a server may have that at all."""

# ruff: noqa: RUF009  (all defaults are immutable)

from collections.abc import Sequence
from dataclasses import dataclass

from heloise.config.errors import Problem
from heloise.config.kinds import Network, Octets, Seconds
from heloise.config.places import Places
from heloise.delivery.rate import Rate
from heloise.faults.rule import Cut, FaultReply, FaultRule, Per, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """`[staging]`: for a server that stands in for the real one in tests."""

    fail_on_purpose: bool = False
    """Let this server fail by [[fault]] rules, from the file and by the API. It then runs in one process, since the
    rules count attempts, and says so in its log. Never where mail matters."""

    seed: int = 0
    """Of what happens by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`[[fault]]`: a rule by which the server fails on purpose, for tests of clients. The first that strikes counts."""

    stage: Stage = Stage.RCPT
    """At the answer to what: "connect", "hello", "tls", "auth", "mail", "rcpt", "data" (the command), "message" (the
    final dot), "vrfy", "expn", "etrn", "atrn", "status"; or "content", while the text of a message comes in."""

    to: str = ""
    """A pattern that one of the recipients fits, with * and ?."""

    sender: str | None = None
    """A pattern that the reverse path fits; "" is that of reports."""

    client: tuple[Network, ...] = ()
    """Only for clients from there."""

    hello: str = ""
    """A pattern that the name in EHLO fits."""

    first: int = 1
    """The first attempt to strike at."""

    times: int | None = None
    """At so many attempts, then never again: reply = "451" with times = 2 is "451 twice, then accept"."""

    per: Per | None = None
    """What attempts are counted by: "recipient" (the default from RCPT on), "sender", "client" (the default before),
    "session", or "rule" for all together."""

    lasting: Seconds | None = None
    """Strike until so long after the first attempt, as greylisting does."""

    after: Seconds = Seconds(0)
    """Begin so long after the start of the server."""

    until: Seconds | None = None
    """End so long after the start of the server."""

    rate: Rate | None = None
    """Strike only at what is more than this, such as "10/1m"."""

    probability: float = 1.0
    """Strike by chance, such as 0.25. The same seed makes the same choices for the same attempts."""

    reply: FaultReply | None = None
    """Say this, such as "451", "450 4.2.1 Busy" or any other code; a positive one changes only the words of a yes."""

    delay: Seconds = Seconds(0)
    """Wait so long before the answer."""

    cut: Cut | None = None
    """Close the connection instead of an answer: "drop", "reset" (RST), "half-close"; "lose-reply" does what was asked
    for before, so that a message is taken without the client knowing; "tls-failure" breaks the handshake."""

    octets: str | None = None
    """Say these characters, one octet each, in place of a reply: "\\u00ff\\r\\n"."""

    at: Octets = Octets(0)
    """How much of the content comes in before the stage "content" strikes."""

    name: str = ""
    """What it is called where a reply is explained. What happens by chance depends on it."""


def fault_rules(faults: Sequence[Fault], places: Places) -> tuple[tuple[FaultRule, ...], tuple[Problem, ...]]:
    """The rules that the sections mean, and what is wrong with them."""
    rules: list[FaultRule] = []
    problems: list[Problem] = []
    for index, fault in enumerate(faults):
        try:
            rules.append(_rule(fault, index, places))
        except ValueError as error:
            problems.append(Problem(rule=places.nearest("fault", index), section="fault", text=str(error)))
    return tuple(rules), tuple(problems)


def _rule(fault: Fault, index: int, places: Places) -> FaultRule:
    octets = None
    if fault.octets is not None:
        try:
            octets = fault.octets.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError("octets: a character is one octet, from \\u0000 to \\u00ff") from None
    return FaultRule(
        stage=fault.stage,
        to=fault.to,
        sender=fault.sender,
        client=fault.client,
        hello=fault.hello,
        first=fault.first,
        times=fault.times,
        per=fault.per,
        lasting=fault.lasting,
        after=fault.after,
        until=fault.until,
        rate=fault.rate,
        probability=fault.probability,
        reply=fault.reply,
        delay=fault.delay,
        cut=fault.cut,
        octets=octets,
        at=fault.at,
        rule=places.rule("fault", index),
        name=fault.name,
    )
