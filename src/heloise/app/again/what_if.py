"""What would be other with another configuration: the same sessions with both, and where they part."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from heloise.app.again.dns_answers import Question
from heloise.app.again.recorded import RecordedSession, Said, Step, StepKind
from heloise.app.again.replaying import House, Outcome
from heloise.config.differences import differences
from heloise.config.schema import Configuration
from heloise.routing.tables import RoutingTables

_BEGINS = ("MAIL", "RSET", "EHLO", "HELO", "LHLO")
_HELLO = ("EHLO", "LHLO")
_STRANGER, _HERE = "203.0.113.9", "127.0.0.1"
_AT_ONCE = 50  # recipients of one synthetic session
MOST_NAMES = 1000
_ELSEWHERE = "someone@elsewhere.invalid"
# What a replay does not decide: by memory, by others, and by the DNS where nobody knows what it said.
_NOT_PLAYED = ("greylist", "quota", "[[quota]]", "milter", "[[milter]]", "rspamd", "policy hooks", "policy greet_delay")
_BY_DNS = ("policy list", "[[policy.list]]", "policy reverse_name", "policy sender_domain", "policy hello_unresolved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where two configurations part in a session: `old` and `new` are what is said, `old_routes` and `new_routes` where
    a recipient goes. One that `follows` is only the consequence of the one before it in the transaction, or of the one
    at the greeting."""

    session: RecordedSession
    number: int
    step: str
    old: tuple[Said, ...]
    new: tuple[Said, ...]
    old_routes: tuple[str, ...] = ()
    new_routes: tuple[str, ...] = ()
    follows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One session. `unlike` are steps that were answered otherwise when it was recorded: by a memory, by others, or by
    a configuration that is not the old one. `given` is how many were taken from the record. `old_missing` and
    `new_missing` are questions that the checks of a configuration ask the DNS, and the record has no answer to."""

    session: RecordedSession
    differences: tuple[Difference, ...] = ()
    unlike: tuple[Difference, ...] = ()
    given: int = 0
    old_missing: tuple[Question, ...] = ()
    new_missing: tuple[Question, ...] = ()
    nobody_listens: str = ""


async def compare(sessions: Iterable[RecordedSession], old: House, new: House) -> AsyncIterator[Compared]:
    """Each session with both."""
    for session in sessions:
        before, after = await old.play(session), await new.play(session)
        if before is None or after is None:
            where = "in the old configuration" if before is None else "in the new configuration"
            yield Compared(session=session, nobody_listens=where if before != after else "")
            continue
        yield Compared(
            session=session,
            differences=tuple(_parted(session, before, after)),
            unlike=tuple(_unlike(session, before)),
            given=sum(each.was_given for each in before),
            old_missing=_missing(before),
            new_missing=_missing(after),
        )


def _missing(played: Sequence[Outcome]) -> tuple[Question, ...]:
    return tuple(dict.fromkeys(question for outcome in played for question in outcome.missing))


def _parted(session: RecordedSession, before: Sequence[Outcome], after: Sequence[Outcome]) -> Iterator[Difference]:
    has_parted = greeted_apart = False
    for number, (step, one, other) in enumerate(zip(session.steps, before, after, strict=True)):
        verb = step.text.split(" ")[0].upper() if step.kind is StepKind.LINE else ""
        if verb in _BEGINS:
            has_parted = False
        offers = verb in _HELLO and [each.text for each in one.said] != [each.text for each in other.said]
        if _same(one.said, other.said) and one.routes == other.routes and not offers:
            continue
        yield Difference(
            session=session,
            number=number,
            step=shown(step),
            old=one.said,
            new=other.said,
            old_routes=one.routes,
            new_routes=other.routes,
            follows=greeted_apart or (has_parted and verb != "RCPT"),
        )
        greeted_apart = greeted_apart or step.kind is StepKind.GREETING
        has_parted = has_parted or verb not in _HELLO


def _unlike(session: RecordedSession, played: Sequence[Outcome]) -> Iterator[Difference]:
    for number, (step, outcome) in enumerate(zip(session.steps, played, strict=True)):
        if step.said and step.kind is not StepKind.LOGIN and not _same(step.said, outcome.said):
            yield Difference(session=session, number=number, step=shown(step), old=step.said, new=outcome.said)


def _same(one: Sequence[Said], other: Sequence[Said]) -> bool:
    """By codes and causes: a rule may have moved to another line, and words have ids in them."""
    return [(each.code, each.cause) for each in one] == [(each.code, each.cause) for each in other]


def shown(step: Step) -> str:
    """A step in a line."""
    match step.kind:
        case StepKind.GREETING:
            return "(connects)"
        case StepKind.CONTENT:
            return f"(message of {step.size} octets)"
        case StepKind.TLS:
            return f"({step.text})"
        case StepKind.LOGIN:
            return f"(logs in as {step.text or 'somebody'})"
        case StepKind.LINE:
            return step.text


def not_played(old: Configuration, new: Configuration, *, knows_dns: bool) -> tuple[str, ...]:
    """Differences between the two that no replay shows. `knows_dns`: it is asked, or what it said was kept."""
    hidden = _NOT_PLAYED if knows_dns else (*_NOT_PLAYED, *_BY_DNS)
    return tuple(str(each) for each in differences(old, new) if each.name.startswith(hidden))


def synthetic(configurations: Sequence[Configuration], tables: Sequence[RoutingTables]) -> tuple[RecordedSession, ...]:
    """Sessions that ask about whatever one of the configurations names: every user, alias, list and forward, a name
    that nobody has in each domain, each route, relaying, sizes, names; by a stranger and by this machine."""
    recipients = list(dict.fromkeys(_names(configurations, tables)))[:MOST_NAMES]
    sessions = []
    for client in (_STRANGER, _HERE):
        for start in range(0, len(recipients), _AT_ONCE):
            some = [f"RCPT TO:<{each}>" for each in recipients[start : start + _AT_ONCE]]
            sessions.append(_made(client, ["EHLO client.invalid", f"MAIL FROM:<{_ELSEWHERE}>", *some, "RSET", "QUIT"]))
        sizes = sorted({each.limits.message_size for each in configurations} | {0})
        mails = [line for size in sizes for line in (f"MAIL FROM:<{_ELSEWHERE}> SIZE={size + 1}", "RSET")]
        asked = [f"{verb} {each}" for verb in ("VRFY", "EXPN") for each in recipients[:1]]
        own = [f"MAIL FROM:<{each}>" for each in recipients[:1]]
        sessions.append(_made(client, ["EHLO short", "EHLO client.invalid", *mails, *own, "RSET", *asked, "QUIT"]))
    return tuple(sessions)


def _made(client: str, lines: Sequence[str]) -> RecordedSession:
    steps = (Step(StepKind.GREETING), *(Step(StepKind.LINE, line) for line in lines))
    return RecordedSession(session_id=f"synthetic from {client}", client=client, steps=steps)


def _names(configurations: Sequence[Configuration], tables: Sequence[RoutingTables]) -> Iterator[str]:
    for configuration, known in zip(configurations, tables, strict=True):
        primary = configuration.local.domains[0] if configuration.local.domains else configuration.hostname
        names = [each.name for each in known.users] + [each.name for each in known.aliases]
        for name in names + [each.name for each in known.forwards]:
            yield name if "@" in name else f"{name}@{primary}"
        for domain in known.local_domains:
            yield f"no-such-name@{domain.name}"
            yield f"postmaster@{domain.name}"
        for route in known.static_routes:
            yield f"someone@{'host' if route.domain.startswith('.') else ''}{route.domain}"
        yield _ELSEWHERE
