"""How the commands print: one console, one palette, the exit codes. Colour only on a terminal."""

import re
from collections.abc import Iterable
from enum import IntEnum

from rich.console import Console, RenderableType
from rich.text import Text
from rich.theme import Theme

from heloise.mail.status import Severity

THEME = Theme(
    {
        "client": "cyan",
        "note": "dim italic",
        "why": "dim",
        "cause": "dim bold",
        "name": "bold",
        "place": "cyan",
        "success": "green",
        "waiting": "blue",
        "transient": "yellow",
        "permanent": "red",
        "progress": "magenta",
    }
)

STYLES = {
    Severity.PROGRESS: "progress",
    Severity.PRELIMINARY: "waiting",
    Severity.COMPLETED: "success",
    Severity.INTERMEDIATE: "waiting",
    Severity.TRANSIENT: "transient",
    Severity.PERMANENT: "permanent",
}

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
WIDEST = 100  # columns; longer lines are hard to read
NARROWEST = 20


class ExitCode(IntEnum):
    """What the shell gets."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    TROUBLE = 3


def console(*, stderr: bool = False) -> Console:
    """A console that adds nothing of its own: no highlighting, no emoji, no markup in what is printed."""
    return Console(theme=THEME, highlight=False, emoji=False, markup=False, stderr=stderr)


def paragraph(out: Console, text: Text | str, *, indent: int = 0, lead: Text | str = "", rail: Text | str = "") -> None:
    """Print `text` wrapped, every line `indent` columns in.

    `lead` stands in the indent of the first line, `rail` in that of the others.

    Unlike rich's Padding it leaves no blanks at the ends of lines, so that what is piped stays clean.
    """
    text = Text(text) if isinstance(text, str) else text
    first, others = (_filled(start, indent) for start in (lead, rail))
    width = max(min(out.width, WIDEST) - indent, NARROWEST)
    for number, line in enumerate(text.wrap(out, width) if text else [Text()]):
        line.rstrip()
        whole = Text.assemble(first if number == 0 else others, line)
        whole.rstrip()
        out.print(whole, soft_wrap=True)


def _filled(start: Text | str, width: int) -> Text:
    text = Text(start) if isinstance(start, str) else start.copy()
    text.append(" " * (width - text.cell_len))
    return text


def visible(text: str) -> str:
    """Text from others with its control characters written out, so that it can not play with the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def rows(out: Console, pairs: Iterable[tuple[Text | str, Text | str]], *, indent: int = 0) -> None:
    """Print names and what there is to say about each, in two columns."""
    made = [(Text(name, style="name") if isinstance(name, str) else name, words) for name, words in pairs]
    column = indent + max((name.cell_len for name, _ in made), default=0) + 2
    for name, words in made:
        paragraph(out, words, indent=column, lead=Text(" " * indent) + name)


def clean(out: Console, what: RenderableType) -> None:
    """Print something of rich's, such as a table; without the blanks at the ends of lines when it is piped."""
    if out.is_terminal:
        out.print(what)
        return
    with out.capture() as captured:
        out.print(what)
    for line in captured.get().splitlines():
        out.print(Text(line.rstrip()), soft_wrap=True)
