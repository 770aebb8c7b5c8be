"""Has this client, its network or its user done as much as it may in a time?

Looks at: the client's address and user, the clock, and what was counted. What is only known afterwards (octets, errors)
is counted then, and holds up whatever comes next. Asked about everybody, and at CONNECT before all others.
"""

from heloise.mail import causes
from heloise.policy.check import Check, Doors
from heloise.policy.meters import Exceeded, Metered, Metering
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import ConnectView, LookupView, MailView, RcptView, SessionView
from heloise.smtp import replies


def _judge(session: SessionView, options: Metering, doors: Doors, what: Metered, *also: Metered) -> Verdict:
    now = doors.world.clock.monotonic()
    exceeded = options.exceeded(session, what, *also, now=now)
    if exceeded is not None:
        return _refusal(exceeded, ends=what is Metered.CONNECTIONS)
    options.spend(session, what, now=now)
    return CONTINUE


def _refusal(exceeded: Exceeded, *, ends: bool) -> Verdict:
    what, rules = exceeded.what, exceeded.rules
    quota = rules.quotas[what]
    cause = causes.QUOTA_EXCEEDED.because(
        rules.rules.get(what),
        what=what.value,
        per=rules.per.value,
        who=exceeded.who,
        limit=quota.amount,
        seconds=f"{quota.seconds:g}",
        again_in=f"{exceeded.again_in:.0f}",
    )
    return Verdict(refusal=replies.quota_exceeded(what.value, cause, ends=ends))


def connect(view: ConnectView, options: Metering, doors: Doors) -> Verdict:
    """One more connection of a client that has not made too many mistakes in others."""
    return _judge(view.session, options, doors, Metered.CONNECTIONS, Metered.ERRORS)


def mail(view: MailView, options: Metering, doors: Doors) -> Verdict:
    """One more message."""
    return _judge(view.session, options, doors, Metered.MESSAGES, Metered.OCTETS)


def rcpt(view: RcptView, options: Metering, doors: Doors) -> Verdict:
    """One more recipient."""
    return _judge(view.session, options, doors, Metered.RECIPIENTS)


def lookup(view: LookupView, options: Metering, doors: Doors) -> Verdict:
    """One more question about a name."""
    return _judge(view.session, options, doors, Metered.LOOKUPS)


CHECK = Check(
    name="quota",
    summary="How much a client, network or user does in a time.",
    for_all=True,
    connect=connect,
    mail=mail,
    rcpt=rcpt,
    lookup=lookup,
)
