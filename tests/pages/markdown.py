"""Pieces of Markdown that both pages need: dialogues, links to RFCs, anchors, tables. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.certificates import as_installed
from tests.staging import Played, Scenario

_MESSAGE_ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{15}\b")
_UPTIME = re.compile(r"up for \d+ seconds")
_OFFERED_MOMENT = re.compile(r"(FUTURERELEASE \d+ )\d{4}-\d\d-\d\dT[\d:]+Z")
_CLAUSE = re.compile(r"RFC (\d+)(?: (§[\d.]+(?:, §[\d.]+)*))?")
_UNSEEN = str.maketrans({"\r": "␍", "\n": "␊", "\0": "␀"})
_SAMPLE_ID = "1JQ4W8ZD0GKX5T7"


@dataclass(frozen=True, slots=True)
class Shown:
    """A scenario and what was said in it."""

    scenario: Scenario
    played: Played


def steady(page: str) -> str:
    """The page without what differs from run to run: until when a message could be held (RFC 4865)."""
    return _OFFERED_MOMENT.sub(r"\g<1>2030-01-15T12:00:00Z", page)


def dialogue(shown: Shown) -> str:
    """A fenced block with what was said; what differs from run to run is replaced."""
    lines: list[str] = []
    for line in shown.played.lines:
        kind, text = line[:2], line[3:]
        if kind == "C~":
            lines[-1] += f"({text} octets without an end)"
        else:
            lines.append(_line(kind, text))
    return fenced(lines)


def _line(kind: str, text: str) -> str:
    match kind:
        case "C!":
            octets = text.encode().decode("unicode_escape")
            shown = "".join(each if each.isascii() else f"\\x{ord(each):02x}" for each in octets)
            return f"C: {shown.translate(_UNSEEN)}"
        case "C#":
            return f"C: ({text} octets of text)"
        case "S:":
            text = _MESSAGE_ID.sub(_SAMPLE_ID, _UPTIME.sub("up for 86400 seconds", text))
            return "S: …" if text == "..." else f"S: {text}"
        case _:
            return f"{kind} {text}".rstrip()


def fenced(lines: Iterable[str], language: str = "text") -> str:
    """A block of code."""
    return "\n".join((f"```{language}", *lines, "```"))


def circumstances(scenario: Scenario) -> str:
    """What the dialogue does not show: the configuration, and where the client comes from."""
    pieces = []
    if scenario.configuration:
        pieces.append(fenced(as_installed(scenario.configuration).splitlines(), "toml"))
    if scenario.client != "127.0.0.1":
        pieces.append(f"The client comes from {scenario.client}, which may not relay.")
    return "\n\n".join(pieces)


def whole(shown: Shown) -> str:
    """A dialogue with its circumstances, and the line that decided where that is not said already."""
    rule = shown.scenario.rule
    told = rule is None or rule.startswith("[[") or rule in shown.scenario.configuration
    pieces = (circumstances(shown.scenario), dialogue(shown), "" if told else f"This line decides: `{rule}`")
    return "\n\n".join(filter(None, pieces))


def folded(summary: str, inside: str) -> str:
    """Something to be opened by a click."""
    return f"<details>\n<summary>{summary}</summary>\n\n{inside}\n\n</details>"


def others(title: str, shown: Sequence[Shown]) -> str:
    """Further dialogues, folded."""
    pieces = []
    for each in shown:
        scenario = each.scenario
        code = f"{scenario.code:03d}" if scenario.status is None else f"{scenario.code:03d} {scenario.status}"
        pieces += [f"**{capital(scenario.title)}** ({code}, `{scenario.cause}`)", whole(each)]
    return folded(f"{title} ({len(shown)})", "\n\n".join(pieces))


def linked(clause: str) -> str:
    """`RFC 5321 §4.2.3, §4.2.5` with links to the sections."""

    def link(found: re.Match[str]) -> str:
        page = f"https://www.rfc-editor.org/rfc/rfc{found[1]}"
        if found[2] is None:
            return f"[RFC {found[1]}]({page})"
        sections = [each.strip().removeprefix("§") for each in found[2].split(",")]
        first, *more = (f"{page}#section-{section.rstrip('.')}" for section in sections)
        texts = [f"[RFC {found[1]} §{sections[0]}]({first})"]
        texts += [f"[§{section}]({address})" for section, address in zip(sections[1:], more, strict=True)]
        return ", ".join(texts)

    return _CLAUSE.sub(link, clause)


def prose(text: str) -> str:
    """Words of the program: angle brackets are meant, and sections of RFCs are linked."""
    return linked(text.replace("<", "&lt;").replace(">", "&gt;"))


def anchor(heading: str) -> str:
    """The name that repository pages give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def capital(text: str) -> str:
    """With a capital at its start, and nothing else changed."""
    return text[:1].upper() + text[1:]
