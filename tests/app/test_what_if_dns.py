"""What the DNS told the checks is recorded with a session, so that it can be played again without any name server."""

import asyncio
import json
import smtplib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from heloise.app.again.dns_answers import (
    MOST_ANSWERS,
    MOST_CHARACTERS,
    Asked,
    DnsAnswer,
    DnsNotes,
    NotingResolver,
    Question,
    RecordedResolver,
    Trouble,
)
from heloise.app.again.recorded import RecordedSession, Said, Step, StepKind, decode, encode
from heloise.app.again.replaying import houses
from heloise.app.again.what_if import Compared, compare
from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.cli.main import main
from heloise.config import Configuration, parse_configuration
from heloise.net import DnsResolver, real_world
from heloise.policy.check import NobodyToAsk
from heloise.world import MailExchanger, Resolver, ResolverError, ResolverFault, World
from tests.dns_server import DnsServer

# 127.0.0.2 is listed, 127.0.0.3 has points in a second list, 127.0.0.4 has no name, 127.0.0.5 can not be looked up.
ZONE = """\
2.0.0.127.bad.test. 60 IN A 127.0.0.2
3.0.0.127.points.test. 60 IN A 127.0.0.4
1.0.0.127.in-addr.arpa. 60 IN PTR one.client.test.
2.0.0.127.in-addr.arpa. 60 IN PTR two.client.test.
3.0.0.127.in-addr.arpa. 60 IN PTR three.client.test.
5.0.0.127.in-addr.arpa. 60 IN PTR five.client.test.
one.client.test. 60 IN A 127.0.0.1
two.client.test. 60 IN A 127.0.0.2
three.client.test. 60 IN A 127.0.0.3
five.client.test. 60 IN A 127.0.0.5
hello.test. 60 IN A 192.0.2.1
good.test. 60 IN MX 10 one.client.test.
implicit.test. 60 IN A 192.0.2.2
nomail.test. 60 IN MX 0 .
there.test. 60 IN MX 10 one.client.test.
"""
TROUBLES = {"5.0.0.127.bad.test": ["servfail"], "5.0.0.127.points.test": ["refused"], "broken.test": ["servfail"]}
POLICY = """\
hostname = "mx.example.org"
state = "{state}"
processes = 1
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["example.org"]
postmaster = "alice"
[[user]]
name = "alice"
[relay]
networks = []
[[route]]
domains = ["there.test"]
to = "mx:there.test"
for_strangers = true
[[route]]
domains = ["nomail.test"]
to = "mx:nomail.test"
for_strangers = true
[policy]
refuse_at = 5
hello_unresolved = 2
reverse_name = 5
sender_domain = "refuse"
recipient_null_mx = true
[[policy.list]]
zone = "bad.test"
weight = "refuse"
[[policy.list]]
zone = "points.test"
weight = 4
[recording]
file = "{file}"
"""
SENDERS = ("good.test", "implicit.test", "nomail.test", "nowhere.test", "broken.test")


def changed(text: str, *changes: tuple[str, str]) -> str:
    """With each text in place of another one."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def everything(port: int) -> None:
    """Clients of each sort, with senders of each sort."""
    for number in range(1, 6):
        client = smtplib.SMTP(timeout=30, source_address=(f"127.0.0.{number}", 0))
        code, _ = client.connect("127.0.0.1", port)
        assert code == (554 if number == 2 else 220)
        if code == 220:
            client.docmd("EHLO", "unknown.test" if number == 3 else "hello.test")
            for sender in SENDERS if number == 1 else SENDERS[:1]:
                client.docmd("MAIL", f"FROM:<x@{sender}>")
                client.docmd("RCPT", "TO:<alice@example.org>")
                client.docmd("RCPT", "TO:<y@nomail.test>")
                client.docmd("RCPT", "TO:<y@there.test>")
                client.docmd("RSET")
        client.docmd("QUIT")
        client.close()


@asynccontextmanager
async def asking(name_server: DnsServer) -> AsyncIterator[World]:
    world = replace(real_world(), resolver=DnsResolver([name_server.endpoint], lifetime=10))
    try:
        yield world
    finally:
        await world.blocking.close()


def recorded(text: str, act: Callable[[int], None] = everything) -> dict[str, RecordedSession]:
    """What a server recorded of each client, while there was a name server; there is none afterwards."""
    kept = parse_configuration(text, directory="/")

    async def run() -> None:
        async with DnsServer(ZONE, TROUBLES) as name_server, asking(name_server) as world:
            server = MailServer(kept, world, Journal(lambda level, event, fields: None))
            await server.start()
            try:
                await asyncio.to_thread(act, server.endpoints[0].port)  # type: ignore[union-attr]
            finally:
                await server.stop()

    asyncio.run(run())
    assert kept.recording.file is not None
    return {each.client: each for each in decode(Path(kept.recording.file).read_text())}


class _Nobody:
    """No question may get here."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        raise AssertionError(f"{host} was asked for")

    async def mail_exchangers(self, domain: str) -> tuple[MailExchanger, ...]:
        raise AssertionError(f"{domain} was asked for")

    async def names(self, address: str) -> tuple[str, ...]:
        raise AssertionError(f"{address} was asked for")


def compared(
    sessions: Iterable[RecordedSession], old: Configuration, new: Configuration, resolver: Resolver | None = None
) -> list[Compared]:
    """Both played; whoever asks the DNS, and not the record, fails, unless there is one."""

    async def run() -> list[Compared]:
        world = replace(real_world(), resolver=resolver or _Nobody())
        async with houses({"old": old, "new": new}, asks_dns=resolver is not None, world=world) as both:
            found = [each async for each in compare(sessions, both["old"], both["new"])]
        await world.blocking.close()
        return found

    return asyncio.run(run())


def told(found: Iterable[Compared]) -> list[tuple[str, str, str, str]]:
    """Client, step, and what is said with both by which rule; without what only follows."""
    return [
        (
            each.session.client,
            one.step,
            " ".join(f"{said.code} {said.cause} {(said.rule or '').rpartition('/')[2]}" for said in one.old),
            " ".join(f"{said.code} {said.cause} {(said.rule or '').rpartition('/')[2]}" for said in one.new),
        )
        for each in found
        for one in each.differences
        if not one.follows
    ]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RecordedSession]:
    """Of `everything`."""
    directory = tmp_path_factory.mktemp("recorded")
    return recorded(POLICY.format(state=directory / "state", file=directory / "sessions"))


def configuration(*changes: tuple[str, str], name: str = "heloise.toml") -> Configuration:
    text = changed(POLICY.format(state="state", file="sessions"), *changes)
    return parse_configuration(text, file=f"/d/{name}", directory="/d")


def line(text: str, name: str = "heloise.toml") -> str:
    """The file and line of the rule `text`, as long as nothing above it has changed."""
    return f"{name}:{POLICY.split(chr(10)).index(text) + 1}"


def _zone(zone: str) -> str:
    return f'zone = "{zone}"'


def listing(zone: str, *changes: tuple[str, str]) -> str:
    """The file and line where a list of the DNS is configured: above its zone."""
    lines = changed(POLICY, *changes).split("\n")
    return f"heloise.toml:{lines.index(_zone(zone))}"


def test_every_question_of_the_checks_is_recorded_with_its_answer(sessions: dict[str, RecordedSession]) -> None:
    assert set(sessions) == {f"127.0.0.{number}" for number in range(1, 6)}
    kept = {(each.question.asked, each.question.name): each for one in sessions.values() for each in one.answers or ()}

    def answer(asked: Asked, name: str) -> tuple[tuple[str, ...], Trouble | None]:
        return kept[asked, name].records, kept[asked, name].trouble

    assert answer(Asked.ADDRESSES, "2.0.0.127.bad.test") == (("127.0.0.2",), None)
    assert answer(Asked.ADDRESSES, "1.0.0.127.bad.test") == ((), Trouble.NO_SUCH_DOMAIN)
    assert answer(Asked.ADDRESSES, "5.0.0.127.bad.test") == ((), Trouble.SERVER_FAILURE)
    assert answer(Asked.NAMES, "127.0.0.1") == (("one.client.test",), None)
    assert answer(Asked.NAMES, "127.0.0.4") == ((), Trouble.NO_SUCH_DOMAIN)
    assert answer(Asked.ADDRESSES, "hello.test") == (("192.0.2.1",), None)
    assert answer(Asked.EXCHANGERS, "good.test") == (("10 one.client.test",), None)
    assert answer(Asked.EXCHANGERS, "nomail.test") == (("0 .",), None)
    assert answer(Asked.EXCHANGERS, "implicit.test") == ((), None)
    assert answer(Asked.EXCHANGERS, "broken.test") == ((), Trouble.SERVER_FAILURE)
    causes = {said.cause for one in sessions.values() for step in one.steps for said in step.said}
    assert causes >= {
        "client.listed",
        "policy.points",
        "sender.null-mx",
        "sender.no-such-domain",
        "sender.dns-failure",
        "route.null-mx",
        "recipient.accepted",
    }


def test_without_the_name_server_the_same_configuration_makes_no_difference(
    sessions: dict[str, RecordedSession],
) -> None:
    found = compared(sessions.values(), configuration(), configuration())
    assert len(found) == 5
    assert told(found) == []
    unlike = [(one.step, one.old, one.new) for each in found for one in each.unlike]
    assert unlike == [], "\n".join(map(str, unlike))
    assert [(each.given, each.old_missing, each.new_missing) for each in found] == [(0, (), ())] * 5


def test_another_weight_of_a_list_changes_the_session_of_whom_it_names(sessions: dict[str, RecordedSession]) -> None:
    softer = ('zone = "bad.test"\nweight = "refuse"', 'zone = "bad.test"\nweight = 1')
    found = compared(sessions.values(), configuration(), configuration(softer, name="new.toml"))
    listed = listing("bad.test")
    assert told(found) == [("127.0.0.2", "(connects)", f"554 client.listed {listed}", "220 session.greeting ")]
    # Nobody had asked for the rest then, for the client had got no further, and had said no more than QUIT.
    assert all(each.new_missing == () for each in found)


def test_a_list_that_is_gone_changes_the_session_of_whom_it_counted_against(
    sessions: dict[str, RecordedSession],
) -> None:
    gone = ('[[policy.list]]\nzone = "points.test"\nweight = 4\n', "")
    found = compared(sessions.values(), configuration(), configuration(gone, name="new.toml"))
    too_many = f"550 policy.points {line('refuse_at = 5')}"
    assert told(found) == [
        ("127.0.0.3", "RCPT TO:<alice@example.org>", too_many, "250 recipient.accepted new.toml:9"),
        ("127.0.0.3", "RCPT TO:<y@there.test>", too_many, "250 recipient.accepted new.toml:13"),
    ]


def test_another_threshold_changes_the_sessions_between_the_two(sessions: dict[str, RecordedSession]) -> None:
    found = compared(sessions.values(), configuration(), configuration(("refuse_at = 5", "refuse_at = 6")))
    # 127.0.0.4 has 5 points for its name, 127.0.0.3 has 6 for a list and its EHLO.
    assert {each[0] for each in told(found)} == {"127.0.0.4"}
    assert {each[2] for each in told(found)} == {f"550 policy.points {line('refuse_at = 5')}"}


def test_trouble_counts_as_the_other_configuration_has_it(sessions: dict[str, RecordedSession]) -> None:
    later = ("[policy]\n", '[policy]\non_trouble = "later"\n')
    found = compared(sessions.values(), configuration(), configuration(later))
    assert {each[0] for each in told(found)} == {"127.0.0.5"}
    first = told(found)[0]
    assert first[1:3] == ("(connects)", "220 session.greeting ")
    assert first[3].startswith("421 policy.fault")


def test_a_question_that_was_not_recorded_is_told_and_counts_for_nothing(sessions: dict[str, RecordedSession]) -> None:
    more = ("[recording]", '[[policy.list]]\nzone = "new.test"\nweight = "refuse"\n[recording]')
    later = ("[policy]\n", '[policy]\non_trouble = "later"\n')
    one = sessions["127.0.0.1"]
    (found,) = compared([one], configuration(later), configuration(later, more))
    assert told([found]) == []
    assert found.old_missing == ()
    assert found.new_missing == (Question(Asked.ADDRESSES, "1.0.0.127.new.test"),)
    assert compared([one], configuration(more), configuration())[0].old_missing == found.new_missing


def test_what_the_record_does_not_tell_is_asked_now_where_that_is_wanted(sessions: dict[str, RecordedSession]) -> None:
    class Lists(_Nobody):
        async def addresses(self, host: str) -> tuple[str, ...]:
            asked.append(host)
            return ("127.0.0.2",)

    asked: list[str] = []
    more = ("[recording]", '[[policy.list]]\nzone = "new.test"\nweight = "refuse"\n[recording]')
    found = compared([sessions["127.0.0.1"]], configuration(), configuration(more), Lists())
    assert asked == ["1.0.0.127.new.test"]
    assert told(found)[0][1:] == (
        "(connects)",
        "220 session.greeting ",
        f"554 client.listed {listing('new.test', more)}",
    )
    assert found[0].new_missing == (Question(Asked.ADDRESSES, "1.0.0.127.new.test"),)


def test_the_name_servers_of_a_configuration_are_asked_by_it(sessions: dict[str, RecordedSession]) -> None:
    listed = "1.0.0.127.new.test. 60 IN A 127.0.0.2\n"
    more = ("[recording]", '[[policy.list]]\nzone = "new.test"\nweight = "refuse"\n[recording]')

    async def run() -> tuple[DnsServer, DnsServer, Compared]:
        async with DnsServer(ZONE) as without, DnsServer(ZONE + listed) as with_it:
            both = {
                name: configuration(more, ("[recording]", f'[dns]\nnameservers = ["{each.endpoint}"]\n[recording]'))
                for name, each in (("old", without), ("new", with_it))
            }
            async with houses(both, asks_dns=True) as made:
                (found,) = [one async for one in compare([sessions["127.0.0.1"]], made["old"], made["new"])]
            return without, with_it, found

    without, with_it, found = asyncio.run(run())
    assert set(without.asked) == set(with_it.asked) == {f"1.0.0.127.new.test. {kind} udp" for kind in ("A", "AAAA")}
    assert [each[1] for each in told([found])] == ["(connects)"]


def test_older_recordings_are_played_as_before(sessions: dict[str, RecordedSession]) -> None:
    facts = [json.loads(encode(each)) for each in sessions.values()]
    for each in facts:
        del each["dns"], each["dns_left_out"]
    older = tuple(decode("".join(json.dumps(each) + "\n" for each in facts)))
    assert {each.answers for each in older} == {None}
    gone = ('[[policy.list]]\nzone = "bad.test"\nweight = "refuse"\n', "")
    found = compared(older, configuration(), configuration(gone))
    assert told(found) == []
    assert sum(each.given for each in found) > 0
    assert [one for each in found for one in each.unlike] == []


def test_the_command_tells_what_the_record_does_not(sessions: dict[str, RecordedSession], tmp_path: Path) -> None:
    text = POLICY.format(state=tmp_path / "state", file=tmp_path / "none")
    (tmp_path / "old.toml").write_text(text)
    more = ("[recording]", '[[policy.list]]\nzone = "new.test"\nweight = "refuse"\n[recording]')
    (tmp_path / "new.toml").write_text(changed(text, more))
    (tmp_path / "sessions").write_text("".join(map(encode, sessions.values())))
    arguments = ["what-if", "-c", str(tmp_path / "old.toml"), "--sessions", str(tmp_path / "sessions"), "--against"]
    same = CliRunner().invoke(main, [*arguments, str(tmp_path / "old.toml")])
    assert (same.exit_code, same.output) == (0, "5 sessions played: no difference.\n")
    other = CliRunner().invoke(main, [*arguments, str(tmp_path / "new.toml")])
    assert other.exit_code == 0
    assert "addresses of 1.0.0.127.new.test, by the new configuration" in other.output
    assert "Not played" not in other.output
    as_json = json.loads(CliRunner().invoke(main, [*arguments, str(tmp_path / "new.toml"), "--json"]).stdout)
    assert {(each["configuration"], each["name"]) for each in as_json["not_recorded"]} == {
        ("new", f"{number}.0.0.127.new.test") for number in range(1, 6)
    }


class _Slow(_Nobody):
    """Says what it is told to, one after the other; None never comes."""

    def __init__(self, *answers: tuple[str, ...] | ResolverFault | None) -> None:
        self._answers = list(answers)

    async def addresses(self, host: str) -> tuple[str, ...]:
        answer = self._answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, ResolverFault):
            raise ResolverError(answer, host)
        return answer or ()


def test_answers_that_change_within_a_session_come_in_their_order_and_the_last_one_stays() -> None:
    notes = DnsNotes()
    before = ("192.0.2.1",), ("192.0.2.1",), ResolverFault.TIMED_OUT, None, ("192.0.2.2",)

    async def heard(resolver: Resolver) -> object:
        try:
            async with asyncio.timeout(0.01):
                return await resolver.addresses("A.test.")
        except ResolverError as error:
            return error.fault
        except TimeoutError:
            return None

    async def run() -> None:
        noting = NotingResolver(_Slow(*before), notes)
        assert [await heard(noting) for _ in before] == list(before)
        again = RecordedResolver(notes.answers, None, lambda question: None)
        assert [await heard(again) for _ in range(6)] == [*before, before[-1]]
        with pytest.raises(NobodyToAsk):
            await again.names("192.0.2.1")

    asyncio.run(run())
    assert [(each.trouble, each.times) for each in notes.answers] == [
        (None, 2),
        (Trouble.TIMED_OUT, 1),
        (Trouble.OVERRUN, 1),
        (None, 1),
    ]


def test_answers_are_kept_within_bounds_and_what_is_left_out_is_counted() -> None:
    many, large = DnsNotes(), DnsNotes()
    for number in range(MOST_ANSWERS + 7):
        many.note(DnsAnswer(Question(Asked.ADDRESSES, f"{number}.test"), ("192.0.2.1",)))
    many.note(DnsAnswer(Question(Asked.ADDRESSES, "0.test"), ("192.0.2.1",)))  # takes no room
    assert (len(many.answers), many.left_out, many.answers[0].times) == (MOST_ANSWERS, 7, 2)
    for number in range(100):
        large.note(DnsAnswer(Question(Asked.NAMES, f"192.0.2.{number}"), ("x" * 250,) * 20))
    assert sum(each.size for each in large.answers) <= MOST_CHARACTERS
    assert large.left_out == 100 - len(large.answers) > 0


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_LINE = _TEXT.map(lambda text: text.replace("\r", "").replace("\n", ""))
_EXCHANGERS = st.builds(lambda number, host: f"{number} {host}", st.integers(0, 65535), _TEXT)
_ANSWERS = st.one_of(
    st.builds(
        DnsAnswer,
        st.builds(Question, st.sampled_from([Asked.ADDRESSES, Asked.NAMES]), _TEXT),
        st.lists(_TEXT, max_size=3).map(tuple),
        times=st.integers(1, 1000),
    ),
    st.builds(
        DnsAnswer,
        st.builds(Question, st.just(Asked.EXCHANGERS), _TEXT),
        st.lists(_EXCHANGERS, max_size=3).map(tuple),
        times=st.integers(1, 1000),
    ),
    st.builds(
        DnsAnswer,
        st.builds(Question, st.sampled_from(Asked), _TEXT),
        trouble=st.sampled_from(Trouble),
        times=st.integers(1, 1000),
    ),
)
_SAID = st.builds(Said, st.integers(200, 599), _TEXT, st.none() | _TEXT, _TEXT)
_SAYS = st.lists(_SAID, max_size=2).map(tuple)
_STEPS = st.one_of(
    st.builds(Step, st.sampled_from([each for each in StepKind if each is not StepKind.CONTENT]), _LINE, said=_SAYS),
    st.builds(Step, st.just(StepKind.CONTENT), size=st.integers(0, 1 << 40), said=_SAYS),
)
_SESSIONS = st.builds(
    RecordedSession,
    session_id=_TEXT,
    client=_TEXT,
    listener=_TEXT,
    at=st.floats(allow_nan=False, allow_infinity=False),
    steps=st.lists(_STEPS, max_size=4).map(tuple),
    answers=st.none() | st.lists(_ANSWERS, max_size=4).map(tuple),
    left_out=st.integers(0, 10),
).map(lambda session: session if session.answers is not None else replace(session, left_out=0))


@given(st.lists(_SESSIONS, max_size=3))
def test_what_is_recorded_is_read_as_it_was_written(sessions: list[RecordedSession]) -> None:
    assert list(decode("".join(map(encode, sessions)))) == sessions


@pytest.mark.parametrize(
    "dns",
    ["1", '"x"', "[1]", '[["addresses", "a", [], 0]]', '[["mx", "a", ["x y"], 1]]', '[["names", "a", "tired", 1]]'],
)
def test_answers_that_are_none_are_named_with_their_line(dns: str) -> None:
    good = encode(RecordedSession(session_id="s", client="192.0.2.1"))
    with pytest.raises(ValueError, match="line 2 is no recorded session"):
        tuple(decode(good + good.replace('"steps"', f'"dns":{dns},"steps"')))
