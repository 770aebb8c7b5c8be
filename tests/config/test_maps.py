"""[[map]] and :include: in the configuration: what is wrong with them is told in a sentence, with its line."""

import importlib.util
from collections.abc import Callable
from importlib.machinery import ModuleSpec

import pytest

from heloise.config import ConfigError, parse_configuration
from heloise.config.describe import sections

GOOD = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:25"
[local]
domains = ["example.test"]
[[user]]
name = "alice"
"""
SQLITE = '[[map]]\nsupplies = "users"\nsqlite = "names.db"\nquery = "SELECT box FROM user WHERE name = :name"\n'


def problems(addition: str, text: str = GOOD) -> list[str]:
    try:
        parse_configuration(text + addition, directory="/etc/heloise")
    except ConfigError as error:
        return str(error).splitlines()
    return []


def test_paths_of_maps_and_lists_begin_at_the_configuration() -> None:
    text = (
        GOOD + '[aliases]\nteam = ["alice", ":include:lists/team"]\n[[map]]\nsupplies = "aliases"\nfile = "aliases"\n'
    )
    configuration = parse_configuration(text, directory="/etc/heloise")
    assert configuration.aliases["team"] == ("alice", ":include:/etc/heloise/lists/team")
    assert configuration.maps[0].file == "/etc/heloise/aliases"


@pytest.mark.parametrize(
    ("addition", "sentence"),
    [
        (
            '[[map]]\nsupplies = "users"\n',
            "heloise.toml:9: [map] a map has one of file, sqlite, postgresql, and only one",
        ),
        (
            SQLITE + 'file = "names"\n',
            "heloise.toml:11: [map] a map has one of file, sqlite, postgresql, and only one",
        ),
        (
            '[[map]]\nsupplies = "user"\nfile = "names"\n',
            'heloise.toml:10: [map] supplies can not be "user"; did you mean "users"?',
        ),
        (
            '[[map]]\nsupplies = "users"\nsqlite = "names.db"\n',
            'heloise.toml:9: [map] a database is asked by a query; write query = "SELECT target FROM alias WHERE '
            'name = :name"',
        ),
        (
            SQLITE.replace(":name", "'alice'"),
            "heloise.toml:12: [map] the query has :name where the name that is asked for is to stand",
        ),
        (
            SQLITE.replace("= :name", "= name::name"),
            "heloise.toml:12: [map] the query has :name where the name that is asked for is to stand",
        ),
        (
            SQLITE.replace("SELECT box FROM", "DELETE FROM"),
            "heloise.toml:12: [map] the query is a SELECT",
        ),
        (
            '[[map]]\nsupplies = "users"\nfile = "names"\nquery = "SELECT :name"\n',
            "heloise.toml:12: [map] a text file is not asked by a query; it is read whole",
        ),
        (
            SQLITE.replace("sqlite", "postgresql"),
            'heloise.toml:11: [map] "names.db" is not the address of a database; write it like '
            '"postgresql:///mail?host=/run/postgresql"',
        ),
        (SQLITE + "tell = true\n", "heloise.toml:13: [map] tell is for forwards"),
        (SQLITE + 'timeout = "0s"\n', "heloise.toml:13: [map] timeout is more than 0"),
        (
            '[local.catch_all]\n"away.test" = "alice"\n',
            'heloise.toml:10: [local] catch_all: "away.test" is not a local domain; there are: example.test, *',
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(addition: str, sentence: str) -> None:
    assert problems(addition) == [sentence]


def test_postgresql_without_its_driver_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[..., ModuleSpec | None] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "asyncpg" else find(name, *rest)
    )
    (line,) = problems(SQLITE.replace('sqlite = "names.db"', 'postgresql = "postgresql:///mail"'))
    assert line == (
        "heloise.toml:11: [map] the driver for PostgreSQL is not installed; install it: "
        'pip install "heloise[postgresql]"'
    )


def test_a_target_that_only_a_map_may_know_is_no_mistake() -> None:
    addition = '[aliases]\nteam = ["dora"]\n'
    assert problems(addition) == [
        'heloise.toml:10: [aliases] "dora" is no user, alias, list or forward; there are: alice, team'
    ]
    assert problems(addition + SQLITE) == []


def test_a_name_in_a_domain_that_only_a_map_may_know_is_no_mistake() -> None:
    addition = '[aliases]\n"team@v.test" = ["x@away.test"]\n'
    assert len(problems(addition)) == 1
    domains = '[[map]]\nsupplies = "virtual_domains"\nfile = "domains"\n'
    assert problems(addition + domains) == []


def test_a_virtual_domain_is_named_once_and_may_have_names() -> None:
    text = GOOD.replace('["example.test"]', '["example.test"]\nvirtual_domains = ["v.test", "example.test"]')
    assert problems("", text) == ['heloise.toml:7: [local] "example.test" is named twice']
    text = GOOD.replace('["example.test"]', '["example.test"]\nvirtual_domains = ["v.test"]')
    assert problems('[aliases]\n"team@v.test" = ["alice@example.test"]\n', text) == []
    assert problems('[[route]]\ndomains = ["v.test"]\nto = "mx:x.test"\n', text) == [
        'heloise.toml:11: [route] "v.test" is local (heloise.toml:7); it can not be routed elsewhere as well'
    ]


def test_every_key_of_a_map_is_explained() -> None:
    (section,) = (section for section in sections() if section.name == "map")
    assert section.heading == "[[map]]"
    assert {key.name for key in section.keys} >= {"supplies", "file", "sqlite", "postgresql", "query", "keep"}
    assert all(key.text for key in section.keys)
