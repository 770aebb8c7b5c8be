"""Explanations as JSON, for the pages: an index of all there is, and all there is about one name."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from heloise.explain.dialogues import Dialogue, about
from heloise.explain.explanations import Explanation, explain_text
from heloise.explain.topics import CommandTopic, ExtensionTopic, command_topic, commands, extension_topic
from heloise.lab.diagram import arrows
from heloise.mail.causes import CATALOGUE
from heloise.smtp.codes import REPLY_CODES
from heloise.smtp.registry import Registry
from heloise.smtp.states import ServerState
from heloise.smtp.status_codes import STATUS_DETAILS, SUBJECTS

Json = dict[str, Any]


def index_json(registry: Registry) -> Json:
    """Everything that can be asked about, with a few words each."""
    topics = [command_topic(registry, verb) for verb in commands(registry)]
    groups = groupby(sorted(CATALOGUE.items()), key=lambda item: item[0].partition(".")[0])
    return {
        "codes": [
            {"name": str(code), "title": code.title, "clause": code.clause}
            for code in sorted(REPLY_CODES.values(), key=lambda code: code.code)
        ],
        "commands": [{"name": each.verb, "title": each.summary} for each in topics if each is not None],
        "extensions": [{"name": each.keyword, "title": each.summary, "clause": each.rfc} for each in registry],
        "statuses": [
            {
                "subject": name,
                "details": [
                    {"name": str(detail), "title": detail.title}
                    for detail in sorted(STATUS_DETAILS.values(), key=lambda detail: (detail.subject, detail.detail))
                    if detail.subject == subject
                ],
            }
            for subject, name in SUBJECTS.items()
        ],
        "causes": [
            {"group": group, "causes": [{"name": name, "title": kind.meaning} for name, kind in kinds]}
            for group, kinds in groups
        ],
    }


def topic_json(registry: Registry, name: str) -> Json | None:
    """All there is about a code, a status, a cause, a command or an extension; None when nothing is known so."""
    command, extension = command_topic(registry, name.upper()), extension_topic(registry, name.upper())
    parts = [] if command is None else [_command(command)]
    parts += [] if extension is None else [_extension(extension)]
    if not parts:
        parts = [_explained(each) for each in explain_text(name)]
    if not parts:
        return None
    shown = name.upper() if extension is not None else name
    return {"name": shown, "parts": parts, "dialogues": [_dialogue(each) for each in _dialogues(shown)]}


def states_json(registry: Registry) -> Json:
    """The states of a session and what leads from one to another."""
    return {
        "states": [state.value for state in ServerState],
        "arrows": [
            {"start": each.start.value, "end": each.end.value, "label": each.label}
            for each in arrows(registry.transitions)
        ],
    }


def _dialogues(name: str) -> Sequence[Dialogue]:
    """A status of any class is shown by those of each class."""
    if name.upper().startswith("X."):
        return [each for klass in "245" for each in about(klass + name[1:])]
    return about(name)


def _explained(each: Explanation) -> Json:
    digits = each.name[:1].isdigit() or each.name.startswith("X.")
    kind = "cause" if not digits else "status" if "." in each.name else "code"
    return {
        "kind": kind,
        "name": each.name,
        "title": each.title,
        "severity": None if each.severity is None else each.severity.name.lower(),
        "meaning": each.meaning,
        "also": each.also,
        "advice": each.advice,
        "clause": each.clause,
        "related": [{"name": name, "title": title} for name, title in each.related],
    }


def _command(each: CommandTopic) -> Json:
    return {
        "kind": "command",
        "name": each.verb,
        "title": each.summary,
        "form": each.form,
        "clause": each.clause,
        "extension": each.extension,
        "leads": {state.value: following.value for state, following in each.leads.items()},
        "answers": [{"name": code, "title": words} for code, words in each.answers],
    }


def _extension(each: ExtensionTopic) -> Json:
    return {
        "kind": "extension",
        "name": each.keyword,
        "title": each.summary,
        "clause": each.clause,
        "meaning": each.promises,
        "mail_parameters": each.mail_parameters,
        "rcpt_parameters": each.rcpt_parameters,
        "verbs": each.verbs,
        "needs": each.needs,
    }


def _dialogue(each: Dialogue) -> Json:
    return {
        "title": each.title,
        "code": f"{each.code:03d}",
        "status": each.status,
        "cause": each.cause,
        "configuration": each.configuration,
        "client": each.client,
        "rule": each.rule,
        "lines": [_line(line) for line in each.lines],
    }


def _line(line: str) -> Mapping[str, str]:
    kind, text = line[:2], line[3:]
    return {"by": "-" if kind == "--" else kind[0], "text": text}
