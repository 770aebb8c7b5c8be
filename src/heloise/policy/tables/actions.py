"""What stands behind a key: `REJECT no mail from you`, `450 4.7.1 later`, `OK`. access(5), header_checks(5)."""

import re
from dataclasses import dataclass

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import printable
from heloise.policy.changes import InsertField
from heloise.policy.verdict import CONTINUE, Verdict, change, discard, hold, later, refuse

_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+(.*))?", re.DOTALL)
_CODE = re.compile(r"([45]\d\d)(?:\s+(.*))?", re.DOTALL)
_FIELD = re.compile(r"([!-9;-~]+):\s*(.*)", re.DOTALL)
_DENIED = "Access denied"


class ActionError(ValueError):
    """It can not be done here; the text says why."""


@dataclass(frozen=True, slots=True)
class Action:
    """`is_final` ends the list that the table stands in; `if_permitted` is said when nothing else refuses."""

    verdict: Verdict = CONTINUE
    is_final: bool = False
    if_permitted: Verdict = CONTINUE


def access_action(text: str, rule: Rule | None = None) -> Action:
    """Read what stands behind a key of an access table. Raises ActionError."""
    text = text.strip()
    word, rest = _parted(text)
    coded = _CODE.fullmatch(text)
    if coded is not None and (coded[2] or "").strip():
        return Action(refusal(int(coded[1]), coded[2], rule), is_final=True)
    if word in ("OK", "PERMIT") or text.isdigit():
        return Action(is_final=True)
    match word:
        case "DUNNO":
            return Action()
        case "REJECT":
            return Action(refusal(554, rest, rule), is_final=True)
        case "DEFER":
            return Action(refusal(450, rest, rule), is_final=True)
        case "DEFER_IF_PERMIT":
            return Action(if_permitted=refusal(450, rest, rule))
        case _:
            return Action(of_message(word, rest))


def of_message(word: str, text: str) -> Verdict:
    """Those that are about the message, and after which the rules go on. Raises ActionError."""
    match word:
        case "DISCARD":
            return discard(text or "a rule of a table")
        case "HOLD":
            return hold(text or "a rule of a table")
        case "PREPEND":
            return change(InsertField(0, *field_of(text)))
        case _:
            raise ActionError(f"{word} can not be done here{_INSTEAD.get(word, '')}")


def field_of(text: str) -> tuple[str, str]:
    """`name: value`. Raises ActionError."""
    found = _FIELD.fullmatch(text)
    if found is None:
        raise ActionError(f'"{text}" is no header field')
    return found[1], found[2]


def refusal(code: int, text: str, rule: Rule | None) -> Verdict:
    """4yz or 5yz; an enhanced status may stand before the words. Raises ActionError when it is of another class."""
    found = _STATUS.fullmatch(text.strip())
    status = found[1] if found is not None else f"{code // 100}.7.1"
    words = printable(((found[2] or "") if found is not None else text).strip()) or _DENIED
    try:
        if code >= 500:
            return refuse(words, code=code, status=status, cause=causes.POLICY_REFUSED.because(rule))
        return later(words, code=code, status=status, cause=causes.POLICY_LATER.because(rule))
    except ValueError as error:
        raise ActionError(str(error)) from error


def _parted(text: str) -> tuple[str, str]:
    word, _, rest = text.partition(" ") if " " in text else text.partition("\t")
    return word.upper(), rest.strip()


_INSTEAD = {
    "FILTER": "; a [[route]] or a [[milter]] leads elsewhere",
    "REDIRECT": "; write it as a hook: AddRecipient and RemoveRecipient in on_message",
    "BCC": "; write it as a hook: AddRecipient in on_message",
    "WARN": "; the log has what each session said",
    "INFO": "; the log has what each session said",
    "DEFER_IF_REJECT": "; who is refused, is refused at once",
    "REPLACE": "",
    "IGNORE": "",
    "STRIP": "",
}
