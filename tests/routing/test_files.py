"""Files of names: what is in them, and what is wrong in them, with its line."""

import pytest

from heloise.mail.cause import Rule
from heloise.routing.files import read_list, read_map
from heloise.routing.tables import Alias, Forward, Member, Supplies, User

ALIASES = """\
# the aliases of the house
postmaster: root

team:  alice, bob,
       # in the middle of it
       "carol, the second"@example.test
list:  :include:/etc/lists/a, alice
"ann:x"@example.test: ann
user@[IPv6:::1]: alice
"""


def bad(text: str, supplies: Supplies = Supplies.ALIASES) -> list[str]:
    return [f"{each.rule}: {each.text}" for each in read_map(text, "m", supplies).bad]


def test_a_map_of_aliases_is_read_like_that_of_sendmail() -> None:
    lines = read_map(ALIASES, "aliases", Supplies.ALIASES)
    assert lines.bad == ()
    assert [(line.name, line.values, line.includes, line.rule.line) for line in lines.lines] == [
        ("postmaster", ("root",), (), 2),
        ("team", ("alice", "bob", '"carol, the second"@example.test'), (), 4),
        ("list", ("alice",), ("/etc/lists/a",), 7),
        ('"ann:x"@example.test', ("ann",), (), 8),
        ("user@[IPv6:::1]", ("alice",), (), 9),
    ]


def test_a_line_of_a_map_is_an_entry_with_its_place() -> None:
    (line,) = read_map("team: alice, bob\n", "aliases", Supplies.ALIASES).lines
    entry = line.entry(Supplies.ALIASES, tells=False, included=())
    assert entry == Alias(name="team", targets=("alice", "bob"), rule=Rule("aliases", 1))
    (line,) = read_map("carol: carol@new.test\n", "moved", Supplies.FORWARDS).lines
    assert isinstance(line.entry(Supplies.FORWARDS, tells=False, included=()), Forward)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("alice", "maildir:alice"),
        ("Alice@One.test:", "maildir:alice@one.test"),
        ("alice@one.test: alice", "maildir:alice"),
        ("alice: lmtp:unix:/run/lmtp", "lmtp:unix:/run/lmtp"),
        ("alice: maildir:shared", "maildir:shared"),
    ],
)
def test_a_user_in_a_map_has_a_mailbox_of_his_name_or_the_one_that_is_given(text: str, route: str) -> None:
    (line,) = read_map(text, "users", Supplies.USERS).lines
    entry = line.entry(Supplies.USERS, tells=False, included=())
    assert isinstance(entry, User)
    assert str(entry.destination) == route


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("team alice", "m:1: team alice has no target"),
        ("team:", "m:1: the alias team has no target"),
        ("\nteam: al ice", 'm:2: al ice is not a name; write it like "alice" or "alice@example.org"'),
        ('spam: "|/bin/spam"', 'm:1: "|/bin/spam" is neither a name nor an address; mail is given to no programs'),
        ("save: /var/mail/save", "m:1: /var/mail/save is neither a name nor an address"),
        ("a: b\n\na: c", "m:3: a is there already, m:1"),
        ("A: b\na: c", "m:2: a is there already, m:1"),
        (": b", 'm:1: ": b" is not written like "name: value"'),
    ],
)
def test_a_bad_line_of_a_map_is_told_with_its_number(text: str, sentence: str) -> None:
    (line,) = bad(text)
    assert line.startswith(sentence.replace("team alice has no target", '"team alice" is not a name'))


def test_all_bad_lines_are_told_together() -> None:
    assert [line.partition(" ")[0] for line in bad("a:\nb: c\nd:\n")] == ["m:1:", "m:3:"]


def test_a_user_whose_mailbox_would_lie_elsewhere_is_a_bad_line() -> None:
    assert bad("eve: ../../etc", Supplies.USERS) == ["m:1: ../../etc can not name a mailbox: it becomes part of a path"]


def test_a_forward_goes_to_one_whole_address() -> None:
    assert bad("carol: dave", Supplies.FORWARDS) == ['m:1: carol is forwarded to "dave", which is not an address']


def test_a_map_of_domains_has_a_name_a_line() -> None:
    domains = read_map("one.test\nTwo.test: what follows says nothing\n", "d", Supplies.DOMAINS)
    assert [line.name for line in domains.lines] == ["one.test", "Two.test"]
    assert bad("one.test\n-x-.test\n", Supplies.DOMAINS) == [
        'm:2: "-x-.test" is not a domain; write it like "example.org"'
    ]


def test_a_list_has_a_member_a_line_each_with_its_place() -> None:
    found = read_list("# friends\nalice\n\n  bob@example.test\ncarol, dave\n", "friends")
    assert found.bad == ()
    assert found.members == (
        Member("alice", Rule("friends", 2)),
        Member("bob@example.test", Rule("friends", 4)),
        Member("carol", Rule("friends", 5)),
        Member("dave", Rule("friends", 5)),
    )


def test_a_bad_member_and_a_list_in_a_list_are_told_with_their_lines() -> None:
    found = read_list("al ice\n:include:/etc/other\n", "friends")
    assert [str(each.rule) for each in found.bad] == ["friends:1", "friends:2"]
    assert found.bad[1].text == "a list includes no other; name both where the alias is"
