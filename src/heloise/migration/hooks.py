"""The file of hooks while it is being made: tables, lists of restrictions, and content rules, and the Python of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

FILE = "hooks.py"
_PERMITS = {
    "permit_mynetworks": "Permit.NETWORKS",
    "permit_inet_interfaces": "Permit.NETWORKS",
    "permit_sasl_authenticated": "Permit.USERS",
    "permit_auth_destination": "Permit.OURS",
    "permit": "Permit.ALL",
}
_HEAD = '''\
"""What access tables and content checks of Postfix said. Made once by `heloise import-postfix`; yours from now on.

A row has the line it is from, what it matches, and what it says: REJECT, DEFER, 4NN and 5NN with words, OK, DUNNO,
DEFER_IF_PERMIT, DISCARD, HOLD, PREPEND; in content rules IGNORE, STRIP and REPLACE as well. A list ends at the first
row that says OK or refuses, and at a Permit that fits.
"""
'''
_NAMES = (
    "Always", "Check", "ContentRules", "Keyed", "Networks", "Patterns", "Permit", "Refuse", "judge", "judge_content",
)  # fmt: skip
STAGES = ("connect", "hello", "mail", "rcpt", "data", "message")


@dataclass(slots=True)
class HookDraft:
    """`tables`: as it is written in main.cf → its name and its text. `lists`: parameter → steps as text. `broken`:
    those lists of which a part that lets somebody pass is missing. `says_ok`: those with a table that does."""

    tables: dict[str, tuple[str, str]] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    with_tables: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    says_ok: set[str] = field(default_factory=set)
    stages: dict[str, str] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)

    def permit(self, name: str, word: str, *, is_known: bool) -> None:
        """A word that lets somebody pass."""
        if word in _PERMITS:
            self.step(name, _PERMITS[word])
        elif word.startswith("permit") and not is_known:
            self.broken.add(name)

    def step(self, name: str, text: str) -> None:
        """One more in a list."""
        self.lists.setdefault(name, []).append(text)

    def variable(self, path: str) -> str:
        """A name for a table that nothing else has."""
        stem = path.rpartition("/")[2].partition(".")[0]
        plain = "".join([each if each.isascii() and each.isalnum() else "_" for each in stem]).strip("_").upper()
        base = f"T_{plain}" if not plain or plain[0].isdigit() else plain
        if base == "CONTENT" or base.endswith("_LIST"):
            base += "_TABLE"  # the others are names of ours
        taken, number, made = {name for name, _ in self.tables.values()}, 1, base
        while made in taken:
            number += 1
            made = f"{base}_{number}"
        return made

    def text(self) -> str:
        """The whole file; empty when there is nothing in it."""
        used = {name: steps for name, steps in self.lists.items() if name in self.with_tables}
        if not used and not self.content:
            return ""
        parts = [text for _, text in self.tables.values()]
        parts += [f"{_list_name(name)} = [\n{_lines(steps)}]\n" for name, steps in used.items()]
        if self.content:
            given = [f"{key}={value}" for key, value in self.content.items()]
            parts.append(f"CONTENT = ContentRules(\n{_lines(given)})\n")
        for stage in STAGES:
            names = [_list_name(name) for name in used if self.stages[name] == stage]
            if names or (stage == "message" and self.content):
                parts.append(_function(stage, names, has_content=bool(self.content)))
        body = "\n".join(parts)
        imported = [name for name in _NAMES if f"{name}(" in body or f"{name}." in body]
        return f"{_HEAD}\nfrom heloise.policy.tables import {', '.join(imported)}\n\n{body}"


def _list_name(parameter: str) -> str:
    return parameter.removeprefix("smtpd_").removesuffix("_restrictions").upper() + "_LIST"


def _lines(items: Sequence[str]) -> str:
    return "".join([f"    {each},\n" for each in items])


def _function(stage: str, names: Sequence[str], *, has_content: bool) -> str:
    head = f"\nasync def on_{stage}(view):\n"
    judged = f"judge(view, [{', '.join(names)}])"
    if stage != "message" or not has_content:
        return f"{head}    return {judged}\n"
    content = "await judge_content(view, CONTENT)"
    if not names:
        return f"{head}    return {content}\n"
    return f"{head}    said = {judged}\n    return said if said.refusal else said | {content}\n"
