"""The page of extensions: what each promises, who may use it, and what was said."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence

from heloise.reception.admission import DEFAULT_AUDIENCES, Audience
from heloise.smtp import extensions as package
from heloise.smtp.extension import FOR_SPOKESMEN, Extension
from heloise.smtp.registry import discover
from tests.pages.markdown import Shown, anchor, capital, linked, others, prose, table, whole

_INTRODUCTION = """\
# Extensions

Each extension of SMTP that heloise has: what it promises, who may use it, and a dialogue that shows it. EHLO offers to
each client what this client may use. The codes have [a page of their own](status-codes.md).

No dialogue on this page is written by hand: `scripts/protocol-pages` has each of them with a running server, and
`./check` fails when the page is not true any more. `C:` is the client and `S:` the server; `--` is something that
happens beside them, and `S: …` the rest of a reply."""

_PERMISSION = """\
## Who may use what

An operator decides by the section `[extensions]`, or by `extensions` of a listener, for each keyword:

| value | who |
|---|---|
| `"off"` | nobody: the keyword is withdrawn, the verb is 502, its parameters are 555 |
| `"loopback"` | programs on this machine |
| `"relay"` | clients that may relay, by `[relay] networks` |
| `"any"` | everybody |

```toml
[extensions]
EXPN = "relay"
ETRN = "off"
```"""

_WHO = {
    Audience.OFF: "nobody",
    Audience.LOOPBACK: "programs on this machine",
    Audience.RELAY: "clients that may relay",
    Audience.ANY: "everybody",
}


def extensions_page(shown: Mapping[str, Sequence[Shown]]) -> str:
    """The page, in the order of `shown`."""
    registry = discover()
    documents = _documents()
    found = [extension for keyword in shown if (extension := registry.get(keyword)) is not None]
    rows = [
        (f"[{each.keyword}](#{anchor(each.keyword)})", each.summary, _audience(each.keyword), linked(each.rfc))
        for each in found
    ]
    index = table(("keyword", "what it does", "for whom, by default", "defined in"), rows)
    offers = _offers(each for several in shown.values() for each in several)
    sections = [_section(each, documents[each.keyword], offers, shown[each.keyword]) for each in found]
    return "\n\n".join((_INTRODUCTION, index, _PERMISSION, *sections)) + "\n"


def _documents() -> dict[str, str]:
    """What the file of each extension says of itself, without its first line."""
    documents = {}
    for entry in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{entry.name}")
        _, _, rest = (module.__doc__ or "").partition("\n\n")
        documents[module.EXTENSION.keyword] = rest.strip()
    return documents


def _audience(keyword: str) -> str:
    if keyword in FOR_SPOKESMEN:
        return f"hosts that `[{keyword.lower()}]` names"
    return _WHO[DEFAULT_AUDIENCES.get(keyword, Audience.ANY)]


def _offers(shown: Iterable[Shown]) -> dict[str, str]:
    """The lines of EHLO by their keywords, as a server says them that is not set up for something else."""
    offers: dict[str, str] = {}
    for each in shown:
        for reply in each.played.replies:
            if reply.cause.id != "hello.accepted":
                continue
            for line in reply.lines[1:]:
                # Spokesmen are offered theirs where they are named only.
                if not each.scenario.configuration or line.split()[0] in FOR_SPOKESMEN:
                    offers.setdefault(line.split()[0], line)
    return offers


def _section(extension: Extension, document: str, offers: Mapping[str, str], shown: Sequence[Shown]) -> str:
    first, *more = shown
    pieces = [f"## {extension.keyword}", capital(f"{extension.summary}.") + f" {linked(extension.rfc)}."]
    pieces += [prose(document), _facts(extension, offers), f"**{capital(first.scenario.title)}**", whole(first)]
    if more:
        pieces.append(others("More dialogues", more))
    return "\n\n".join(pieces)


def _facts(extension: Extension, offers: Mapping[str, str]) -> str:
    facts = [("for whom, by default", _audience(extension.keyword))]
    offer = offers.get(extension.keyword)
    facts += [("line of EHLO", f"`{offer}`" if offer else "none; every server has the command")]
    facts += [("parameters of MAIL", ", ".join(f"`{each}`" for each in sorted(extension.mail_keywords)))]
    facts += [("parameters of RCPT", ", ".join(f"`{each}`" for each in sorted(extension.rcpt_keywords)))]
    facts += [("command", f"`{spec.form}`: {spec.summary}") for spec in extension.verbs]
    facts += [("not without", ", ".join(f"[{each}](#{anchor(each)})" for each in sorted(extension.needs)))]
    return "\n".join(f"- {name}: {fact}" for name, fact in facts if fact)
