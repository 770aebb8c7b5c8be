"""Annotated transcripts in the terminal: who said what, as it is said, and why for all that is not a plain yes.

`LiveTranscript` is a recorder for the engines; `Stage` keeps the lines of several sessions apart.
"""

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.text import Text

from heloise.cli.terminal import STYLES, paragraph
from heloise.explain.explanations import Explanation
from heloise.explain.story import tell
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp.transcript import Direction, Transcript, TranscriptLine

INDENT = 3
_PLAIN = frozenset({220, 221, 235, 250, 334, 354, 211, 214, 50})
_LEADS = {Direction.CLIENT: "C:", Direction.SERVER: "S:", Direction.NOTE: "--"}


def needs_words(reply: Reply) -> bool:
    """Is it something else than a plain yes?"""
    return reply.code not in _PLAIN


def why(reply: Reply) -> Iterator[Text]:
    """The lines that explain a reply: its cause, or the catalogue where another server said it."""
    story = tell(reply)
    if story.cause is not None:
        yield _headed(story.cause, f" · {story.rule}" if story.rule is not None else "")
    else:
        yield _headed(story.code, f" · {story.code.title}")
        if story.status is not None and story.status_tells:
            yield _headed(story.status, f" · {story.status.title}")
    yield Text(f"{story.best.meaning} {story.best.advice}", style="why")
    if story.inputs:
        yield Text(", ".join(f"{name} = {value}" for name, value in story.inputs), style="why")


def _headed(known: Explanation, rest: str) -> Text:
    return Text.assemble((known.name, "cause"), (f" · {known.clause}{rest}", "why"))


def print_line(out: Console, entry: TranscriptLine, *, explain_all: bool = False) -> None:
    """One line of a transcript, and why."""
    style = _style(entry)
    for number, text in enumerate(entry.text.split("\n")):
        lead = Text(_LEADS[entry.direction] if number == 0 else "", style=style)
        paragraph(out, Text(text, style=style), indent=INDENT, lead=lead)
    if entry.reply is not None and (explain_all or needs_words(entry.reply)):
        rail = Text(" " * INDENT + "│", style="why")
        for line in why(entry.reply):
            paragraph(out, line, indent=INDENT + 2, lead=rail, rail=rail)


def _style(entry: TranscriptLine) -> str:
    if entry.direction is Direction.SERVER:
        return STYLES[entry.reply.severity if entry.reply is not None else Severity.INTERMEDIATE]
    return "client" if entry.direction is Direction.CLIENT else "note"


class Stage:
    """Where several sessions speak: a line with the name of the session when another one begins to."""

    def __init__(self, out: Console, *, explain_all: bool = False) -> None:
        self._out = out
        self._explain_all = explain_all
        self._speaker = ""

    def say(self, session: str, entry: TranscriptLine) -> None:
        """Print a line of `session` (empty when there is only one)."""
        if session != self._speaker:
            self._speaker = session
            self._out.print()
            self._out.print(Text(f"── {session}", style="name"), soft_wrap=True)
        print_line(self._out, entry, explain_all=self._explain_all)

    def remark(self, session: str, text: Text) -> None:
        """Print something about a session that is not part of the dialogue."""
        self.say(session, TranscriptLine(Direction.NOTE, ""))
        paragraph(self._out, text, indent=INDENT)


class LiveTranscript:
    """A recorder that gives each line to `say` at once, with secrets struck out, and keeps none."""

    def __init__(self, say: Callable[[TranscriptLine], None]) -> None:
        self._say = say
        self._transcript = Transcript(limit=2)

    def command(self, line: bytes) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        self._transcript.command(line)
        self._flush()

    def reply(self, reply: Reply) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        self._transcript.reply(reply)
        self._flush()

    def content(self, size: int) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        self._transcript.content(size)
        self._flush()

    def note(self, text: str) -> None:
        """See `heloise.smtp.transcript.Recorder`."""
        self._transcript.note(text)
        self._flush()

    def _flush(self) -> None:
        for entry in self._transcript.lines:
            self._say(entry)
        self._transcript.lines.clear()
