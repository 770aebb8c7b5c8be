"""FUTURERELEASE: a message that is held until its time has come. RFC 4865.

Promises: from the moment of acceptance it lies in the queue, safe, and nothing is attempted before it is released. It
is held here and nowhere else: no next hop hears of it (§3). For those who submit mail, not for other servers.
"""

import re
from datetime import UTC, datetime

from heloise.mail.envelope import Envelope
from heloise.mail.hints import NO_HINTS, Hints
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Extension, ServerView

KEYWORD = "FUTURERELEASE"
HOLDFOR = "HOLDFOR"
HOLDUNTIL = "HOLDUNTIL"
_INTERVAL = re.compile(r"[1-9]\d{0,8}", re.ASCII)  # RFC 4865 §3: future-release-integer
# RFC 3339 §5.6, as erratum 2040 of RFC 4865 has it
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)  # fmt: skip


def advertise(view: ServerView) -> str | None:
    """`FUTURERELEASE max-interval max-date-time`. RFC 4865 §3."""
    longest = view.limits.future_release
    if not longest:
        return None
    moment = datetime.fromtimestamp(view.now() + longest, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{KEYWORD} {longest:.0f} {moment}"


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """501 for both at once, for what is no interval or moment, and for what is too far away. RFC 4865 §3, §4."""
    parameters = command.parameters
    if HOLDFOR not in parameters and HOLDUNTIL not in parameters:
        return None
    if HOLDFOR in parameters and HOLDUNTIL in parameters:
        return replies.bad_parameter("HOLDFOR and HOLDUNTIL do not go together")
    held = _held_for(parameters.value(HOLDFOR)) if HOLDFOR in parameters else None
    until = None if HOLDFOR in parameters else read_moment(parameters.value(HOLDUNTIL) or "")
    if held is None and until is None:
        return replies.bad_parameter(
            "HOLDFOR is a number of seconds, HOLDUNTIL a date and time like 2030-01-31T12:00:00Z"
        )
    longest = view.limits.future_release
    seconds = held if held is not None else (until or 0.0) - view.now()
    if seconds > longest:
        return replies.held_too_long(seconds, longest, view.rules.get("future_release"))
    return None


def _held_for(value: str | None) -> float | None:
    return float(value) if value is not None and _INTERVAL.fullmatch(value) else None


def read_moment(text: str) -> float | None:
    """A date-time of RFC 3339 in seconds since the epoch; None when it is none."""
    if _DATE_TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        return None


def hints(envelope: Envelope, now: float) -> Hints:
    """Nothing before then. A moment that is past already is now. RFC 4865 §4."""
    held = _held_for(envelope.parameters.value(HOLDFOR))
    until = now + held if held is not None else read_moment(envelope.parameters.value(HOLDUNTIL) or "")
    return NO_HINTS if until is None or until <= now else Hints(not_before=until)


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 4865",
    summary="holds a message until its time has come",
    advertise=advertise,
    mail_keywords=frozenset({HOLDFOR, HOLDUNTIL}),
    check_use=check_use,
    hints=hints,
)
