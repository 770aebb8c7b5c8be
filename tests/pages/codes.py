"""The page of reply codes: the catalogue, and for each code what was said."""

from collections.abc import Sequence

from click.testing import CliRunner

from heloise.cli.main import main as program
from heloise.mail.causes import CATALOGUE
from heloise.mail.status import Severity
from heloise.smtp.codes import REPLY_CODES, SEVERITIES, ReplyCode
from tests.pages.markdown import Shown, anchor, fenced, linked, others, prose, table, whole

_INTRODUCTION = """\
# Reply codes

What each reply code means, what heloise says it for, and what a client should do. How a reply is built is told at
[the end](#how-to-read-a-reply); the extensions have [a page of their own](extensions.md).

No dialogue on this page is written by hand. `scripts/protocol-pages` has each of them with a running server, checks the
code, the enhanced status, the cause and the line of the configuration that decided, and writes down what was said.
`./check` fails when the page is not true any more.

`C:` is the client and `S:` the server; `--` is something that happens beside them, and `S: …` the rest of a reply. The
server is `mx.example.test`, with the users alice, bob and bert, and a route for `elsewhere.test`."""

_READING = """\
## How to read a reply

```text
550 5.1.1 <nobody@example.test> is unknown here
│   │     └─ words for people; they may change
│   └─ enhanced status: class, subject, detail (RFC 3463)
└─ code: programs decide by its first digit
```

A reply of several lines has `-` after the code in all lines but the last. The enhanced status stands on every line, but
not in the greeting, not in the answer to EHLO and HELO, and not after 3 as first digit (RFC 2034 §4).

The cause is not on the wire: it stands in the log and in transcripts, with the file and line of the configuration that
decided and the values it looked at. `heloise explain` tells about a cause, a code or a status:"""

# Causes that no client of the server hears: what an attempt to deliver met.
_ONWARD = ("local.", "peer.", "link.", "dns.", "delivery.", "route.")

_SHORT = {
    Severity.PROGRESS: "on the way",
    Severity.COMPLETED: "done",
    Severity.INTERMEDIATE: "go on",
    Severity.TRANSIENT: "not now",
    Severity.PERMANENT: "no",
}


def codes_page(shown: Sequence[Shown]) -> str:
    """The page."""
    by_code: dict[int, list[Shown]] = {}
    for each in shown:
        by_code.setdefault(each.scenario.code, []).append(each)
    codes = sorted(REPLY_CODES.values(), key=lambda code: code.code)
    said = [code for code in codes if code.code in by_code]
    unsaid = [code for code in codes if code.code not in by_code]
    pieces = [_INTRODUCTION, _index(said)]
    for severity in Severity:
        of_kind = [code for code in said if code.severity is severity]
        if of_kind:
            pieces.append(f"## {severity.value}yz: {_SHORT[severity]}\n\n{SEVERITIES[severity]}")
            pieces += [_section(code, by_code[code.code]) for code in of_kind]
    pieces += [_never_said(unsaid), _READING, _explained("size.over-limit")]
    return "\n\n".join(pieces) + "\n"


def _explained(word: str) -> str:
    said = CliRunner().invoke(program, ["explain", word]).stdout
    return fenced([f"$ heloise explain {word}", *(line.rstrip() for line in said.splitlines())])


def _heading(code: ReplyCode) -> str:
    return f"{code} {code.title}"


def _index(codes: Sequence[ReplyCode]) -> str:
    rows = [
        (f"[{code}](#{anchor(_heading(code))})", code.title, _SHORT[code.severity], linked(code.clause))
        for code in codes
    ]
    return table(("code", "name", "kind", "defined in"), rows)


def _section(code: ReplyCode, shown: Sequence[Shown]) -> str:
    first, *more = shown
    pieces = [f"### {_heading(code)}", prose(" ".join(filter(None, (code.meaning, code.also))))]
    pieces += [f"**The client:** {prose(code.advice)}", whole(first), _causes(code, shown)]
    if more:
        pieces.append(others("More ways to it", more))
    return "\n\n".join(pieces)


def _causes(code: ReplyCode, shown: Sequence[Shown]) -> str:
    statuses: dict[str, set[str]] = {}
    for each in shown:
        for reply in each.played.replies:
            if reply.code == code.code and reply.status is not None:
                statuses.setdefault(reply.cause.id, set()).add(str(reply.status))
    here = [cause for cause in code.causes if not cause.startswith(_ONWARD)]
    rows = [
        (f"`{each}`", ", ".join(sorted(statuses.get(each, ()))), prose(kind.meaning), linked(kind.clause))
        for each in here
        for kind in (CATALOGUE[each],)
    ]
    onward = [cause for cause in code.causes if cause not in here]
    causes = table(("cause", "status", "why", "clause"), rows)
    if not onward:
        return causes
    names = ", ".join(f"`{each}`" for each in onward)
    return f"{causes}\n\nIn the log and in reports, about the way onward, it also stands for {names}."


def _never_said(codes: Sequence[ReplyCode]) -> str:
    rows = [(str(code), code.title, prose(code.meaning), prose(code.advice), linked(code.clause)) for code in codes]
    return "\n\n".join(
        (
            "## Codes that other servers say",
            "heloise does not say these, but other servers do. Of a code that is in no list the first digit tells "
            "what to do.",
            table(("code", "name", "meaning", "the client", "defined in"), rows),
        )
    )
