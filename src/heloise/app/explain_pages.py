"""The pages that explain codes, statuses, causes, commands and extensions: the same in every server that has pages."""

from collections.abc import Mapping
from functools import lru_cache

from heloise.app.explain_json import index_json, states_json, topic_json
from heloise.smtp.registry import Registry, discover
from heloise.web.exchange import Answer, HttpProblem, Request, as_json
from heloise.web.pages import Page
from heloise.web.routes import Handle

EXPLAIN_PAGES = (
    Page(path="/explain", title="Reference", module="explain.js", nav="Reference"),
    Page(path="/explain/{name}", title="Explained", module="explain.js"),
)


@lru_cache(maxsize=1)
def _registry() -> Registry:
    return discover()


async def explain_index(request: Request, found: Mapping[str, str]) -> Answer:
    """Everything that can be asked about."""
    return as_json(index_json(_registry()))


async def explain_topic(request: Request, found: Mapping[str, str]) -> Answer:
    """One code, status, cause, command or extension. Raises HttpProblem."""
    topic = topic_json(_registry(), found["name"])
    if topic is None:
        raise HttpProblem(404, f'nothing is known as "{found["name"]}"')
    return as_json(topic)


async def explain_states(request: Request, found: Mapping[str, str]) -> Answer:
    """What a picture of the states is drawn of."""
    return as_json(states_json(_registry()))


# What the API has of it: path, name, who answers, in words.
EXPLAINING: tuple[tuple[str, str, Handle, str], ...] = (
    ("/explain", "listExplanations", explain_index, "Codes, statuses, causes, commands and extensions there are."),
    (
        "/explain/{name}",
        "explain",
        explain_topic,
        "What one of them means, with dialogues that were had with a running server.",
    ),
    ("/states", "listStates", explain_states, "The states of a session, and what leads from one to another."),
)
