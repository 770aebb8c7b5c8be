"""Fault rules as they are written: in a file, in a phrase, in an address."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.config import ConfigError
from heloise.config.faults_file import write_faults
from heloise.config.faulty import parse_faults
from heloise.delivery.rate import Rate
from heloise.faults.book import GIVEN, REMEMBERED, FaultBook
from heloise.faults.magic import EXAMPLES, magic_rule
from heloise.faults.phrase import parse_phrase
from heloise.faults.rule import Cut, FaultReply, FaultRule, Per, Situation, Stage
from heloise.mail.cause import Rule

FILE = """\
seed = 7

[[fault]]
stage = "rcpt"
to = "*@slow.test"
reply = "451 4.7.1 Greylisted"
times = 2

[[fault]]
stage = "connect"
client = ["192.0.2.0/24"]
rate = "10/1m"
reply = "421"

[[fault]]
stage = "content"
at = "10 KiB"
cut = "reset"
probability = 0.5

[[fault]]
octets = "\\u00ff\\r\\n"
delay = "3s"
"""


def test_a_file_of_faults_is_read_with_the_lines_of_its_rules() -> None:
    plan = parse_faults(FILE, file="faults.toml")
    assert plan.seed == 7
    first, second, third, fourth = plan.rules
    assert first.reply == FaultReply.parse("451 4.7.1 Greylisted")
    assert (first.times, first.rule) == (2, Rule("faults.toml", 3))
    assert (second.stage, second.rate) == (Stage.CONNECT, Rate(10, 60))
    assert (third.cut, third.at, third.probability) == (Cut.RESET, 10240, 0.5)
    assert (fourth.octets, fourth.delay) == (b"\xff\r\n", 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[fault]]\nreplay = "451"', 'faults.toml:2: [fault] unknown key "replay"; did you mean "reply"?'),
        ('[[fault]]\nreply = "hello"', 'faults.toml:2: [fault] reply: "hello" is not a reply'),
        ('[[fault]]\n\nstage = "rcptt"\nreply = "451"', 'did you mean "rcpt"?'),
        ('[[fault]]\nto = "*"', "faults.toml:1: [fault] nothing happens by it"),
        ('[[fault]]\ncut = "drop"\nreply = "451"', "faults.toml:1: [fault] it has a cut beside a reply"),
        ('[[fault]]\nstage = "mail"\nto = "a@b"\nreply = "451"', "the address is not known yet"),
        ('[[fault]]\nstage = "content"\nreply = "451"', "nothing can be said"),
        ('[[fault]]\nreply = "451 5.1.1 No"', "does not go with 451"),
        ('[[fault]]\nreply = "451"\nprobability = 2', "a probability is from 0 to 1"),
        ('[[fault]]\noctets = "€"', "one octet"),
        ("seed = [", "not TOML"),
    ],
)
def test_a_wrong_file_names_the_line_and_what_was_meant(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse_faults(text, file="faults.toml")
    assert problem in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("451 twice, then accept", FaultRule(reply=FaultReply.parse("451"), times=2)),
        ("450 4.2.1 once at rcpt to *@b.test", FaultRule(reply=FaultReply.parse("450 4.2.1"), times=1, to="*@b.test")),
        ('552 "Too big" at message', FaultRule(reply=FaultReply.parse("552 Too big"), stage=Stage.MESSAGE)),
        ("drop at data", FaultRule(cut=Cut.DROP, stage=Stage.DATA)),
        ("tls-failure 3 times", FaultRule(cut=Cut.TLS_FAILURE, stage=Stage.TLS, times=3)),
        ("10/1m, else 421 at mail", FaultRule(reply=FaultReply.parse("421"), rate=Rate(10, 60), stage=Stage.MAIL)),
        ("25% 451 per client", FaultRule(reply=FaultReply.parse("451"), probability=0.25, per=Per.CLIENT)),
        ("slow 250ms at mail", FaultRule(delay=0.25, stage=Stage.MAIL)),
    ],
)
def test_a_phrase_says_a_rule(text: str, rule: FaultRule) -> None:
    assert parse_phrase(text, name="") == rule


@pytest.mark.parametrize("text", ["", "451 sometimes", "explode", "slow at rcpt", "10/1m 421", "drop at noon", "600"])
def test_a_phrase_that_says_nothing_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it like|is not a"):
        parse_phrase(text)


@given(st.text(max_size=60))
def test_no_phrase_does_anything_but_read_or_say_why_not(text: str) -> None:
    try:
        assert isinstance(parse_phrase(text), FaultRule)
    except ValueError:
        return


@given(st.text(max_size=40) | st.from_regex(r"\A(451|drop|slow-3s)(-twice)?(-for-3s)?\.[a-z*?\[]{1,9}@b\Z"))
def test_no_address_does_anything_but_fail_for_itself_or_be_ordinary(address: str) -> None:
    rule = magic_rule(address)
    if rule is not None:
        assert rule.name == address
        assert rule.matches(Situation(stage=rule.stage, client="", session="", recipients=(address,)))
        assert not rule.matches(Situation(stage=rule.stage, client="", session="", recipients=(f"x{address}",)))


def test_the_addresses_that_are_shown_do_fail() -> None:
    assert all(magic_rule(path.strip("<>")) is not None for path, _ in EXAMPLES)


@pytest.mark.parametrize("address", ["you@example.test", "first.last@example.test", "451@x.test", "999.you@x.test", ""])
def test_ordinary_addresses_do_not(address: str) -> None:
    assert magic_rule(address) is None


def test_memory_is_bounded() -> None:
    book = FaultBook([parse_phrase("451 once")])
    for number in range(REMEMBERED + 10):
        situation = Situation(stage=Stage.RCPT, client="", session="", recipients=(f"{number}@b.test",))
        assert book.decide(situation, 0.0) is not None
    assert sum(map(len, book._memory.values())) == REMEMBERED


def test_a_window_of_time_counts_from_the_start() -> None:
    book = FaultBook([FaultRule(reply=FaultReply.parse("451"), after=10, until=20)], started=100)
    situation = Situation(stage=Stage.RCPT, client="", session="", recipients=("a@b.test",))
    struck = [book.decide(situation, now) is not None for now in (105, 110, 119, 120)]
    assert struck == [False, True, True, False]


def test_a_network_and_a_first_attempt_are_looked_at() -> None:
    (rule,) = parse_faults('[[fault]]\nstage="mail"\nclient=["192.0.2.0/24"]\nfirst=2\nreply="451"').rules
    book = FaultBook([rule])

    def decide(client: str) -> bool:
        return book.decide(Situation(stage=Stage.MAIL, client=client, session=""), 0.0) is not None

    assert [decide("192.0.2.9"), decide("192.0.2.9"), decide("192.0.2.9")] == [False, True, True]
    assert [decide("198.51.100.1"), decide("198.51.100.1"), decide("unix")] == [False, False, False]


_WORDS = st.text(max_size=8)
_STEPS = st.integers(1, 4_000_000).map(lambda quarters: quarters / 4)
_MAYBE_STEPS = st.none() | _STEPS
_STAGES_WITH_ADDRESSES = st.sampled_from((Stage.RCPT, Stage.DATA, Stage.MESSAGE))
_REPLIES = st.sampled_from(("451", "250 2.1.5 Well", "334 more", '550 5.1.1 It is "so" \\ here', "421 4.3.2 später"))
RULES = st.builds(
    FaultRule,
    stage=_STAGES_WITH_ADDRESSES,
    to=_WORDS,
    sender=st.none() | _WORDS,
    client=st.sampled_from(((), (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))),
    hello=_WORDS,
    first=st.integers(1, 99),
    times=st.none() | st.integers(1, 99),
    per=st.none() | st.sampled_from(Per),
    lasting=_MAYBE_STEPS,
    after=st.just(0.0) | _STEPS,
    until=_MAYBE_STEPS,
    rate=st.none() | st.builds(Rate, st.integers(1, 999), st.integers(1, 9999).map(float)),
    probability=st.floats(0, 1),
    reply=_REPLIES.map(FaultReply.parse),
    delay=st.just(0.0) | _STEPS,
    octets=st.none() | st.binary(max_size=9),
    at=st.integers(0, 1 << 40),
    name=_WORDS,
)


@given(st.lists(RULES, max_size=4), st.integers(0, 1 << 40))
def test_a_file_that_was_written_is_read_as_the_same_rules(rules: list[FaultRule], seed: int) -> None:
    plan = parse_faults(write_faults(rules, seed))
    assert [replace(rule, rule=None) for rule in plan.rules] == rules
    assert plan.seed == seed


def test_what_was_tried_by_phrases_does_the_same_from_a_file() -> None:
    book = FaultBook(seed=3)
    book.give(*map(parse_phrase, ("30% 451 per session", "drop once at data", "10/1m, else 421")))
    other = FaultBook(parse_faults(write_faults(book.rules, book.seed)).rules, seed=book.seed)
    for number in range(50):
        where = Situation(stage=Stage.RCPT, client="192.0.2.1", session=f"s{number}", recipients=("a@b.test",))
        struck = [each.decide(where, 0.0) is not None for each in (book, other)]
        assert struck[0] == struck[1]


def test_a_rule_that_is_given_has_a_place_and_is_not_there_twice() -> None:
    book = FaultBook([parse_phrase("550")])
    book.give(parse_phrase("451 once"), parse_phrase("drop"))
    book.give(parse_phrase("451 once"))
    assert [rule.rule for rule in book.rules] == [None, Rule(GIVEN, 1), Rule(GIVEN, 2)]
    strike = book.decide(Situation(stage=Stage.RCPT, client="", session="", recipients=("a@b.test",)), 0.0)
    assert strike is not None
    book.use(book.rules[1:])
    assert [rule.name for rule in book.left] == ["550"]
    strike = book.decide(Situation(stage=Stage.RCPT, client="", session="", recipients=("a@b.test",)), 0.0)
    assert strike is not None
    assert str(strike.cause.rule) == "/faults:1"
    book.give(parse_phrase("450"))
    assert book.rules[-1].rule == Rule(GIVEN, 3)  # a number is given once


def test_how_often_a_rule_will_strike_yet_is_known_where_it_counts() -> None:
    rule = parse_phrase("451 twice")
    book = FaultBook([rule])
    where = Situation(stage=Stage.RCPT, client="", session="", recipients=("a@b.test",))
    assert book.left_to_strike(rule, rule.key(where)) == 2
    book.decide(where, 0.0)
    assert book.left_to_strike(rule, rule.key(where)) == 1
    book.decide(where, 0.0)
    book.decide(where, 0.0)
    assert book.left_to_strike(rule, rule.key(where)) == 0
    assert book.left_to_strike(parse_phrase("30% 451"), "") is None
