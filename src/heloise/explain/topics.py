"""Commands and extensions explained, out of what their files say of themselves: the registry, the state table, and the
dialogues that were had with them. Pure.
"""

import ast
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from heloise.explain.dialogues import all_dialogues
from heloise.explain.explanations import Explanation
from heloise.smtp import extensions as package
from heloise.smtp.extension import Extension
from heloise.smtp.extensions.help import CORE_VERBS
from heloise.smtp.registry import Registry
from heloise.smtp.states import ServerState

# Where the commands that belong to no extension are defined.
_CLAUSES: Mapping[str, str] = MappingProxyType(
    {
        "EHLO": "RFC 5321 §4.1.1.1",
        "HELO": "RFC 5321 §4.1.1.1",
        "LHLO": "RFC 2033 §4.1",
        "MAIL": "RFC 5321 §4.1.1.2",
        "RCPT": "RFC 5321 §4.1.1.3",
        "DATA": "RFC 5321 §4.1.1.4",
        "RSET": "RFC 5321 §4.1.1.5",
        "NOOP": "RFC 5321 §4.1.1.9",
        "QUIT": "RFC 5321 §4.1.1.10",
        "HELP": "RFC 5321 §4.1.1.8",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTopic:
    """A command. `leads` says from which states it is in place, and where it leads to when the answer is good.

    `answers` are codes it has been given, with the first words that came with each; `extension` is the keyword
    it belongs to, "" for none.
    """

    verb: str
    form: str
    summary: str
    clause: str
    extension: str
    leads: Mapping[ServerState, ServerState]
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionTopic:
    """An extension. `promises` is what its file says of itself; `verbs` are the commands it brings."""

    keyword: str
    summary: str
    clause: str
    promises: str
    mail_parameters: tuple[str, ...]
    rcpt_parameters: tuple[str, ...]
    verbs: tuple[str, ...]
    needs: tuple[str, ...]


def commands(registry: Registry) -> tuple[str, ...]:
    """The verbs there are, those of RFC 5321 first."""
    return (*CORE_VERBS, *sorted(set(registry.verbs) - set(CORE_VERBS)))


def command_topic(registry: Registry, verb: str) -> CommandTopic | None:
    """What is to say about a verb (upper case), or None when there is no such."""
    brought = registry.verbs.get(verb)
    if brought is None and verb not in CORE_VERBS:
        return None
    form, summary = CORE_VERBS[verb] if brought is None else (brought[1].form, brought[1].summary)
    return CommandTopic(
        verb=verb,
        form=form,
        summary=summary,
        clause=_CLAUSES[verb] if brought is None else brought[0].rfc,
        extension="" if brought is None else brought[0].keyword,
        leads={state: following for (state, said), following in registry.transitions.items() if said == verb},
        answers=_answers().get(verb, ()),
    )


def extension_topic(registry: Registry, keyword: str) -> ExtensionTopic | None:
    """What is to say about an extension by its keyword (upper case), or None when there is no such."""
    found = registry.get(keyword)
    if found is None:
        return None
    return ExtensionTopic(
        keyword=keyword,
        summary=found.summary,
        clause=found.rfc,
        promises=_promises(found),
        mail_parameters=tuple(sorted(found.mail_keywords)),
        rcpt_parameters=tuple(sorted(found.rcpt_keywords)),
        verbs=tuple(spec.verb for spec in found.verbs),
        needs=tuple(sorted(found.needs)),
    )


def explain_topics(registry: Registry, name: str) -> tuple[Explanation, ...]:
    """The command, and the extension, of this name, whatever its case; empty when there is neither."""
    found = []
    command, extension = command_topic(registry, name.upper()), extension_topic(registry, name.upper())
    if command is not None:
        states = ", ".join(state.value for state in command.leads)
        found.append(
            Explanation(
                name=command.verb,
                title=command.form,
                severity=None,
                meaning=f"A command: {command.summary}.",
                advice=f"It is in place when the session is: {states}.",
                clause=command.clause,
                related=command.answers,
            )
        )
    if extension is not None:
        found.append(
            Explanation(
                name=extension.keyword,
                title=extension.summary,
                severity=None,
                meaning=f"An extension. {extension.promises}".rstrip(),
                advice="Use it where the answer to EHLO offers it.",
                clause=extension.clause,
            )
        )
    return tuple(found)


def _promises(extension: Extension) -> str:
    """The docstring of its file without the first line; "" for an extension from elsewhere."""
    return _documents().get(extension.keyword, "")


@lru_cache(maxsize=1)
def _documents() -> Mapping[str, str]:
    """Read in the sources, which are installed beside what was compiled of them: that has no docstrings."""
    documents = {}
    for entry in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{entry.name}")
        source = files(package).joinpath(f"{entry.name}.py")
        if source.is_file():
            document = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
            documents[module.EXTENSION.keyword] = " ".join(document.partition("\n\n")[2].split())
    return documents


@lru_cache(maxsize=1)
def _answers() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Of each verb the codes it had in the dialogues, with the first words that came with each."""
    found: dict[str, dict[str, str]] = {}
    for dialogue in all_dialogues():
        for verb, reply in dialogue.answers():
            found.setdefault(verb, {}).setdefault(reply[:3], reply[4:])
    return {verb: tuple(sorted(answers.items())) for verb, answers in found.items()}
