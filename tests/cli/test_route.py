"""`heloise route`: where would mail for this address go, and why?"""

import asyncio
import json
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result

from heloise.cli.main import main
from heloise.cli.route import sentence
from heloise.routing.steps import Step, StepKind
from tests.dns_server import DnsServer

TEXT = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:25"
[local]
domains = ["example.test"]
postmaster = "alice"
catch_all = {{ "example.test" = "bob" }}
[[user]]
name = "alice"
[[user]]
name = "bob"
[aliases]
team = ["alice", ":include:lists/team", "alice+x"]
ping = ["pong"]
pong = ["ping"]
[forwards]
"carol@example.test" = {{ tell = "carol@new.test" }}
[[map]]
supplies = "users"
sqlite = "names.db"
query = "SELECT box FROM user WHERE name = :name"
[[route]]
domains = ["hub.test"]
to = "smtp:127.0.0.1:2626,127.0.0.2:2626"
[relay]
networks = ["192.0.2.0/24"]
[dns]
nameservers = ["{dns}"]
"""

ZONE = """\
. 60 IN SOA . . 1 60 60 60 60
away.test. 60 IN MX 20 b.away.test.
away.test. 60 IN MX 10 a.away.test.
a.away.test. 60 IN A 192.0.2.10
b.away.test. 60 IN A 192.0.2.20
b.away.test. 60 IN A 192.0.2.21
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "heloise.toml").write_text(TEXT.format(dns="127.0.0.1:9"))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "team").write_text("# the team\next@hub.test\n")
    connection = apsw.Connection(str(tmp_path / "names.db"))
    connection.execute("CREATE TABLE user(name TEXT, box TEXT); INSERT INTO user VALUES('dora', 'box')").fetchall()
    connection.close()
    return tmp_path


def run(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["route", "-c", str(directory / "heloise.toml"), *arguments])


def unfolded(text: str) -> str:
    """However wide the terminal is."""
    return "".join(text.split())


def run_with_dns(directory: Path, *arguments: str) -> Result:
    """With ZONE for the DNS."""

    async def served() -> Result:
        async with DnsServer(ZONE) as dns:
            (directory / "heloise.toml").write_text(TEXT.format(dns=dns.endpoint))
            return await asyncio.to_thread(run, directory, *arguments)

    return asyncio.run(served())


def told(directory: Path, *arguments: str) -> dict[str, Any]:
    result = run(directory, "--json", "--no-dns", *arguments)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def kinds(found: dict[str, Any]) -> list[str]:
    return [step["kind"] for step in found["steps"] if step["kind"] != "asked"]


def test_every_name_on_the_way_is_told_with_its_line(directory: Path) -> None:
    result = run(directory, "--no-dns", "team@example.test")
    assert result.exit_code == 0
    file = directory / "heloise.toml"
    said = unfolded(result.stdout)
    assert unfolded(f"<team@example.test> is in example.test, a local domain {file}:6") in said
    assert (
        unfolded(f"<team@example.test> is an alias for alice, alice+x, :include:{directory}/lists/team {file}:14")
        in said
    )
    assert unfolded(f"<ext@hub.test> is in the file {directory}/lists/team:2") in said
    assert unfolded(f"<ext@hub.test> is in no local domain: smtp:127.0.0.1:2626,127.0.0.2:2626 {file}:23") in said
    assert unfolded("<alice+x@example.test> has a tag, and means alice") in said
    assert unfolded("<alice+x@example.test> is there already (maildir:alice), and gets one copy") in said
    assert unfolded("250 2.1.5 Recipient ok recipient.accepted") in said


def test_what_a_database_was_asked_and_what_came_is_told(directory: Path) -> None:
    found = told(directory, "dora@example.test")
    asked = [(step["about"], step["words"][1:]) for step in found["steps"] if step["kind"] == "asked"]
    assert asked == [("dora@example.test", []), ("dora", ["box"])]
    assert found["recipients"][0]["route"] == "maildir:box"
    assert found["reply"]["rule"] == f"{directory / 'heloise.toml'}:19"


def test_a_database_that_is_away_is_451_with_the_line_of_its_map(directory: Path) -> None:
    (directory / "names.db").unlink()
    result = run(directory, "dora@example.test")
    assert result.exit_code == 1
    assert "451 4.3.0" in result.stdout
    assert "lookup.failed" in result.stdout
    assert unfolded("No such file") in unfolded(result.stdout)
    assert f"{directory / 'heloise.toml'}:19" in unfolded(result.stdout)


@pytest.mark.parametrize(
    ("address", "steps", "code"),
    [
        ("alice+news@example.test", ["local", "tag", "mailbox"], 250),
        ("who@example.test", ["local", "catch-all", "local", "mailbox"], 250),
        ("postmaster@example.test", ["local", "postmaster", "local", "mailbox"], 250),
        ("postmaster", ["postmaster", "local", "mailbox"], 250),
        ("ping@example.test", ["local", "alias", "local", "alias", "loop"], 554),
        ("carol@example.test", ["local", "moved"], 551),
        ("u%d@example.test", ["local", "not-allowed"], 553),
        ("x@away.test", ["elsewhere"], 550),
    ],
)
def test_the_steps_and_the_reply_are_those_of_the_server(
    directory: Path, address: str, steps: list[str], code: int
) -> None:
    found = told(directory, "--client", "203.0.113.9", address)
    assert kinds(found) == steps
    assert found["reply"]["code"] == code


def test_who_may_relay_is_told_by_the_address_of_the_client(directory: Path) -> None:
    assert run(directory, "--no-dns", "--client", "192.0.2.7", "x@away.test").exit_code == 0
    refused = run(directory, "--no-dns", "--client", "198.51.100.7", "x@away.test")
    assert refused.exit_code == 1
    assert "which may not relay" in refused.stdout
    assert "relay.denied" in refused.stdout


def test_next_hops_are_looked_up_in_their_order(directory: Path) -> None:
    lines = run_with_dns(directory, "--client", "192.0.2.1", "x@away.test").stdout.splitlines()
    hops = [line.split() for line in lines if "192.0.2.10:" in line or "192.0.2.20:" in line]
    assert hops[0] == ["10", "a.away.test", "192.0.2.10:25"]
    assert hops[1][:2] == ["20", "b.away.test"]
    assert sorted(hop.rstrip(",") for hop in hops[1][2:]) == ["192.0.2.20:25", "192.0.2.21:25"]


def test_a_domain_that_does_not_exist_is_told_with_its_cause(directory: Path) -> None:
    found = json.loads(run_with_dns(directory, "--json", "--client", "192.0.2.1", "x@none.test").stdout)
    assert found["reply"]["code"] == 250  # the server takes it: only the delivery finds out
    assert found["recipients"][0]["trouble"]["cause"] == "dns.no-such-domain"


def test_the_hosts_of_a_route_are_told_without_dns(directory: Path) -> None:
    found = json.loads(run(directory, "--json", "--client", "192.0.2.1", "x@hub.test").stdout)
    hops = found["recipients"][0]["next_hops"]
    assert [(hop["preference"], hop["endpoints"]) for hop in hops] == [
        (0, ["127.0.0.1:2626"]),
        (1, ["127.0.0.2:2626"]),
    ]


def test_a_broken_file_is_told_like_a_broken_configuration(directory: Path) -> None:
    (directory / "lists" / "team").write_text("al ice\n")
    for command in ("route", "check"):
        address = ["alice@example.test"] if command == "route" else []
        result = CliRunner().invoke(main, [command, "-c", str(directory / "heloise.toml"), *address])
        assert result.exit_code == 1
        assert result.stderr.startswith(f"{directory / 'lists' / 'team'}:1: al ice is not a name")


def test_an_address_of_a_list_goes_on_under_that_of_its_owner(directory: Path) -> None:
    with (directory / "heloise.toml").open("a") as file:
        file.write('[[list]]\nname = "news"\nowner = "alice"\nmembers = [":include:lists/team"]\n')
    (end,) = told(directory, "news@example.test")["recipients"]
    assert (end["address"], end["reverse_path"]) == ("<ext@hub.test>", "<alice@example.test>")


def test_a_sender_that_is_rewritten_is_told_and_leads_back(directory: Path) -> None:
    (directory / "secrets").write_text("0123456789abcdef\n")
    with (directory / "heloise.toml").open("a") as file:
        file.write('[srs]\nsecrets = "secrets"\n')
    ends = told(directory, "--from", "eve@client.test", "team@example.test")["recipients"]
    under = {end["address"]: end["reverse_path"] for end in ends}
    assert under["<alice@example.test>"] is None
    rewritten = under["<ext@hub.test>"]
    assert rewritten.startswith("<SRS0=")
    found = told(directory, "--client", "203.0.113.9", rewritten.strip("<>"))
    assert found["steps"][0]["kind"] == "returned"
    assert found["recipients"][0]["route"] == "mx:client.test"


@pytest.mark.parametrize("kind", StepKind)
def test_every_step_has_words(kind: StepKind) -> None:
    assert "<a@b.test>" in sentence(Step(kind=kind, about="<a@b.test>", depth=0, words=("map", "value")))


def test_an_unknown_client_is_a_wrong_use(directory: Path) -> None:
    result = run(directory, "--client", "somebody", "alice@example.test")
    assert result.exit_code == 2
    assert '"somebody" is not an IP address' in result.stderr
