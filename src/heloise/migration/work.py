"""The desk an import is done at: what is written, what has been made of it, and what has been told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heloise.mail.cause import Rule
from heloise.migration.draft import Draft
from heloise.migration.expansion import Expander
from heloise.migration.hooks import HookDraft
from heloise.migration.lookup import Contents, Files, is_table, members, read_table
from heloise.migration.outcome import Became, Outcome
from heloise.migration.source import Service, Setting

NOWHERE = Rule("main.cf", 0)


def local_domains(work: "Work") -> list[str]:
    """Those that were written so far."""
    found = (work.draft.get("local", key) for key in ("domains", "virtual_domains"))
    return [str(domain) for each in found if isinstance(each, list) for domain in each]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """`state` is the directory for queue and mailboxes. `accounts` are those of the system that get mail. `hostname` is
    for a main.cf that leaves it to the system. `secrets` allows passwords to be written into files beside."""

    state: str = "state"
    hostname: str | None = None
    accounts: Sequence[str] = ()
    secrets: bool = False


@dataclass(slots=True, kw_only=True)
class Work:
    """One import."""

    settings: Mapping[str, Setting]
    services: Sequence[Service]
    files: Files
    options: ImportOptions
    expander: Expander
    draft: Draft = field(default_factory=Draft)
    hooks: HookDraft = field(default_factory=HookDraft)
    outcomes: list[Outcome] = field(default_factory=list)
    beside: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    users: dict[str, str] = field(default_factory=dict)  # name → the route of its mail, "" for a Maildir

    def value(self, name: str) -> str:
        """A parameter with everything put in; empty, and told, when it can not be read."""
        try:
            return self.expander.value(name).strip()
        except ValueError as error:
            self.tell(name, Became.NOT_MAPPED, str(error))
            return ""

    def items(self, name: str) -> list[str]:
        """The items of a parameter."""
        return members(self.value(name))

    def is_written(self, name: str) -> bool:
        """Does main.cf say it?"""
        return name in self.settings

    def is_on(self, name: str) -> bool:
        """Is a parameter `yes`?"""
        return self.value(name).lower() == "yes"

    def place(self, name: str) -> Rule:
        """Where a parameter is written."""
        found = self.settings.get(name)
        return NOWHERE if found is None else found.place

    def why(self, name: str) -> str:
        """For a comment in the new file."""
        return f"{self.place(name)} {name}" if self.is_written(name) else f"{name}, Postfix's default"

    def tell(self, name: str, became: Became, text: str) -> None:
        """What became of a parameter. Those that are not written are not told about, but for what can not be had."""
        self.told.add(name)
        if self.is_written(name):
            self.at(self.place(name), name, became, text)

    def at(self, place: Rule, what: str, became: Became, text: str) -> None:
        """What became of something else, such as an entry of a table."""
        self.outcomes.append(Outcome(place, what, became, text))

    def mapped(self, name: str, section: str, key: str, value: object) -> None:
        """A parameter is a key."""
        self.draft.put(section, key, value, self.why(name))
        self.tell(name, Became.MAPPED, f"[{section}] {key}" if section else key)

    def names(self, name: str) -> tuple[list[str], list[Contents]]:
        """The plain items of a list, and what is in its tables; those that can not be read are told."""
        plain, tables = [], []
        for member in self.items(name):
            if member.startswith("/") and not is_table(member):
                text = self.files.text(member)
                if text is None:
                    self.at(self.place(name), name, Became.NOT_MAPPED, f"{member} can not be read")
                else:
                    plain += [word for line in text.splitlines() if not line.startswith("#") for word in members(line)]
            elif is_table(member):
                tables.append(self.table(member, name))
            else:
                plain.append(member)
        return plain, tables

    def table(self, member: str, name: str) -> Contents:
        """A table of a parameter; told when it can not be read."""
        contents = read_table(member, self.files, self.place(name))
        if contents.trouble:
            self.at(self.place(name), f"{name} {member}", Became.NOT_MAPPED, contents.trouble)
        return contents
