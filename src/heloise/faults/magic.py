"""Magic addresses: recipients at which `heloise dev` fails on purpose, without any configuration. Pure.

    451.user@any.test            451 to RCPT, always
    451-twice.user@any.test      451 twice for this address, then all is well; also -once, -thrice, -5-times, -for-30s
    552.message@any.test         at the stage after the dot: mail, rcpt, data (the command), content, message
    drop.data@any.test           closes the connection; also reset, half-close, lose-reply
    slow-3s.rcpt@any.test        takes its time, then all is well

What follows the dot and is no stage is a name of your own, as many as you like.
"""

import re

from heloise.faults.phrase import parse_phrase
from heloise.faults.rule import FaultRule, Stage

STAGES = (Stage.RCPT, Stage.DATA, Stage.CONTENT, Stage.MESSAGE)
_CUTS = "drop|reset|half-close|lose-reply"
_MAGIC = re.compile(
    rf"(?P<what>[45][0-9]{{2}}|{_CUTS}|slow-[0-9]+(?:ms|s|m))"
    r"(?:-(?P<often>once|twice|thrice|[1-9][0-9]?-times))?"
    r"(?:-for-(?P<lasting>[0-9]+(?:ms|s|m|h)))?"
    r"\.(?P<rest>.+)",
    re.IGNORECASE | re.DOTALL,
)
_WORDS = frozenset(stage.value for stage in STAGES)

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("<451-twice.you@example.test>", "refused twice for now, then taken"),
    ("<450.rcpt@example.test>", "always refused for now"),
    ("<552.message@example.test>", "refused after the final dot"),
    ("<drop.data@example.test>", "the connection is closed at DATA; also reset, half-close, lose-reply"),
    ("<slow-3s.rcpt@example.test>", "the answer takes three seconds"),
)
"""Shown to those who do not know them yet."""


def magic_rule(address: str) -> FaultRule | None:
    """What this recipient makes fail, or None for an ordinary one."""
    if "." not in address:
        return None
    local_part = address.rpartition("@")[0]
    found = _MAGIC.fullmatch(local_part)
    if found is None:
        return None
    first = found["rest"].partition(".")[0].partition("+")[0].lower()
    stage = first if first in _WORDS else Stage.RCPT.value
    if found["what"].isdigit() and stage == Stage.CONTENT.value:
        stage = Stage.MESSAGE.value  # nothing can be said while a content comes in
    words = [found["what"].lower().replace("slow-", "slow ")]
    if found["often"]:
        words.append(found["often"].lower().replace("-", " "))
    if found["lasting"]:
        words += ["for", found["lasting"].lower()]
    return parse_phrase(" ".join((*words, "at", stage)), name=address, to=_literal(address))


def _literal(address: str) -> str:
    """A pattern that fits this address only."""
    return re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", address)
