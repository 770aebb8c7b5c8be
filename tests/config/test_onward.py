"""[[list]] and [srs]: what is wrong with them is told, and what is right becomes lists and a scheme."""

from pathlib import Path

import pytest

from heloise.app.configured.onward import rewriting
from heloise.app.configured.tables import routing_tables
from heloise.config import ConfigError, Configuration, parse_configuration
from heloise.config.advice import advise
from heloise.config.onward import read_secrets
from heloise.net import real_world
from heloise.routing.router import Router
from tests.routing.test_router import Boxes

GOOD = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:25"
[local]
domains = ["example.test", "other.test"]
[[user]]
name = "alice"
"""
TEAM = '[[list]]\nname = "team"\nmembers = ["alice"]\n'


def parse(addition: str, directory: Path = Path("/etc/heloise")) -> Configuration:
    return parse_configuration(GOOD + addition, directory=str(directory))


@pytest.mark.parametrize(
    ("addition", "line", "expected"),
    [
        (TEAM, 10, 'the list "team" has no owner; write owner = "…", who gets the reports'),
        (TEAM + 'owner = "alcie"', 12, '"alcie" is no user, alias, list or forward; did you mean "alice"?'),
        (TEAM + 'owner = "team"', 12, 'the list "team" is its own owner; a report to the list would be sent to all'),
        ('[[list]]\nname = "team"\nmembers = []\nowner = "alice"', 11, 'the list "team" has no members'),
        ('[[list]]\nname = "t"\nmembers = ["bbo"]\nowner = "alice"', 11, '"bbo" is no user, alias, list or forward'),
        ('[[list]]\nname = "a@b.test"\nmembers = ["alice"]\nowner = "alice"', 10, "is not in a local domain"),
        (TEAM + 'owner = "alice"\n' + TEAM + 'owner = "alice"', 14, '"team" is a list, too'),
        ('[aliases]\nteam = ["alice"]\n' + TEAM + 'owner = "alice"', 12, '"team" is an alias, too'),
        ('[srs]\ndomain = "exmple.test"', 10, '"exmple.test" is not a local domain; did you mean "example.test"?'),
        ('[srs]\nmax_age = "0s"', 10, "max_age is in whole days, from 1d to 1023d"),
        ('[srs]\nmax_age = "36h"', 10, "max_age is in whole days, from 1d to 1023d"),
        ('[srs]\nmax_age = "1024d"', 10, "max_age is in whole days, from 1d to 1023d"),
        ('[srs]\nseparator = "#"', 10, "separator can not be"),
        ('[srs]\nsecrets = "none"', 10, "/etc/heloise/none: No such file or directory; make one by: openssl rand"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(addition: str, line: int, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(addition)
    (problem,) = str(caught.value).splitlines()
    assert problem.startswith(f"heloise.toml:{line}: ")
    assert expected in problem


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"", "there is no secret in the file"),
        (b"# none\n\n", "there is no secret in the file"),
        (b"a longer one\nshort\n", "a secret in the file has fewer than 8 characters"),
    ],
)
def test_a_file_without_good_secrets_is_told(tmp_path: Path, written: bytes, expected: str) -> None:
    (tmp_path / "secrets").write_bytes(written)
    with pytest.raises(ConfigError, match=expected):
        parse('[srs]\nsecrets = "secrets"', tmp_path)


def test_secrets_are_lines(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_bytes(b"# new\n the new secret \r\n\n#old\nthe old secret")
    assert read_secrets(str(file)) == (b"the new secret", b"the old secret")


@pytest.mark.parametrize(
    ("addition", "owner"),
    [
        (TEAM + 'owner = "alice"', "alice"),
        (TEAM + 'owner = "x@far.test"', "x@far.test"),
        (TEAM + '[aliases]\nowner-team = ["alice"]', "owner-team"),
        (TEAM + '[[user]]\nname = "team-owner"', "team-owner"),
        (
            TEAM.replace("team", "team@other.test") + '[aliases]\n"owner-team@other.test" = ["alice"]',
            "owner-team@other.test",
        ),
    ],
    ids=["given", "elsewhere", "owner-name", "name-owner", "of-one-domain"],
)
def test_a_list_has_the_owner_that_is_given_or_called_so(addition: str, owner: str) -> None:
    (team,) = [alias for alias in routing_tables(parse(addition)).aliases if alias.name.startswith("team")]
    assert (team.targets, team.owner) == (("alice",), owner)
    assert str(team.rule) == "heloise.toml:9"


def test_a_list_may_be_a_member_and_a_target() -> None:
    parse(TEAM + 'owner = "alice"\n[[list]]\nname = "all"\nmembers = ["team"]\nowner = "alice"\n[aliases]\nx = ["all"]')


def test_without_secrets_no_sender_is_rewritten() -> None:
    configuration = parse("[srs]\n")
    world = real_world()
    assert rewriting(configuration, Router(routing_tables(configuration), Boxes()), world.clock) is None


def test_secrets_that_everybody_can_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("the secret of this server")
    file.chmod(0o644)
    configuration = parse('[srs]\nsecrets = "secrets"', tmp_path)
    assert ["can be read by everybody" in str(each) for each in advise(configuration) if "srs" in str(each)] == [True]
    file.chmod(0o640)
    assert [each for each in advise(configuration) if "srs" in str(each)] == []
