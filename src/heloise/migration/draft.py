"""The new configuration while it is being made: sections, keys and why each is there, and the TOML of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from heloise.mail.cause import Rule
from heloise.mail.reply import printable

# Sections of which there is one; those in double brackets come as they are made.
_SINGLE = (
    "", "tls", "auth", "relay", "extensions", "xclient", "xforward", "local", "aliases", "forwards", "limits", "policy",
    "greylist", "retry", "delivery",
)  # fmt: skip
_MANY = (
    "listener", "tls.certificate", "network", "user", "route", "milter", "policy.list", "quota", "destination",
    "credentials", "pipe",
)  # fmt: skip
_ORDER = (
    "", "listener", "extensions", "tls", "tls.certificate", "auth", "relay", "xclient", "xforward", "network", "local",
    "user", "aliases", "forwards", "route", "milter", "limits", "quota", "policy", "policy.list", "greylist", "retry",
    "delivery", "destination", "credentials", "pipe",
)  # fmt: skip


@dataclass(slots=True)
class Table:
    """One section. `keys` are name → value and where it is from; `is_off` writes it as a comment, for `why`."""

    keys: dict[str, tuple[object, str]] = field(default_factory=dict)
    why: str = ""
    is_off: bool = False

    def put(self, key: str, value: object, why: Rule | str = "") -> None:
        """Set a key; a place is told as such."""
        self.keys[key] = (value, str(why))


class Draft:
    """Sections by name."""

    def __init__(self) -> None:
        self.single: dict[str, Table] = {name: Table() for name in _SINGLE}
        self.many: dict[str, list[Table]] = {name: [] for name in _MANY}

    def put(self, section: str, key: str, value: object, why: Rule | str = "") -> None:
        """Set a key of a section of which there is one."""
        self.single[section].put(key, value, why)

    def get(self, section: str, key: str) -> object:
        """The value of a key, or None."""
        found = self.single[section].keys.get(key)
        return None if found is None else found[0]

    def add(self, section: str, why: Rule | str = "", **keys: object) -> Table:
        """One more of a section of which there may be several."""
        table = Table(why=str(why))
        for key, value in keys.items():
            if value is not None:
                table.put(key, value)
        self.many[section].append(table)
        return table

    def toml(self, head: Iterable[str]) -> str:
        """The whole file."""
        lines = [f"# {printable(line)}".rstrip() for line in head]
        for name in _ORDER:
            if name in self.single:
                table = self.single[name]
                if table.keys:
                    lines += ["", *([f"[{name}]"] if name else []), *_keys(table)]
                elif name == "":
                    lines.append("")
            else:
                for table in self.many[name]:
                    lines += ["", *([f"# {printable(table.why)}"] if table.why else [])]
                    written = [f"[[{name}]]", *_keys(table)]
                    lines += [f"# {line}" for line in written] if table.is_off else written
        return "\n".join(lines) + "\n"


def _keys(table: Table) -> list[str]:
    return [
        f"{_key(key)} = {value_of(value)}" + (f" # {printable(why)}" if why else "")
        for key, (value, why) in table.keys.items()
    ]


def _key(name: str) -> str:
    return name if name and all(each.isalnum() or each in "_-" for each in name) and name.isascii() else value_of(name)


def value_of(value: object) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's escapes are those of TOML's basic strings, but for the pairs it makes of what is outside the BMP.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(str(key))} = {value_of(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(value_of, value)) + "]"
    return str(value)
