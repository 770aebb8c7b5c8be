"""`heloise test-relay`: what is printed, and the exit code."""

import json

import pytest
from click.testing import CliRunner

from heloise.cli.main import main
from heloise.cli.relay_testing import Errand, run
from heloise.cli.terminal import ExitCode
from heloise.mail.address import Mailbox
from heloise.probe.attempts import ATTEMPTS
from heloise.probe.relaying import Examined, name_target
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.scripted import ScriptedPeer
from heloise.world import Endpoint
from tests.probe.relay_stage import CONFIGURATION, Watched, beside_the_server, endpoint

OUTSIDE = Mailbox("victim", "outside.test")


def outcome(configuration: str = CONFIGURATION, *, as_json: bool = False, domain: str | None = None) -> ExitCode:
    codes: list[ExitCode] = []

    async def work(watched: Watched) -> None:
        errand = Errand(server=Examined(endpoint("mx"), "client.test"), outside=OUTSIDE, domain=domain)
        codes.append(await run(errand, as_json=as_json, world=watched.world))

    beside_the_server(work, configuration=configuration)
    return codes[0]


def test_a_good_server_is_said_to_be_no_open_relay(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome() is ExitCode.OK
    text = capsys.readouterr().out
    assert text.startswith("Does mx.example.test (192.0.2.25:25) carry the mail of strangers?")
    assert "by way of its domain example.test" in " ".join(text.split())
    assert "The domain is a guess" in text
    assert text.count("  ✓ ") == len(ATTEMPTS)
    assert f"{len(ATTEMPTS)} attempts: {len(ATTEMPTS)} refused." in text
    assert text.endswith("Nothing passed: it is no open relay.\n")


def test_an_open_relay_ends_with_1_and_an_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(CONFIGURATION + '[relay]\nnetworks = ["0.0.0.0/0"]\n', domain="example.test") is ExitCode.REFUSED
    text = capsys.readouterr().out
    assert "  ✗ a stranger" in text
    assert "RCPT TO:<victim@outside.test>" in text
    assert "Either it is an open relay, or this machine is one of those that may" in " ".join(text.split())
    assert "guess" not in text


def test_a_catch_all_is_no_relay_and_said_to_leave_a_doubt(capsys: pytest.CaptureFixture[str]) -> None:
    taking = CONFIGURATION.replace('postmaster = "alice"', 'postmaster = "alice"\ncatch_all = { "*" = "alice" }')
    assert outcome(taking) is ExitCode.OK
    text = " ".join(capsys.readouterr().out.split())
    assert "The server takes every name in example.test" in text
    assert "Nothing is known to have passed." in text


def test_json_has_every_attempt_and_the_transcript(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(as_json=True) is ExitCode.OK
    whole = json.loads(capsys.readouterr().out)
    assert whole["open_relay"] is False
    assert [each["name"] for each in whole["attempts"]] == [each.name for each in ATTEMPTS]
    assert {each["fate"] for each in whole["attempts"]} == {"refused"}
    assert whole["transcript"][1]["text"].startswith("220 ")


def test_a_server_that_is_not_there_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        simulation.host("mx.test", "192.0.2.1")
        client = simulation.host("client.test", "192.0.2.2")
        errand = Errand(server=Examined(Endpoint("192.0.2.1", 25), "client.test"), outside=OUTSIDE)
        assert await run(errand, world=client.world) is ExitCode.TROUBLE

    run_simulated(scenario)
    assert "✗ nothing was tried: connection refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("greeting", "host", "domain"),
    [
        ("mx.example.org ESMTP", "mx.example.org", "example.org"),
        ("example.org ESMTP", "example.org", "example.org"),
        ("Welcome! Go away", "[192.0.2.1]", "[192.0.2.1]"),
    ],
)
def test_the_names_of_the_server_are_read_from_its_greeting(greeting: str, host: str, domain: str) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        server, client = simulation.host("mx.test", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        place = Endpoint("192.0.2.1", 25)
        async with ScriptedPeer(server.world.network, f"S: 220 {greeting}\n", endpoint=place):
            target = await name_target(client.world, Examined(place, "client.test"), OUTSIDE, None)
        assert (target.host, target.domain, target.address) == (host, domain, "[192.0.2.1]")

    run_simulated(scenario)


def test_the_command_asks_for_an_address_with_a_domain() -> None:
    result = CliRunner().invoke(main, ["test-relay", "127.0.0.1:1", "--to", "postmaster"])
    assert result.exit_code == 2
    assert "name an address with a domain" in result.stderr


def test_the_command_tries_a_real_connection() -> None:
    result = CliRunner().invoke(main, ["test-relay", "127.0.0.1:1", "--timeout", "5"])  # nobody listens there, ever
    assert result.exit_code == 3
    assert "nothing was tried: connection refused" in result.stdout
