"""Sections about what may pass: `[policy]`, `[greylist]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from dataclasses import dataclass, field

from heloise.config.kinds import AbsolutePath, Domain, Network, Seconds
from heloise.policy.check import OnTrouble
from heloise.policy.weight import OFF, Weight

_DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsList:
    """`[[policy.list]]`: a list of addresses that somebody keeps in the DNS (DNSBL or DNSWL, RFC 5782)."""

    zone: Domain
    """The zone, such as "zen.spamhaus.org". Ask whoever keeps it whether you may."""

    weight: Weight
    """What it counts to be in it: points, "refuse", or points below 0 for a list of good ones."""

    answers: tuple[Network, ...] = ()
    """Only these answers count, such as ["127.0.0.2", "127.0.0.4/30"]; without it all of 127.0.0.0/8. Answers in
    127.255.255.0/24 never do: they say that the list does not serve our name server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`[policy]`: what else than grammar and addresses decides whether mail may pass. Checks are asked about clients
    that may not relay, filters and hooks about all."""

    deadline: Seconds = Seconds(15)
    """How long a check may take, such as one that asks the DNS, which gives up after ten seconds by itself."""

    on_trouble: OnTrouble = OnTrouble.IGNORE
    """What a check in trouble, or one that takes too long, means: "ignore", as if it had not been asked, or "later",
    451 for the client. The log has it in both cases."""

    refuse_at: float | None = None
    """With so many points against it a client is refused at RCPT (but for the postmaster), a message at its end: 550
    5.7.1. Checks say how much each counts; what counts in favour of a client is below 0. Without it nobody is refused
    for points."""

    greet_delay: Seconds = Seconds(0)
    """How long a client that may not relay waits for the greeting; one that speaks before gets 554. Some seconds find
    out many programs that send without listening. Not where TLS begins at once."""

    tarpit: Seconds = Seconds(0)
    """How long the reply to a refused command (unknown recipients, wrong passwords) waits, for a client that may not
    relay. At most 500 wait at a time for this and for the greeting."""

    hooks: AbsolutePath | None = None
    """A file of Python with functions of your own: on_connect, on_hello, on_mail, on_rcpt, on_data, on_message,
    on_lookup, on_unknown, on_refused, each with one argument, what is to be judged (heloise.policy), and a Verdict for
    an answer; `async def`, or `def` for what blocks. It is loaded anew when it changes; a broken one is told and leaves
    the one before."""

    hook_deadline: Seconds = Seconds(5)
    """How long a hook may take."""

    on_hook_trouble: OnTrouble = OnTrouble.LATER
    """What a hook that fails or takes too long means: "later", 451 for the client, or "ignore"."""

    hello_ours: Weight = OFF
    """What it counts when a client gives itself our name, one of our domains, or our address: points, "refuse" (550
    5.7.1) or "off". So with the other weights."""

    hello_literal: Weight = OFF
    """When the address literal it gives is not its own."""

    hello_short: Weight = OFF
    """When its name has no dot."""

    hello_unresolved: Weight = OFF
    """When the DNS does not know its name. RFC 5321 §4.1.4 wants nobody refused for that alone, so give it points."""

    reverse_name: Weight = OFF
    """When its address has no name that leads back to it: 550 5.7.25."""

    sender_domain: Weight = OFF
    """When the domain of a sender does not exist (553 5.1.8) or takes no mail (550 5.7.27). With "refuse" it is 451
    4.1.8 while its name servers do not answer."""

    recipient_null_mx: bool = False
    """Whoever sends through us to a domain that takes no mail (RFC 7505) hears 556 5.1.10 at RCPT instead of getting a
    report."""

    lists: tuple[DnsList, ...] = field(default=(), metadata={"key": "list"})
    """[[policy.list]]: lists of addresses in the DNS: `zone`, `weight`, and which `answers` count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greylisting:
    """`[greylist]`: mail of a sender, for a recipient, from a network (/24 or /64) waits once (451 4.7.1, RFC 6647)."""

    wait: Seconds = Seconds(0)
    """So long; "0s" for no greylisting. Five minutes are usual."""

    window: Seconds = Seconds(2 * _DAY)
    """Who does not come back within this begins anew."""

    keep: Seconds = Seconds(35 * _DAY)
    """Who has waited need not wait again for so long after the last time."""

    good_after: int = 5
    """A network of which so many have waited and come back need not wait at all; 0 for never."""

    rows: int = 1_000_000
    """So many are remembered at most; then the oldest go."""
