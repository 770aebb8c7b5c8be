"""What programs and web services say, in the words of SMTP. Pure.

Exit codes are those of sysexits.h, with the meanings they have for Postfix (pipe(8)) but for three: an error of input
or output (74), as of a full disk, is tried again, and so is a command that was not found or could not be run (126 and
127, said by a shell script): both are for the operator to mend, and no reason to lose mail.

| exit | reply | | HTTP | reply |
|---|---|---|---|---|
| 0 | 250 2.0.0 | | 2yz | 250 2.0.0, or what the answer says of each recipient |
| 64 66 69 70 72 | 554 5.3.0 | | 408 425 | 451 4.4.2 |
| 65 | 554 5.6.0 | | 429 | 451 4.7.0, and a pause |
| 67 | 550 5.1.1 | | 401 403 | 554 5.7.0 |
| 68 | 550 5.1.2 | | 413 | 552 5.3.4 |
| 71 74 75 | 451 4.3.0 | | 415 422 | 554 5.6.0 |
| 73 | 554 5.2.0 | | other 4yz | 554 5.3.0 |
| 76 | 554 5.5.0 | | 503 | 451 4.3.2, and a pause |
| 77 | 554 5.7.0 | | other 5yz | 451 4.3.0 |
| 78 | 554 5.3.5 | | 3yz and all else | 451 4.3.5 |
| 126 127 | 451 4.3.5 | | | |
| other | 554 5.3.0 | | | |
| signal, time is over | 451 4.3.0 | | | |

Whoever says no may begin with an enhanced status (`5.2.2 The mailbox is full`), which then holds, 4.y.z or 5.y.z.
"""

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from heloise.mail import causes
from heloise.mail.reply import Reply, printable
from heloise.mail.status import EnhancedStatus
from heloise.smtp import replies
from heloise.world.http import HttpAnswer
from heloise.world.processes import ProgramEnd

_BEGINNING = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?:\s+(.*))?", re.ASCII | re.DOTALL)
_WORDS = 300  # octets of what they say go into a reply
_EXITS: Mapping[int, tuple[str, str]] = {
    64: ("5.3.0", "command line usage error"),
    65: ("5.6.0", "data format error"),
    66: ("5.3.0", "cannot open input"),
    67: ("5.1.1", "user unknown"),
    68: ("5.1.2", "host name unknown"),
    69: ("5.3.0", "service unavailable"),
    70: ("5.3.0", "internal software error"),
    71: ("4.3.0", "system resource problem"),
    72: ("5.3.0", "critical OS file missing"),
    73: ("5.2.0", "can't create user output file"),
    74: ("4.3.0", "input/output error"),
    75: ("4.3.0", "temporary failure"),
    76: ("5.5.0", "remote error in protocol"),
    77: ("5.7.0", "permission denied"),
    78: ("5.3.5", "local configuration error"),
    126: ("4.3.5", "the command can not be run"),
    127: ("4.3.5", "the command was not found"),
}
_STATUSES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "5.7.0",
    HTTPStatus.FORBIDDEN: "5.7.0",
    HTTPStatus.REQUEST_TIMEOUT: "4.4.2",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "5.3.4",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "5.6.0",
    HTTPStatus.UNPROCESSABLE_ENTITY: "5.6.0",
    HTTPStatus.TOO_EARLY: "4.4.2",
    HTTPStatus.TOO_MANY_REQUESTS: "4.7.0",
    HTTPStatus.SERVICE_UNAVAILABLE: "4.3.2",
}
_BY_CLASS = {4: "5.3.0", 5: "4.3.0"}
_ASKS_FOR_A_PAUSE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def program_verdict(name: str, end: ProgramEnd, *, timeout: float) -> Reply:
    """What the end of the program `name` means; it had `timeout` seconds."""
    output = " ".join(end.output.decode("utf-8", "replace").split())
    if end.timed_out:
        cause = causes.PROGRAM_TIMED_OUT.because(pipe=name, seconds=f"{timeout:g}", output=printable(output))
        return replies.program_trouble(f"{name} took more than {timeout:g} seconds", cause)
    if end.signal is not None:
        cause = causes.PROGRAM_DIED.because(pipe=name, signal=end.signal, output=printable(output))
        return replies.program_trouble(f"{name} was killed by signal {end.signal}", cause)
    code = end.exit_code or 0
    cause = causes.PROGRAM_SAID.because(pipe=name, exit=code, output=printable(output))
    if code == 0:
        return replies.taken_over(name, cause)
    status, meaning = _EXITS.get(code, ("5.3.0", "unknown exit code"))
    found, words = _no(output)
    text = words or meaning
    return replies.refused_by_agent(found or EnhancedStatus.parse(status), f"{name}: {text} (exit {code})", cause)


def hook_verdict(name: str, answer: HttpAnswer) -> Reply:
    """What the answer of the service `name` means for those whom it does not name."""
    words = _words(answer)
    cause = causes.HOOK_SAID.because(hook=name, status=answer.status, answer=printable(words))
    klass = answer.status // 100
    if klass == 2:
        return replies.taken_over(name, cause)
    status = EnhancedStatus.parse(_STATUSES.get(answer.status, _BY_CLASS.get(klass, "4.3.5")))
    found, text = _no(words)
    if found is not None and found.klass == status.klass:
        status, words = found, text
    said = " ".join(filter(None, (words or answer.reason, f"(HTTP {answer.status})")))
    return replies.refused_by_agent(status, f"{name}: {said}", cause)


def verdicts_by_recipient(name: str, answer: HttpAnswer) -> Mapping[str, Reply]:
    """What a 2yz answer says of single recipients: `{"recipients": {"x@full.test": "5.1.1 No such user"}}`."""
    named = _json(answer).get("recipients") if answer.status // 100 == 2 else None
    if not isinstance(named, dict):
        return {}
    return {address: _verdict(name, answer, words) for address, words in named.items()}


def asked_pause(answer: HttpAnswer, *, now: float) -> float | None:
    """For how many seconds the service wants to be left alone (Retry-After, RFC 9110 §10.2.3; 0 when it does not
    say); None when it does not want that."""
    if answer.status not in _ASKS_FOR_A_PAUSE:
        return None
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return 0.0


def _verdict(name: str, answer: HttpAnswer, words: object) -> Reply:
    cause = causes.HOOK_SAID.because(hook=name, status=answer.status, answer=printable(str(words)))
    found = _BEGINNING.fullmatch(words) if isinstance(words, str) else None
    if found is None:
        # Nonsense is never a failure: somebody will mend the service.
        return replies.refused_by_agent(EnhancedStatus(4, 5, 0), f"{name}: no status, but {str(words)[:80]!r}", cause)
    status, text = _split(found)
    if status.klass == 2:
        return replies.taken_over(name, cause)
    return replies.refused_by_agent(status, f"{name}: {text}", cause)


def _no(words: str) -> tuple[EnhancedStatus | None, str]:
    """What begins with 4.y.z or 5.y.z, split; else no status, and the words."""
    found = _BEGINNING.fullmatch(words)
    if found is None or found[1] == "2":
        return None, printable(words, _WORDS)
    return _split(found)


def _split(found: re.Match[str]) -> tuple[EnhancedStatus, str]:
    status = EnhancedStatus(int(found[1]), int(found[2]), int(found[3]))
    return status, printable(" ".join((found[4] or "").split()), _WORDS)


def _words(answer: HttpAnswer) -> str:
    """What the answer says to people: `text` of a JSON object, or the first line of a plain text."""
    text = _json(answer).get("text")
    if isinstance(text, str):
        return text
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/plain":
        return next(iter(answer.body.decode("utf-8", "replace").splitlines()), "").strip()
    return ""


def _json(answer: HttpAnswer) -> dict[str, Any]:
    if "json" not in answer.headers.get("content-type", ""):
        return {}
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
