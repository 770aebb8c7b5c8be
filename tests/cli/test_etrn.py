"""`heloise etrn`: what is asked, what is printed, and the exit code."""

import json

import pytest
from click.testing import CliRunner

from heloise.cli.asking import Errand, run
from heloise.cli.main import main
from heloise.cli.terminal import ExitCode
from heloise.smtp.transaction import ClientOptions
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.scripted import ScriptedPeer
from heloise.world import Endpoint

HELLO = "S: 220 mx.test ESMTP\nC: EHLO client.test\nS: 250-mx.test\nS: 250 ETRN\n"


def ask(script: str, *nodes: str, transcript: bool = False, as_json: bool = False) -> tuple[ExitCode, list[str]]:
    """Ask a scripted server in a simulated world; the exit code, and what it heard."""
    heard: list[str] = []
    codes: list[ExitCode] = []

    async def scenario(simulation: SimulatedWorld) -> None:
        server, client = simulation.host("mx.test", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        async with ScriptedPeer(server.world.network, script, endpoint=Endpoint("192.0.2.1", 25)) as peer:
            errand = Errand(
                endpoint=Endpoint("192.0.2.1", 25), options=ClientOptions(hello_name="client.test"), nodes=nodes
            )
            codes.append(await run(errand, transcript=transcript, as_json=as_json, world=client.world))
            heard.extend(peer.commands)

    run_simulated(scenario)
    return codes[0], heard


def test_each_node_is_asked_for_and_its_answer_explained(capsys: pytest.CaptureFixture[str]) -> None:
    script = HELLO + "C: ETRN a.test\nS: 253 2.0.0 7 pending messages\nC: ETRN @b.test\nS: 251 None\n"
    code, heard = ask(script, "a.test", "@b.test")
    assert code is ExitCode.OK
    assert heard == ["EHLO client.test", "ETRN a.test", "ETRN @b.test", "QUIT"]
    text = capsys.readouterr().out
    assert "  ✓ a.test  253 2.0.0 7 pending messages\n" in text
    assert "so many messages waited for the node" in text
    assert "  ✓ @b.test  251 None\n" in text


def test_one_node_that_is_refused_ends_with_1_and_the_others_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    script = HELLO + "C: ETRN a.test\nS: 459 4.7.0 Node a.test not allowed\nC: ETRN #night\nS: 250 2.0.0 ok\n"
    code, heard = ask(script, "a.test", "#night")
    assert code is ExitCode.REFUSED
    assert heard[-2:] == ["ETRN #night", "QUIT"]
    assert "  ✗ a.test  459 4.7.0 Node a.test not allowed\n" in capsys.readouterr().out


def test_a_server_that_does_not_offer_etrn_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    code, heard = ask("S: 220 mx.test ESMTP\nC: EHLO\nS: 250 mx.test\n", "a.test")
    assert code is ExitCode.REFUSED
    assert heard == ["EHLO client.test", "QUIT"]
    assert "does not offer ETRN, so nothing was asked" in capsys.readouterr().out


def test_a_connection_that_is_lost_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    code, heard = ask(HELLO + "C: ETRN a.test\n! drop\n", "a.test", "b.test")
    assert code is ExitCode.TROUBLE
    assert heard[-1] == "ETRN a.test"
    text = capsys.readouterr().out
    assert "  ✗ a.test  421 4.4.2 Connection lost" in text
    assert "  ✗ b.test was not asked for: the server had gone\n" in text


def test_a_server_that_says_421_is_asked_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    code, heard = ask(HELLO + "C: ETRN a.test\nS: 421 4.3.2 closing\n! drop\n", "a.test", "b.test")
    assert code is ExitCode.REFUSED
    assert heard[-1] == "ETRN a.test"
    assert "  ✗ a.test  421 4.3.2 closing\n" in capsys.readouterr().out


def test_a_server_that_refuses_the_connection_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = ask("S: 554 5.7.1 Go away\n", "a.test")
    assert code is ExitCode.REFUSED
    assert "✗ nothing was asked  554 5.7.1 Go away" in capsys.readouterr().out


def test_the_transcript_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    ask(HELLO + "C: ETRN a.test\nS: 250 2.0.0 ok\n", "a.test", transcript=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "-- connected to 192.0.2.1:25"
    assert "C: ETRN a.test" in lines


def test_json_has_answers_and_transcript(capsys: pytest.CaptureFixture[str]) -> None:
    ask(HELLO + "C: ETRN a.test\nS: 458 4.3.0 Unable\n", "a.test", as_json=True)
    whole = json.loads(capsys.readouterr().out)
    (answer,) = whole["answers"]
    assert (answer["node"], answer["started"], answer["code"], answer["status"]) == ("a.test", False, 458, "4.3.0")
    assert whole["offered"] is True
    assert {"from": "C", "text": "ETRN a.test"} in whole["transcript"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["127.0.0.1", "a..test"], '"a..test" is not a domain'),
        (["127.0.0.1", "#a/b"], '"#a/b" can not name a queue'),
        (["127.0.0.1:x", "a.test"], "a port is a number"),
        (["127.0.0.1"], "Missing argument 'DOMAIN...'"),
        (["127.0.0.1", "a.test", "--hello", "a..b"], "--hello"),
    ],
)
def test_what_can_not_be_asked_is_told_before_anything_is_said(arguments: list[str], problem: str) -> None:
    result = CliRunner().invoke(main, ["etrn", *arguments])
    assert result.exit_code == ExitCode.USAGE
    assert problem in result.output
