"""A table of relay attempts against every sort of listener: none passes, and each refusal says why. RFC 5321 §3.6.2."""

import asyncio

import pytest

from heloise.app.dev.server import CatchOptions, catching
from heloise.app.journal import Journal
from heloise.mail.reply import Reply
from heloise.probe.attempts import ATTEMPTS, RelayAttempt
from heloise.probe.relaying import Examined, Fate, RelayTest, try_to_relay
from heloise.smtp.transcript import Transcript
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import ClientTls, Endpoint
from tests.probe.relay_stage import CONFIGURATION, PORTS, SERVER, STRANGER, TARGET, Watched, beside_the_server, endpoint

# What decides, where it is other than that the recipient's domain is not ours.
NOT_OURS = (550, "5.7.1", "relay.denied")
NO_SUCH_NAME = (553, "5.1.3", "recipient.name-not-allowed")
UNKNOWN = (550, "5.1.1", "recipient.unknown")
NOT_WRITTEN_SO = (501, "5.1.3", "path.syntax")
EXPECTED = {
    "a sender without a domain": (501, "5.1.7", "path.syntax"),
    "the dot of the root": NOT_WRITTEN_SO,
    "two recipients in one": NOT_WRITTEN_SO,
    "two paths in one": NOT_WRITTEN_SO,
    "no brackets": NOT_WRITTEN_SO,
    "twice in brackets": NOT_WRITTEN_SO,
    "an unquoted at sign": NOT_WRITTEN_SO,
    "a percent hack without domain": NOT_WRITTEN_SO,
    "a bang path without domain": NOT_WRITTEN_SO,
    "a bang path by us": NOT_WRITTEN_SO,
    "a quoted address without domain": NOT_WRITTEN_SO,
    "a backslash before the at sign": NOT_WRITTEN_SO,
    "a percent hack to a literal": NOT_WRITTEN_SO,
    "the percent hack": NO_SUCH_NAME,
    "the quoted percent hack": NO_SUCH_NAME,
    "the double percent hack": NO_SUCH_NAME,
    "Postmaster with a percent sign": NO_SUCH_NAME,
    "a quoted address": NO_SUCH_NAME,
    "a bang path": NO_SUCH_NAME,
    "a quoted bang path": NO_SUCH_NAME,
    "a quoted source route": NO_SUCH_NAME,
    "a wide at sign": UNKNOWN,  # a name like any other: outside ASCII nobody ever meant a route by it
    "a wide percent sign": UNKNOWN,
}
AT_MAIL = {"a sender without a domain"}  # nothing that decides about senders comes before its syntax
EVERYWHERE = {
    "submission": (530, "5.7.0", "auth.required"),
    "submissions": (530, "5.7.0", "auth.required"),
    "odmr": (502, "5.5.1", "atrn.only"),
}


def told(reply: Reply) -> tuple[int, str, str]:
    return reply.code, str(reply.status), reply.cause.id


async def attempt_all(watched: Watched, listener: str) -> RelayTest:
    tls = ClientTls(server_name="mx.example.test") if listener == "submissions" else None
    server = Examined(endpoint(listener), "client.test", tls=tls, lmtp=listener == "lmtp")
    return await try_to_relay(watched.world, server, TARGET, thorough=True)


def with_causes(tested: RelayTest, said: list[Reply]) -> dict[str, tuple[int, str, str]]:
    """Why each attempt came to nothing. The client knows no causes; the server's own transcript does."""
    causes: dict[str, tuple[int, str, str]] = {}
    place = 0
    for tried in tested.tried:
        assert tried.reply is not None
        while said[place].encode() != tried.reply.encode():
            place += 1
        causes[tried.attempt.name] = told(said[place])
        place += 1
    return causes


@pytest.mark.parametrize("listener", PORTS)
def test_no_attempt_of_a_stranger_passes_and_each_refusal_has_its_cause(listener: str) -> None:
    async def work(watched: Watched) -> None:
        tested = await attempt_all(watched, listener)
        assert tested.trouble == ""
        assert [each.attempt for each in tested.tried] == list(ATTEMPTS)
        assert {each.attempt.name: each.fate for each in tested.tried if each.fate is not Fate.REFUSED} == {}
        due = EVERYWHERE.get(listener)
        expected = {each.name: due or NOT_OURS for each in ATTEMPTS}
        found = with_causes(tested, watched.replies())
        for name, reply in EXPECTED.items():
            at_mail = name in AT_MAIL
            expected[name] = reply if due is None or at_mail else due
        if listener == "lmtp":
            expected["AUTH= on MAIL"] = (555, "5.5.4", "parameter.unknown")  # nobody proves himself there
        assert found == expected
        assert (await watched.server.queue.counts()).messages == 0

    beside_the_server(work)


def test_who_may_relay_passes_with_the_plain_case_so_the_table_can_fail() -> None:
    async def work(watched: Watched) -> None:
        tested = await attempt_all(watched, "mx")
        passed = {each.attempt.name for each in tested.passed}
        assert {"a stranger", "the null sender", "a source route by us", "a forged PROXY line"} <= passed
        assert "the percent hack" not in passed

    open_to_all = CONFIGURATION + '[relay]\nnetworks = ["0.0.0.0/0"]\n'
    beside_the_server(work, configuration=open_to_all)


def test_where_every_name_is_taken_a_percent_hack_proves_nothing() -> None:
    async def work(watched: Watched) -> None:
        tested = await attempt_all(watched, "mx")
        assert tested.takes_all
        assert tested.passed == ()
        assert tested.is_unsure
        unsure = {each.attempt.name for each in tested.tried if each.fate is Fate.PERHAPS}
        assert unsure == {"a wide at sign", "a wide percent sign"}  # the others are no names here

    catch_all = CONFIGURATION.replace('postmaster = "alice"', 'postmaster = "alice"\ncatch_all = { "*" = "alice" }')
    beside_the_server(work, configuration=catch_all)


def test_the_development_server_takes_all_and_sends_nothing_on() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        host, stranger = simulation.host("mx.example.test", SERVER), simulation.host("client.test", STRANGER)
        victims: list[object] = []
        victim = simulation.host("outside.test", "203.0.113.25")
        simulation.zones.add_mail_exchanger("outside.test", 10, "outside.test")

        async def serve(stream: object) -> None:
            victims.append(stream)

        await victim.world.network.listen(Endpoint("203.0.113.25", 25), serve)
        options = CatchOptions(endpoint=Endpoint(SERVER, 1025))
        journal = Journal(lambda level, event, fields: None)
        async with catching(host.world, options, journal, lambda session_id, admission: None) as running:
            tested = await try_to_relay(stranger.world, Examined(Endpoint(SERVER, 1025), "client.test"), TARGET)
            assert tested.takes_all
            assert not running.inbox.messages  # the test ends at RCPT
            await asyncio.sleep(3600)
        assert victims == []

    run_simulated(scenario, seed=1)


def test_the_development_server_listens_on_loopback_by_default() -> None:
    assert CatchOptions().endpoint.host == "127.0.0.1"


def test_a_server_that_hangs_up_stops_no_attempt_but_its_own() -> None:
    async def work(watched: Watched) -> None:
        server = Examined(endpoint("mx"), "client.test")
        tested = await try_to_relay(watched.world, server, TARGET)
        assert len(tested.tried) == len(ATTEMPTS)
        assert Fate.HUNG_UP in {each.fate for each in tested.tried}
        assert tested.passed == ()

    beside_the_server(work, configuration=CONFIGURATION + "[limits]\nerrors = 1\n")


def test_without_a_server_the_trouble_is_told() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        simulation.host("mx.example.test", SERVER)
        stranger = simulation.host("client.test", STRANGER)
        tested = await try_to_relay(stranger.world, Examined(Endpoint(SERVER, 25), "client.test"), TARGET)
        assert tested.trouble == "connection refused: 192.0.2.25:25"
        assert tested.tried == ()

    run_simulated(scenario, seed=1)


def test_a_transcript_of_the_test_has_no_data_in_it() -> None:
    async def work(watched: Watched) -> None:
        transcript = Transcript()
        await try_to_relay(watched.world, Examined(endpoint("mx"), "client.test"), TARGET, recorder=transcript)
        said = {line.text.split()[0] for line in transcript if line.direction.value == "C"}
        assert said == {"EHLO", "MAIL", "RCPT", "RSET", "QUIT", "NOOP", "PROXY", "XCLIENT", "XFORWARD", "AUTH", "****"}

    beside_the_server(work)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_an_attempt_is_told_apart_and_explained(attempt: RelayAttempt) -> None:
    assert [each.name for each in ATTEMPTS].count(attempt.name) == 1
    assert attempt.why.endswith((".", "?"))
    assert "{" not in TARGET.fill(attempt.mail) + TARGET.fill(attempt.rcpt)
