"""`heloise probe`: what is printed, and the exit code."""

import json

import pytest
from click.testing import CliRunner

from heloise.cli.main import main
from heloise.cli.probing import Errand, run
from heloise.cli.terminal import ExitCode
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Endpoint
from tests.probe.relay_stage import Watched, beside_the_server, endpoint
from tests.probe.test_examine import GOOD, Server


def printed(
    answers: dict[str, str | None], capsys: pytest.CaptureFixture[str], *, strict: bool = False, host: str = "192.0.2.1"
) -> tuple[ExitCode, str]:
    """The exit code for a server that answers so, and the text in one line."""
    codes: list[ExitCode] = []

    async def scenario(simulation: SimulatedWorld) -> None:
        server, client = simulation.host("mx.example.org", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        simulation.zones.add_mail_exchanger("example.org", 10, "mx.example.org")
        simulation.zones.add_mail_exchanger("example.org", 20, "gone.example.org")
        await server.world.network.listen(Endpoint("192.0.2.1", 25), Server({**GOOD, **answers}).serve)
        errand = Errand(
            endpoint=Endpoint(host, 25), hello_name="client.test", may_be_domain=host == "example.org", timeout=5.0
        )
        codes.append(await run(errand, strict=strict, world=client.world))

    run_simulated(scenario)
    return codes[0], " ".join(capsys.readouterr().out.split())


def test_everything_is_shown_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed({"EHLO": "250-mx.example.org\r\n250-SIZE 1048576\r\n250 XNEW a b"}, capsys)
    assert code is ExitCode.OK
    assert text.startswith("192.0.2.1:25, which calls itself mx.example.org Greeting 220 mx.example.org ESMTP")
    assert "SIZE 1048576 takes messages up to 1 MiB (RFC 1870)" in text
    assert "XNEW a b a word of its maker's own" in text
    assert "an unknown command 500 what?" in text
    assert "a command with a bare LF no answer: only CRLF ends a line" in text
    assert "! It does not offer STARTTLS. All mail to it can be read on its way." in text
    assert text.endswith("0 problems, 1 warning, 2 notes.")


def test_warnings_end_with_1_only_when_they_are_to_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed({}, capsys)[0] is ExitCode.OK
    assert printed({}, capsys, strict=True)[0] is ExitCode.REFUSED


def test_a_problem_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed({"MAIL": "550 5.7.1 no bounces here"}, capsys)
    assert code is ExitCode.REFUSED
    assert "✗ It refuses mail from nobody (<>): 550 5.7.1 no bounces here." in text


def test_for_a_domain_its_exchangers_are_shown_and_the_best_one_asked(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = printed({}, capsys, host="example.org")
    assert code is ExitCode.OK
    assert text.startswith("mx.example.org:25")
    assert "10 mx.example.org 192.0.2.1 this one is asked" in text
    assert "! The exchanger gone.example.org has no address" in text


def test_heloise_has_no_problem_and_tells_of_its_tls(capsys: pytest.CaptureFixture[str]) -> None:
    codes: list[ExitCode] = []

    async def work(watched: Watched) -> None:
        errand = Errand(endpoint=endpoint("mx"), hello_name="client.test", name="mx.example.test")
        codes.append(await run(errand, world=watched.world))

    beside_the_server(work)
    text = " ".join(capsys.readouterr().out.split())
    assert codes == [ExitCode.OK]
    assert "handshake TLSv1.3 with SIMULATED, by STARTTLS" in text
    assert "No more under TLS STARTTLS" in text
    assert "Offers under TLS, besides AUTH SCRAM-SHA-256 PLAIN LOGIN" in text or "PLAIN" in text


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(watched: Watched) -> None:
        errand = Errand(endpoint=endpoint("mx"), hello_name="client.test", name="mx.example.test")
        assert await run(errand, as_json=True, world=watched.world) is ExitCode.OK

    beside_the_server(work)
    whole = json.loads(capsys.readouterr().out)
    assert whole["host"] == "mx.example.test"
    assert whole["domain"] == "example.test"
    assert whole["tls"]["version"] == "TLSv1.3"
    assert whole["answers"]["postmaster"]["reply"] == "250 2.1.5 Recipient ok"
    assert {each["weight"] for each in whole["findings"]} <= {"warning", "note"}
    assert whole["transcript"][1]["text"].startswith("220 ")


def test_a_server_that_is_not_there_ends_with_3() -> None:
    result = CliRunner().invoke(main, ["probe", "127.0.0.1:1", "--timeout", "5"])  # nobody listens there, ever
    assert result.exit_code == 3
    assert "✗ There is no conversation with it: connection refused" in result.stdout
