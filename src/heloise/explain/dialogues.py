"""Dialogues with a running server: for each code and each extension at least one.

`scripts/protocol-pages` writes them from what was really said; `./check` fails when they are not true any more. The
file is a part of the program as its modules are, and is read once, when somebody asks.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

FILE = "dialogues.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """One dialogue. `extension` is the keyword that it shows, "" for one that shows the way to a reply.

    `code`, `status` ("" where there is none) and `cause` are those of the reply that matters; `configuration` is what
    an operator has written for it, `rule` the line that decided, "" when none did. `lines` begin with `C: `, `S: ` or
    `-- `.
    """

    title: str
    code: int
    status: str
    cause: str
    extension: str
    configuration: str
    client: str
    rule: str
    lines: tuple[str, ...]

    def answers(self) -> Iterator[tuple[str, str]]:
        """Verbs in upper case and the first lines of their replies, in the order of the replies."""
        due: list[str] = []
        in_text = in_reply = False
        for line in self.lines:
            kind, text = line[:2], line[3:]
            if kind == "C:" and in_text:
                in_text = text != "."
                due += [] if in_text else ["DATA"]
            elif kind == "C:":
                due.append(text.partition(" ")[0].upper())
            elif kind == "S:" and in_reply:
                in_reply = text[3:4] == "-"
            elif kind == "S:" and due and text[:3].isdigit() and not text.startswith("0"):
                verb = due.pop(0)
                in_reply, in_text = text[3:4] == "-", text.startswith("354")
                yield verb, text


@lru_cache(maxsize=1)
def all_dialogues() -> tuple[Dialogue, ...]:
    """All of them."""
    read = json.loads((files("heloise.explain") / FILE).read_text(encoding="utf-8"))
    return tuple(Dialogue(**{**each, "lines": tuple(each["lines"])}) for each in read)


def about(name: str) -> tuple[Dialogue, ...]:
    """Those that show a code (`550`), a status (`5.7.1`), a cause (`size.over-limit`) or an extension."""
    return tuple(
        each for each in all_dialogues() if name in (f"{each.code:03d}", each.status, each.cause, each.extension)
    )
