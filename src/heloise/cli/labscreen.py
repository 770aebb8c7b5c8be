"""What the lab shows in the terminal: what was said, why, and where the session stands."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from heloise.cli.terminal import STYLES, paragraph, rows, visible
from heloise.cli.transcripts import INDENT, needs_words
from heloise.explain.explanations import Explanation
from heloise.explain.story import ReplyStory, tell
from heloise.lab.diagram import ASIDE, PICTURE, STRIP, places
from heloise.lab.hints import hints, in_words
from heloise.lab.session import Event, LabSession
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp.registry import Registry
from heloise.smtp.states import ServerState
from heloise.smtp.transcript import Direction

_HERE = "bold reverse not dim"
_RAIL = " " * INDENT + "│"
_NARROW = 80  # columns that the picture takes


class LabScreen:
    """Shows one lab. `brief` explains only what is more than a plain yes; `is_typed`: somebody sees what he types."""

    def __init__(self, out: Console, registry: Registry, *, brief: bool, is_typed: bool, lmtp: bool) -> None:
        self.brief = brief
        self.last: Reply | None = None
        self._out = out
        self._registry = registry
        self._is_typed = is_typed
        self._lmtp = lmtp
        self._shown: ServerState | None = None

    def welcome(self, what: str, more: str) -> None:
        """What this is, and how to begin."""
        paragraph(self._out, Text.assemble(("heloise lab", "name"), what))
        if not self._is_typed:
            return
        how = "Say what a client would say. TAB completes, ? explains the last reply, :help lists the rest."
        paragraph(self._out, how)
        if more:
            paragraph(self._out, more)
        self._out.print()
        if self._out.width >= _NARROW:
            self._out.print(Text(PICTURE.rstrip("\n"), style="why"), soft_wrap=True)

    def connected(self, session: LabSession, server: str) -> None:
        """A connection is there."""
        self._shown = None
        self._out.print()
        self.remark(f"connected to {server}")
        if session.encryption is not None:
            self.remark(str(session.encryption))

    def remark(self, text: str) -> None:
        """A word of ours."""
        paragraph(self._out, Text(visible(text), style="note"), indent=INDENT, lead=Text("--", style="note"))

    def typed(self, line: str) -> None:
        """A line that nobody has typed, as if somebody had."""
        if self._is_typed:
            paragraph(self._out, Text(line, style="client"), indent=INDENT, lead=Text("C:", style="client"))

    def hear(self, event: Event) -> None:
        """Something was said."""
        line = event.line
        match line.direction:
            case Direction.SERVER if line.reply is not None:
                self._reply(line.text, line.reply)
            case Direction.CLIENT if not self._is_typed:
                paragraph(self._out, Text(visible(line.text), style="client"), indent=INDENT, lead="C:")
            case Direction.NOTE:
                self.remark(line.text)
            case _:
                pass

    def settled(self, session: LabSession) -> None:
        """Nothing is due any more: show where the session stands, when that has changed."""
        state = session.state
        if state is self._shown:
            return
        self._shown = state
        if self._is_typed:
            self._out.print(Text.assemble("   ", strip(state)), soft_wrap=True)
            if not session.is_over:
                paragraph(self._out, self._next(session), indent=INDENT)
        else:
            self.remark(f"the session is now: {state.value}")

    def picture(self, session: LabSession) -> None:
        """All states, the one of the session marked, and what may be said in it."""
        text = Text(PICTURE.rstrip("\n"), style="why")
        for start, end in places(session.state):
            text.stylize(_HERE, start, end)
        self._out.print(text, soft_wrap=True)
        self._out.print()
        self._out.print(Text.assemble("   ", strip(session.state)), soft_wrap=True)
        known = hints(self._registry, session.state, session.offers_now, lmtp=self._lmtp)
        rows(
            self._out,
            [(hint.form, f"{hint.summary}{_leads(hint.following, session.state)}") for hint in known],
            indent=3,
        )

    def explain(self, explanations: tuple[Explanation, ...]) -> None:
        """Something that was asked for."""
        for each in explanations:
            style = "name" if each.severity is None else STYLES[each.severity]
            paragraph(self._out, Text.assemble((each.name, style), "  ", (each.title, "name")))
            for text in filter(None, (each.meaning, each.also, each.advice)):
                paragraph(self._out, text, indent=INDENT)
            paragraph(self._out, Text(each.clause, style="why"), indent=INDENT)

    def _reply(self, text: str, reply: Reply) -> None:
        self.last = reply
        style = STYLES[reply.severity]
        for number, line in enumerate(text.split("\n")):
            lead = Text("S:" if number == 0 else "", style=style)
            paragraph(self._out, Text(visible(line), style=style), indent=INDENT, lead=lead)
        if reply.severity is Severity.PROGRESS or (self.brief and not needs_words(reply)):
            return
        for words in story_lines(tell(reply)):
            rail = Text(_RAIL, style="why")
            paragraph(self._out, words, indent=INDENT + 2, lead=rail, rail=rail)

    def _next(self, session: LabSession) -> Text:
        words = in_words(session.state)
        if words:
            return Text(f"now: {words}", style="why")
        known = hints(self._registry, session.state, session.offers_now, lmtp=self._lmtp)
        if not known:
            return Text()
        text = Text.assemble(("next: ", "why"), (known[0].line, "client"))
        if len(known) > 1:
            text.append(", or " + " ".join(hint.verb for hint in known[1:]), style="why")
        return text


def strip(state: ServerState) -> Text:
    """The way of a message in one line, with the place where the session stands."""
    text = Text()
    for number, each in enumerate(STRIP):
        text.append(" ─ " if number else "", style="why")
        text.append(f" {each.value} " if each is state else each.value, style=_HERE if each is state else "why")
        if ASIDE.get(state) is each:
            text.append(" ↳", style="why")
            text.append(f" {state.value} ", style=_HERE)
    return text


def story_lines(story: ReplyStory) -> Iterator[Text]:
    """All there is to say about a reply, in a few lines."""
    yield Text.assemble((story.code.name, "cause"), (f" · {story.code.title} · {story.code.clause}", "why"))
    if story.status is not None and (story.status_tells or story.cause is not None):
        yield Text.assemble((story.status.name, "cause"), (f" · {story.status.title} · {story.status.clause}", "why"))
    if story.cause is not None:
        rule = "" if story.rule is None else f" · {story.rule}"
        yield Text.assemble((story.cause.name, "cause"), (f" · {story.cause.clause}{rule}", "why"))
    yield Text(f"{story.best.meaning} {story.best.advice}", style="why")
    if story.inputs:
        yield Text(", ".join(f"{name} = {visible(value)}" for name, value in story.inputs), style="why")


def _leads(following: ServerState, state: ServerState) -> str:
    return "" if following is state else f" → {following.value}"
