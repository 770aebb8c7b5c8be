"""header_checks and body_checks: rules by pattern about a message. header_checks(5).

The header is seen field by field, as it is folded; headers of parts and of messages within are looked at as well, and
bodies line by line. What is changed is the header of the message itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

from heloise.mail.cause import Rule
from heloise.policy.changes import ChangeField, InsertField
from heloise.policy.fields import Field
from heloise.policy.tables.actions import ActionError, field_of, of_message, refusal
from heloise.policy.tables.lookup import Found, Table
from heloise.policy.verdict import CONTINUE, Verdict, change, combine
from heloise.policy.views import MessageView

BODY_LIMIT = 51_200  # octets of each part: body_checks_size_limit


@dataclass(frozen=True, slots=True)
class ContentRules:
    """Tables for the header, for the headers of parts, for those of messages within, and for lines of bodies."""

    header: Sequence[Table] = ()
    mime: Sequence[Table] = ()
    nested: Sequence[Table] = ()
    body: Sequence[Table] = ()
    body_limit: int = BODY_LIMIT


async def judge_content(view: MessageView, rules: ContentRules) -> Verdict:
    """The header first; the body is read only where there are rules for it."""
    said = _of_header(view, rules.header)
    if said.refusal is None and (rules.mime or rules.nested or rules.body):
        octets = b"".join([each async for each in view.chunks()])
        said = said | _of_body(octets, rules)
    return said


@dataclass(slots=True)
class _Header:
    """The header while it is changed: where each field stands by now."""

    said: list[Verdict] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def do(self, each: Field, word: str, text: str) -> None:
        """One of the actions that change the header; fields are looked at from the first on."""
        name, before = each.name, len(self.names)
        occurrence = self.names.count(name.lower()) + 1
        if word == "PREPEND":
            added = field_of(text)
            self.said.append(change(InsertField(before, *added)))
            self.names += [added[0].lower(), name.lower()]
        elif word in ("IGNORE", "STRIP"):
            self.said.append(change(ChangeField(name, occurrence, None)))
        else:
            new = field_of(text)
            taken, added_field = ChangeField(name, occurrence, None), InsertField(before, *new)
            self.said.append(change(taken, added_field))
            self.names.append(new[0].lower())


def _of_header(view: MessageView, tables: Sequence[Table]) -> Verdict:
    header = _Header()
    for each in view.fields if tables else ():
        text = each.octets.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
        found = _find(text, tables)
        word, rest = _word(found)
        if found is not None and each.name and word in CHANGING:
            header.do(each, word, rest)
            continue
        header.names.append(each.name.lower())
        verdict = content_action(found)
        header.said.append(verdict)
        if verdict.refusal is not None:
            break
    return combine(header.said)


CHANGING = ("PREPEND", "IGNORE", "STRIP", "REPLACE")


def content_action(found: Found | None) -> Verdict:
    """What is not a change. An action that is not known is passed over: the import has told."""
    word, text = _word(found)
    if found is None or word in ("DUNNO", "OK", *CHANGING):
        return CONTINUE
    if word == "REJECT":
        return rejected(text, found[1])
    try:
        return of_message(word, text)
    except ActionError:
        return CONTINUE


def rejected(text: str, rule: Rule | None) -> Verdict:
    """550, or 450 for a status of that class. Raises ActionError."""
    return refusal(450 if text.startswith("4.") else 550, text or "5.7.1 message content rejected", rule)


def _word(found: Found | None) -> tuple[str, str]:
    word, _, text = ("" if found is None else found[0].strip()).partition(" ")
    return word.upper(), text.strip()


def _find(text: str, tables: Sequence[Table]) -> Found | None:
    return next((found for each in tables if (found := each.find(text)) is not None), None)


def _of_body(octets: bytes, rules: ContentRules) -> Verdict:
    said: list[Verdict] = []
    for tables, text in _texts(message_from_bytes(octets, policy=compat32), rules, is_top=True):
        verdict = content_action(_find(text, tables))
        said.append(verdict)
        if verdict.refusal is not None:
            break
    return combine(said)


def _texts(
    part: "Message[str, str]", rules: ContentRules, *, is_top: bool = False, is_nested: bool = False
) -> Iterator[tuple[Sequence[Table], str]]:
    if not is_top:
        tables = rules.nested if is_nested else rules.mime
        for name, value in part.raw_items() if tables else ():
            yield tables, f"{name}: {value}".replace("\r\n", "\n")
    payload = part.get_payload()
    if isinstance(payload, list):
        within = part.get_content_type() == "message/rfc822"
        for each in payload:
            if isinstance(each, Message):
                yield from _texts(each, rules, is_nested=within)
        return
    text = payload if isinstance(payload, str) and rules.body else ""
    for line in text[: rules.body_limit].split("\n"):
        yield rules.body, line.removesuffix("\r").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
