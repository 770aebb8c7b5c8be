"""Checks of `[[map]]`: each has one source, and what this source needs."""

import importlib.util
import re
from collections.abc import Iterator

from heloise.config.errors import Problem
from heloise.config.maps import Map
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.routing.tables import Supplies

_SOURCES = ("file", "sqlite", "postgresql")
_PARAMETER = re.compile(r"(?<![:\w]):name\b")
_URL = ("postgresql://", "postgres://")


def maps(draft: Configuration) -> Iterator[Problem]:
    """All of the above."""
    for index, each in enumerate(draft.maps):
        path: Path = ("map", index)
        given = [name for name in _SOURCES if getattr(each, name) is not None]
        if len(given) != 1:
            text = f"a map has one of {', '.join(_SOURCES)}, and only one"
            yield problem(draft, (*path, given[1]) if given else path, text)
        elif each.file is None:
            yield from _query(draft, path, each)
        elif each.query is not None:
            yield problem(draft, (*path, "query"), "a text file is not asked by a query; it is read whole")
        if each.postgresql is not None:
            yield from _postgresql(draft, (*path, "postgresql"), each.postgresql)
        if each.tell and each.supplies is not Supplies.FORWARDS:
            yield problem(draft, (*path, "tell"), "tell is for forwards")
        if each.timeout <= 0:
            yield problem(draft, (*path, "timeout"), "timeout is more than 0")


def _query(draft: Configuration, path: Path, each: Map) -> Iterator[Problem]:
    if each.query is None:
        hint = 'write query = "SELECT target FROM alias WHERE name = :name"'
        yield problem(draft, path, "a database is asked by a query", hint)
    elif _PARAMETER.search(each.query) is None:
        yield problem(draft, (*path, "query"), "the query has :name where the name that is asked for is to stand")
    elif not each.query.lstrip("( \n\t").upper().startswith(("SELECT", "WITH", "VALUES")):
        yield problem(draft, (*path, "query"), "the query is a SELECT")


def _postgresql(draft: Configuration, path: Path, url: str) -> Iterator[Problem]:
    if not url.startswith(_URL):
        hint = 'write it like "postgresql:///mail?host=/run/postgresql"'
        yield problem(draft, path, f'"{url}" is not the address of a database', hint)
    elif importlib.util.find_spec("asyncpg") is None:
        hint = 'install it: pip install "heloise[postgresql]"'
        yield problem(draft, path, "the driver for PostgreSQL is not installed", hint)
