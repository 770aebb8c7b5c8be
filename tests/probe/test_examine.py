"""What a server is asked, and what is found: heloise itself, and servers that are broken in every way there is."""

from collections.abc import Awaitable, Callable

import pytest

from heloise.mail.status import Severity
from heloise.probe.examination import Examination, Question
from heloise.probe.examine import examine, find_exchangers
from heloise.probe.findings import Weight, findings
from heloise.probe.relaying import Examined
from heloise.smtp.transcript import Transcript
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.scripted import ScriptedPeer
from heloise.world import ClientTls, Endpoint, World
from tests.probe.relay_stage import Watched, beside_the_server, endpoint

HERE = Endpoint("192.0.2.1", 25)
GOOD = {
    "": "220 mx.example.org ESMTP",
    "EHLO": "250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME",
    "HELO": "250 mx.example.org",
    "HELOISE": "500 what?",
    "VRFY": "252 perhaps",
    "EXPN": "502 no",
    "HELP": "214 help yourself",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "RSET": "250 ok",
    "NOOP": "250 ok",
    "QUIT": "221 bye",
}


class Server:
    """Answers each command by its first word; a bare LF ends a line when `bare_lf`. None hangs up."""

    def __init__(self, answers: dict[str, str | None], *, bare_lf: bool = False) -> None:
        self._answers = answers
        self._end = b"\n" if bare_lf else b"\r\n"
        self.said: list[str] = []

    async def serve(self, stream: object) -> None:
        self._say(stream, "")
        octets = b""
        while piece := await stream.receive():  # type: ignore[attr-defined]
            octets += piece
            while self._end in octets:
                line, _, octets = octets.partition(self._end)
                word = line.strip().split(b" ")[0].decode()
                self.said.append(line.strip().decode())
                if not self._say(stream, word):
                    return

    def _say(self, stream: object, word: str) -> bool:
        answer = self._answers.get(word, "500 what?")
        if answer is None:
            stream.abort()  # type: ignore[attr-defined]
            return False
        if answer:
            stream.send(answer.encode() + b"\r\n")  # type: ignore[attr-defined]
        return True


def examined(answers: dict[str, str | None], *, bare_lf: bool = False, timeout: float = 30.0) -> Examination:
    """A server that answers so, examined."""
    found: list[Examination] = []

    async def scenario(simulation: SimulatedWorld) -> None:
        host, client = simulation.host("mx.example.org", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        await host.world.network.listen(HERE, Server({**GOOD, **answers}, bare_lf=bare_lf).serve)
        server = Examined(HERE, "client.test", timeout=timeout)
        found.append(await examine(client.world, server, name="mx.example.org"))

    run_simulated(scenario)
    return found[0]


def ids(found: Examination, *weights: Weight) -> set[str]:
    return {each.id for each in findings(found, 0.0) if not weights or each.weight in weights}


def test_a_good_server_without_tls_is_told_so_and_nothing_else() -> None:
    found = examined({})
    assert ids(found) == {"tls.none"}
    assert found.host == "mx.example.org"
    assert found.domain == "example.org"
    assert found.pipelines is True
    assert set(found.heard) == set(Question) - {Question.ETRN}


@pytest.mark.parametrize(
    ("answers", "finding", "weight"),
    [
        ({"": "554 go away"}, "greeting.refused", Weight.PROBLEM),
        ({"": "220 Welcome to our server"}, "greeting.name", Weight.WARNING),
        ({"": "220 mx.example.org ESMTP Foo 1.2.3"}, "greeting.version", Weight.NOTE),
        ({"EHLO": "500 what?"}, "ehlo.refused", Weight.PROBLEM),
        ({"EHLO": "250 mx.example.org"}, "ehlo.8bitmime", Weight.NOTE),
        ({"EHLO": "250 mx.example.org"}, "ehlo.pipelining", Weight.NOTE),
        ({"EHLO": "250-mx.example.org\r\n250 AUTH PLAIN LOGIN"}, "auth.in-clear", Weight.PROBLEM),
        ({"EHLO": "250-mx.example.org\r\n250 STARTTLS", "STARTTLS": "454 not now"}, "tls.broken", Weight.PROBLEM),
        ({"EHLO": "250-mx.example.org\r\n250 XCLIENT ADDR"}, "xclient.offered", Weight.WARNING),
        ({"EHLO": "250-mx.example.org\r\n250 ENHANCEDSTATUSCODES"}, "status.missing", Weight.NOTE),
        ({"EHLO": "250-mx.example.org\r\n250 ETRN", "ETRN": "250 ok"}, "etrn.answered", Weight.NOTE),
        ({"HELO": "550 only EHLO"}, "helo.refused", Weight.WARNING),
        ({"HELO": None}, "helo.refused", Weight.WARNING),
        ({"HELOISE": "250 ok"}, "unknown.answered", Weight.WARNING),
        ({"EXPN": "250 <root@example.org>"}, "expn.tells", Weight.WARNING),
        ({"MAIL": "550 no"}, "null-sender.refused", Weight.PROBLEM),
        ({"RCPT": "550 no"}, "postmaster.refused", Weight.WARNING),
        ({"RSET": ""}, "pipelining.broken", Weight.PROBLEM),
    ],
)
def test_what_is_wrong_is_found(answers: dict[str, str | None], finding: str, weight: Weight) -> None:
    assert finding in ids(examined(answers, timeout=5.0), weight)


def test_vrfy_tells_only_when_it_can_say_no() -> None:
    assert "vrfy.tells" not in ids(examined({"VRFY": "250 ok"}))


def test_a_server_of_users_is_not_blamed_for_taking_nothing() -> None:
    found = ids(examined({"MAIL": "530 5.7.0 Authentication required"}))
    assert not found & {"null-sender.refused", "postmaster.refused"}


def test_a_bare_lf_that_ends_a_command_is_found() -> None:
    assert "line.bare-lf" in ids(examined({}, bare_lf=True))
    assert "line.bare-lf" not in ids(examined({}))


def test_a_server_that_hangs_up_at_one_question_is_asked_the_others() -> None:
    found = examined({"VRFY": None})
    assert found.heard[Question.VRFY].reply is None
    assert found.heard[Question.VRFY].trouble == "connection closed by peer"
    assert found.heard[Question.EXPN].reply is not None


def test_a_server_that_is_not_there_is_told() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        simulation.host("mx.example.org", "192.0.2.1")
        client = simulation.host("client.test", "192.0.2.2")
        found = await examine(client.world, Examined(HERE, "client.test"), name="mx.example.org")
        assert found.trouble == "connection refused: 192.0.2.1:25"
        assert ids(found) == {"link"}

    run_simulated(scenario)


def probing(listener: str, work: Callable[[World, Examination, Transcript], Awaitable[None]]) -> None:
    async def ask(watched: Watched) -> None:
        transcript = Transcript()
        tls = ClientTls(server_name="mx.example.test") if listener == "submissions" else None
        server = Examined(endpoint(listener), "client.test", tls=tls, lmtp=listener == "lmtp")
        found = await examine(watched.world, server, name="mx.example.test", recorder=transcript)
        await work(watched.world, found, transcript)

    beside_the_server(ask)


@pytest.mark.parametrize("listener", ["mx", "submission", "submissions", "lmtp"])
def test_heloise_itself_has_no_problem(listener: str) -> None:
    async def work(world: World, found: Examination, transcript: Transcript) -> None:
        assert found.trouble == ""
        assert ids(found, Weight.PROBLEM) == set()
        warnings = ids(found, Weight.WARNING)
        assert warnings <= {"tls.unverified"}  # the simulated certificate has no names
        assert found.pipelines is True
        bare = found.heard[Question.BARE_LF].reply
        assert bare is not None
        assert bare.severity is Severity.PERMANENT
        if listener != "lmtp":
            assert found.tls is not None
            assert found.tls.encryption is not None
            assert not found.tls.answers_plaintext

    probing(listener, work)


def test_no_message_is_ever_sent() -> None:
    async def work(world: World, found: Examination, transcript: Transcript) -> None:
        said = {line.text.split()[0] for line in transcript if line.direction.value == "C"}
        assert "RCPT" in said
        assert not said & {"DATA", "BDAT"}

    probing("mx", work)


def test_the_exchangers_of_a_domain_come_in_their_order() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        client = simulation.host("client.test", "192.0.2.2")
        simulation.host("mx1.example.org", "192.0.2.1")
        simulation.zones.add_mail_exchanger("example.org", 20, "mx2.example.org")
        simulation.zones.add_mail_exchanger("example.org", 10, "mx1.example.org")
        found = await find_exchangers(client.world, "example.org")
        assert [(each.preference, each.host, each.addresses) for each in found] == [
            (10, "mx1.example.org", ("192.0.2.1",)),
            (20, "mx2.example.org", ()),
        ]
        assert await find_exchangers(client.world, "nothing.test") == ()

    run_simulated(scenario)


def test_a_scripted_server_that_talks_nonsense_is_trouble_and_no_crash() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        host, client = simulation.host("mx.example.org", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        async with ScriptedPeer(host.world.network, "! raw HTTP/1.1 400 Bad Request\\r\\n\n", endpoint=HERE):
            found = await examine(client.world, Examined(HERE, "client.test", timeout=5), name="mx.example.org")
        assert "no reply" in found.trouble

    run_simulated(scenario)
