"""What is wrong with a configuration: all of it together, each with its place and, where there is one, a near miss."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from heloise.mail.cause import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `section` is the name in the brackets, empty at the top of the file; `hint` is optional.

    `text` is a sentence without a full stop. Printed as `heloise.toml:12: [listener] unknown key "adress"; did you
    mean "address"?`
    """

    rule: Rule
    section: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        section = f"[{self.section}] " if self.section else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.rule}: {section}{self.text}{hint}"


class ConfigError(Exception):
    """A configuration that can not be used. `problems` are in the order of their lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.rule.line))
        super().__init__("\n".join(map(str, self.problems)))


def near_miss(name: str, valid: Sequence[str]) -> str | None:
    """The valid name that `name` most likely was meant to be, or None. Case does not count."""
    by_lower = {candidate.lower(): candidate for candidate in valid}
    found = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, valid: Sequence[str]) -> str:
    """A hint that names the near miss, or else all valid names; empty when there are none."""
    near = near_miss(name, valid)
    if near is not None:
        return f'did you mean "{near}"?'
    return "there are: " + ", ".join(valid) if valid else ""
