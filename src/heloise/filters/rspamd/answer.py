"""What rspamd says of a message, as a verdict. Pure. docs.rspamd.com, Protocol, "Rspamd HTTP reply"."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from heloise.mail import causes
from heloise.mail.cause import Cause, CauseKind, Rule
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply, printable
from heloise.policy.changes import (
    AddField,
    AddRecipient,
    Change,
    ChangeField,
    ChangeSender,
    InsertField,
    RemoveRecipient,
)
from heloise.policy.verdict import Verdict
from heloise.policy.views import MessageView
from heloise.smtp import replies

LONGEST_ANSWER: Final = 1 << 20  # octets
_SUSPECT: Final = ("add header", "rewrite subject")


class RspamdError(ValueError):
    """The answer is none that is documented."""


def verdict_of(octets: bytes, view: MessageView, rule: Rule | None) -> Verdict:
    """The verdict that an answer to /checkv2 stands for. Raises RspamdError."""
    try:
        answer = json.loads(octets)
    except ValueError:
        raise RspamdError("the answer is not JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("action"), str):
        raise RspamdError("the answer names no action")
    action, milter = answer["action"], _table(answer.get("milter"))
    if action == "soft reject":
        cause = _because(causes.RSPAMD_LATER, answer, rule)
        return Verdict(refusal=_in_words(answer, replies.MILTER_LATER, cause))
    if action == "reject":
        return _rejected(answer, milter, rule)
    # "greylist" is no more than a score: when rspamd wants a message to come again, it says "soft reject".
    if action not in ("no action", "greylist", *_SUSPECT):
        raise RspamdError(f"there is no action {action!r}")
    changes = list(_changes(milter, view))
    if action in _SUSPECT and not any(isinstance(each, AddField) and each.name == "X-Spam" for each in changes):
        changes.append(AddField("X-Spam", "Yes"))
    subject = answer.get("subject")
    if action == "rewrite subject" and isinstance(subject, str):
        changes.append(ChangeField("Subject", 1, subject))
    return Verdict(changes=tuple(changes), tags=frozenset({f"rspamd: {action}"}))


def _rejected(answer: Mapping[str, Any], milter: Mapping[str, Any], rule: Rule | None) -> Verdict:
    """`milter.reject` may say that the message is to vanish, or to be kept back, instead of being refused."""
    cause = _because(causes.RSPAMD_REJECTED, answer, rule)
    match milter.get("reject"):
        case "discard":
            return Verdict(discard=cause)
        case "quarantine":
            return Verdict(hold=cause)
        case _:
            return Verdict(refusal=_in_words(answer, replies.RSPAMD_REJECTED, cause))


def _because(kind: CauseKind, answer: Mapping[str, Any], rule: Rule | None) -> Cause:
    symbols = ", ".join(sorted(map(str, _table(answer.get("symbols")))))
    return kind.because(rule, score=answer.get("score", ""), limit=answer.get("required_score", ""), symbols=symbols)


def _in_words(answer: Mapping[str, Any], usual: Reply, cause: Cause) -> Reply:
    """`messages.smtp_message` is said to the client, with our code; it may begin with one of its own."""
    said = _table(answer.get("messages")).get("smtp_message")
    if not isinstance(said, str) or not said.strip():
        return usual.with_cause(cause)
    own = replies.in_words_of(said, usual, cause)
    if own.lines != usual.lines:
        return own
    return replies.in_words_of(f"{usual.code} {usual.status} {printable(said)}", usual, cause)


def _changes(milter: Mapping[str, Any], view: MessageView) -> Iterator[Change]:
    """Fields are taken away before others are added: a forged one is replaced so."""
    try:
        for name, which in _table(milter.get("remove_headers")).items():
            yield from _removals(name, which, view)
        for name, values in _table(milter.get("add_headers")).items():
            for value in values if isinstance(values, list) else [values]:
                yield _addition(name, value)
        if isinstance(sender := milter.get("change_from"), str):
            yield ChangeSender(ReversePath.parse(_bracketed(sender)))
        for each in _list(milter.get("add_rcpt")):
            yield AddRecipient(ForwardPath.parse(_bracketed(each)))
        for each in _list(milter.get("del_rcpt")):
            yield RemoveRecipient(ForwardPath.parse(_bracketed(each)))
    except (ValueError, TypeError) as error:
        raise RspamdError(f"milter: {error}") from None


def _addition(name: str, value: object) -> Change:
    """A text, or a table of `value` and `order`: 0 for the top of the header, -1 or nothing for its end."""
    if isinstance(value, str):
        return AddField(name, value)
    table = _table(value)
    text, order = table.get("value"), table.get("order", -1)
    if not isinstance(text, str) or not isinstance(order, int):
        raise ValueError(f"the header field {name} has no value")
    return AddField(name, text) if order < 0 else InsertField(max(order - 1, 0), name, text)


def _removals(name: str, which: object, view: MessageView) -> Iterator[Change]:
    """0 for all of the name, 1 and more for one from the top, below 0 from the end; or a list of such."""
    count = len(view.values(name))
    wanted: set[int] = set()
    for each in which if isinstance(which, list) else [which]:
        if not isinstance(each, int):
            raise ValueError(f"which {name} is to be removed is not told by a number")
        wanted |= set(range(1, count + 1)) if each == 0 else {each if each > 0 else count + 1 + each}
    for occurrence in sorted(wanted, reverse=True):  # so that the numbers of the others stay
        if 1 <= occurrence <= count:
            yield ChangeField(name, occurrence, None)


def _bracketed(path: str) -> bytes:
    return (path if path.startswith("<") else f"<{path}>").encode()


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[str]:
    found = value if isinstance(value, list) else [] if value is None else [value]
    return [each for each in found if isinstance(each, str)]
