"""What there is to say about a code, a status or a cause: looked up in the catalogues, as one sort of value.

Pure; the terminal prints it, and pages show it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from heloise.mail.cause import CauseKind
from heloise.mail.causes import CATALOGUE
from heloise.mail.status import EnhancedStatus, Severity
from heloise.smtp.codes import REPLY_CODES, SEVERITIES, ReplyCode, codes_of
from heloise.smtp.status_codes import CLASSES, STATUS_DETAILS, SUBJECTS, StatusDetail

_CODE = re.compile(r"[0-5]\d\d", re.ASCII)
_STATUS = re.compile(r"([245xX])\.(\d{1,3})\.(\d{1,3})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One thing explained. `also` is what it means elsewhere; `related` are names to ask about, with a few words."""

    name: str
    title: str
    severity: Severity | None
    meaning: str
    advice: str
    clause: str
    also: str = ""
    related: tuple[tuple[str, str], ...] = ()


def explain_text(text: str) -> tuple[Explanation, ...]:
    """What `text` (550, 5.7.1, X.7.1, size.over-limit, or size for all its causes) means; empty when unknown."""
    if _CODE.fullmatch(text):
        return (explain_code(int(text)),)
    found = _STATUS.fullmatch(text)
    if found is not None:
        return (_explain_status(found[1], int(found[2]), int(found[3])),)
    return tuple(explain_cause(kind) for kind in _causes(text.lower()))


def all_names() -> list[str]:
    """Everything that can be asked about."""
    codes = [str(code) for code in REPLY_CODES.values()]
    return [*codes, *(str(detail) for detail in STATUS_DETAILS.values()), *CATALOGUE]


def explain_code(code: int) -> Explanation:
    """A reply code; one that is in no RFC is explained by its first digit. RFC 5321 §4.3.2."""
    known = REPLY_CODES.get(code)
    severity = Severity(code // 100)
    if known is None:
        return Explanation(
            name=f"{code:03d}",
            title="not a standard code",
            severity=severity,
            meaning=f"A client goes by the first digit. {SEVERITIES[severity]}",
            advice="Read the text of the reply.",
            clause="RFC 5321 §4.3.2",
        )
    return Explanation(
        name=str(known),
        title=known.title,
        severity=severity,
        meaning=known.meaning,
        advice=known.advice,
        clause=known.clause,
        also=known.also,
        related=tuple((cause, CATALOGUE[cause].meaning) for cause in known.causes),
    )


def explain_status(status: EnhancedStatus) -> Explanation:
    """An enhanced status. RFC 3463 §2."""
    return _explain_status(str(status.klass), status.subject, status.detail)


def _explain_status(klass: str, subject: int, detail: int) -> Explanation:
    severity = Severity(int(klass)) if klass.isdigit() else None
    how = f" Class {klass}: {CLASSES[int(klass)]}." if klass.isdigit() else ""
    known = STATUS_DETAILS.get((subject, detail))
    if known is None:
        about = SUBJECTS.get(subject, "an unknown subject")
        known = StatusDetail(
            subject=subject,
            detail=detail,
            title=f"not registered; subject {subject} is {about}",
            meaning="The status is not in the registry.",
            advice="Read the text of the reply.",
            clause="RFC 3463 §2",
        )
    return Explanation(
        name=f"{klass.upper()}.{subject}.{detail}",
        title=known.title,
        severity=severity,
        meaning=known.meaning + how,
        advice=known.advice,
        clause=known.clause,
    )


def explain_cause(kind: CauseKind) -> Explanation:
    """A cause, as logs and transcripts have it."""
    codes: tuple[ReplyCode, ...] = codes_of(kind.id)
    severities = {code.severity for code in codes}
    return Explanation(
        name=kind.id,
        title="a cause, as it stands in logs and transcripts",
        severity=severities.pop() if len(severities) == 1 else None,
        meaning=kind.meaning,
        advice=kind.advice,
        clause=kind.clause,
        related=tuple((str(code), code.title) for code in codes),
    )


def _causes(text: str) -> Iterator[CauseKind]:
    if text in CATALOGUE:
        yield CATALOGUE[text]
        return
    yield from (kind for name, kind in CATALOGUE.items() if name.partition(".")[0] == text)
