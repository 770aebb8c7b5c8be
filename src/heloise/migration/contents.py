"""header_checks, mime_header_checks, nested_header_checks, body_checks: content rules in a file of hooks."""

import re

from heloise.migration.hooks import FILE
from heloise.migration.lookup import Entry
from heloise.migration.outcome import Became
from heloise.migration.rows import table_of
from heloise.migration.work import Work
from heloise.policy.tables.actions import ActionError, field_of, of_message
from heloise.policy.tables.content import BODY_LIMIT, CHANGING, rejected

_PARAMETERS = {
    "header_checks": "header",
    "mime_header_checks": "mime",
    "nested_header_checks": "nested",
    "body_checks": "body",
}
_MORE = {"header": "; fields of parts are looked at, not changed"}
_LIMIT = "body_checks_size_limit"


def content_checks(work: Work) -> None:
    """All four; those of parts are those of the header where they are not written."""
    for name, part in _PARAMETERS.items():
        if part in ("mime", "nested") and not work.is_written(name):
            if "header" in work.hooks.content:
                work.hooks.content[part] = work.hooks.content["header"]
        elif work.value(name):
            _one(work, name, part)
    if work.is_written(_LIMIT):
        limit = work.value(_LIMIT)
        is_number = limit.isascii() and limit.isdigit()
        if "body" in work.hooks.content and is_number and int(limit) != BODY_LIMIT:
            work.hooks.content["body_limit"] = str(int(limit))
        text = f"{FILE}: body_limit" if is_number else f'"{limit}" is no number'
        work.tell(_LIMIT, Became.MAPPED if is_number else Became.NOT_MAPPED, text)


def _one(work: Work, name: str, part: str) -> None:
    tables = []
    for member in work.items(name):
        if part != "header" and member in work.hooks.tables:
            tables.append(work.hooks.tables[member][0])
            continue
        variable, _ = table_of(work, name, member, lambda row: _understood(work, row, part))
        if variable:
            tables.append(variable)
        else:
            text = "the table can not be had: write a hook ([policy] hooks) with heloise.policy.tables"
            work.at(work.place(name), f"{name} {member}", Became.NOT_MAPPED, text)
    if tables:
        work.hooks.content[part] = f"[{', '.join(tables)}]"
        work.tell(
            name,
            Became.MAPPED,
            f"{FILE}: {', '.join(tables)}; the Received of this server is not seen{_MORE.get(part, '')}",
        )
    else:
        work.tell(name, Became.NOT_MAPPED, "no table of it can be had")


def _understood(work: Work, row: Entry, part: str) -> str:
    plain = re.sub(r"\$(?:\d+|\{\d+\}|\(\d+\))", "x", row.value)
    word, _, text = plain.partition(" ")
    try:
        _try(word.upper(), text.strip(), part)
    except ActionError as error:
        work.at(row.place, row.key, Became.NOT_MAPPED, f"{row.value}: {error}")
        return "DUNNO"
    return row.value


def _try(word: str, text: str, part: str) -> None:
    """Raises ActionError."""
    if word in CHANGING and part != "header":
        raise ActionError(f"only the header of the message itself is changed: {word} is for a hook or a milter")
    if word in ("PREPEND", "REPLACE"):
        field_of(text)
    elif word == "REJECT":
        rejected(text, None)
    elif word not in ("DUNNO", "OK", "IGNORE", "STRIP"):
        of_message(word, text)
