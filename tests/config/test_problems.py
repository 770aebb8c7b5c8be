"""Every mistake in a configuration is told in a sentence, with its line, and all of them together."""

import pytest

from heloise.config import ConfigError, Configuration, parse_configuration

GOOD = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:25"
[local]
domains = ["example.test"]
[[user]]
name = "alice"
"""


def parse(text: str) -> Configuration:
    return parse_configuration(text, directory="/etc/heloise")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value).splitlines()


def problem_below(addition: str) -> str:
    """The one problem that `addition` makes at the end of a good configuration."""
    (line,) = problems(GOOD + addition)
    return line


def test_a_misspelt_key_is_named_with_the_nearest_one() -> None:
    text = GOOD.replace("address", "adress")
    assert problems(text) == ['heloise.toml:4: [listener] unknown key "adress"; did you mean "address"?']


def test_a_key_in_the_wrong_place_is_sent_to_its_section() -> None:
    assert problems("message_size = 3\n" + GOOD) == [
        'heloise.toml:1: unknown key "message_size"; it belongs to [limits]'
    ]


def test_an_unknown_section_is_named_with_the_nearest_one() -> None:
    assert problem_below("[limit]\nerrors = 3\n") == 'heloise.toml:9: unknown key "limit"; did you mean "limits"?'


def test_a_section_about_networks_names_some() -> None:
    assert problem_below("[[network]]\nnetworks = []\n") == ("heloise.toml:10: [network] the section is for no network")


def test_a_missing_hostname_is_never_guessed() -> None:
    text = GOOD.replace('hostname = "mail.example.test"', "")
    assert problems(text) == ['heloise.toml:1: the key "hostname" is missing']


def test_a_missing_key_of_an_entry_is_told_at_the_entry() -> None:
    assert problem_below('[[user]]\nfull_name = "Bob"\n') == 'heloise.toml:9: [user] the key "name" is missing'


def test_all_problems_are_told_in_the_order_of_their_lines() -> None:
    text = GOOD.replace("mail.example.test", "mail example").replace("25", "70000") + "[retry]\nintervals = []\n"
    assert [line.split()[0] for line in problems(text)] == ["heloise.toml:1:", "heloise.toml:4:", "heloise.toml:10:"]


def test_a_broken_section_does_not_make_echoes_elsewhere() -> None:
    text = GOOD.replace('name = "alice"', "name = 7") + '[aliases]\nteam = ["alice"]\n'
    assert problems(text) == [
        'heloise.toml:8: [user] name is a name, written like "alice" or "alice@example.org", not 7'
    ]


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ('[limits]\nmessage_size = "35 MoB"', 'message_size: "35 MoB" is not a size; write it like "35 MiB"'),
        ("[limits]\nmessage_size = true", 'message_size is a size, written like "35 MiB", not true'),
        ("[limits]\nrecipients = -1", "recipients is negative"),
        ("[limits]\nrecipients = 0", "recipients is more than 0"),
        ('[limits]\nrecipients = "many"', 'recipients is a number, not "many"'),
        ("[limits]\ncommand_line = 100", "command_line is at least 512 octets"),
        ("[limits]\ncommand_timeout = 300", 'command_timeout is a duration, written like "5m", not 300'),
        ('[retry]\nexpire_after = "soon"', 'expire_after: "soon" is not a duration; write it like "30s"'),
        ("[retry]\nintervals = []", 'intervals is empty; write it like ["5m", "30m", "2h"]'),
        ('[retry]\nintervals = ["5m", "0s"]', "an interval is longer than nothing"),
        ('[retry]\nexpire_after = "1m"', "expire_after is not longer than the first of the intervals"),
        ('[relay]\nnetworks = ["10.0.0.1/8"]', 'did you mean "10.0.0.0/8"?'),
        ('[relay]\nnetworks = ["office"]', 'item 1 of networks: "office" is not a network'),
        ('[relay]\nnetworks = "10.0.0.0/8"', 'networks is a list in brackets, not "10.0.0.0/8"'),
        ('[extensions]\nEXPN = "all"', 'EXPN can not be "all"; there are: off, loopback, relay, any'),
        ('[extensions]\nEXPM = "any"', 'unknown extension "EXPM"; did you mean "EXPN"?'),
        ('[extensions]\nexpn = "any"', 'unknown extension "expn"; did you mean "EXPN"?'),
        ('[aliases]\nteam = "alice"', 'team is a list in brackets, not "alice"'),
        ('[aliases]\nteam = ["alcie"]', '"alcie" is no user, alias, list or forward; did you mean "alice"?'),
        ("[aliases]\nteam = []", 'the alias "team" has no targets'),
        ('[aliases]\n"a b" = ["alice"]', '"a b" is not a name; write it like "team"'),
        ('[aliases]\n"x@other.test" = ["alice"]', '"x@other.test" is not in a local domain'),
        ("[forwards]\ncarol = {}", '"carol" has one of relay and tell, and only one; write { relay = "carol@'),
        ('[forwards]\ncarol = { relay = "x" }', 'carol relay: "x" is not an address'),
        ('[forwards]\nalice = { tell = "a@b.test" }', '"alice" is a user, too; a forward is for somebody who has'),
        ('[[route]]\ndomains = ["example.test"]\nto = "discard:"', '"example.test" is local (heloise.toml:6)'),
        ('[[route]]\ndomains = ["a.test", "a.test"]\nto = "discard:"', '"a.test" has a route already, heloise.toml:10'),
        ('[[route]]\ndomains = []\nto = "discard:"', "the route has no domains"),
        ('[[route]]\ndomains = ["a.test"]\nto = "pigeon:x"', 'to: "pigeon:x" is not a route: no transport'),
        ('[[route]]\ndomains = ["a.test"]\nto = "smtp:host"', "has no port"),
        ('[[route]]\ndomains = ["a.test"]\nto = "smtp:host:0"', "has the port 0"),
        ('[delivery]\nrate = "fast"', 'rate: "fast" is not a rate'),
        ('[[destination]]\nhosts = ["a.test"]', "neither concurrency nor rate nor tls"),
        ('[[destination]]\nhosts = []\nrate = "5/1s"', "has no hosts"),
        ('[[destination]]\nhosts = ["a.test"]\nconcurrency = 0', "concurrency is more than 0"),
        ('[[destination]]\nhosts = ["a.test", "A.test"]\nrate = "5/1s"', '"a.test" is in another one'),
        ('[[route]]\ndomains = ["a.test"]\nto = "smtp:host:25,other"', "has no port"),
        ('[[route]]\ndomains = ["a.test"]\nto = "lmtp:host:24,unix:/run/lmtp"', "a Unix socket beside a host"),
        ('[[route]]\ndomains = ["a.test"]\nto = "maildir:../x"', "can not name a mailbox"),
        ('[[user]]\nname = "ALICE"', '"ALICE" is a user already, heloise.toml:8'),
        ('[[user]]\nname = "alice@example.test"', '"alice@example.test" has the same mailbox as the user of heloise'),
        ('[[user]]\nname = "a/b"', '"a/b" can not name a mailbox: it becomes part of a path'),
        ('[[user]]\nname = "bob@exmple.test"', 'is not in a local domain; did you mean "example.test"?'),
        ('[[listener]]\naddress = "127.0.0.1:25"', "127.0.0.1:25 is listened on already by heloise.toml:4"),
        ('[[listener]]\naddress = "127.0.0.1:x"', 'has the port "x"; a port is a number from 0 to 65535'),
        ('[[listener]]\naddress = "::1:25"', 'write it like "[::1]:25"'),
        ('[[listener]]\naddress = "127.0.0.256:25"', 'has "127.0.0.256", which is not an IP address'),
        ('[[listener]]\naddress = "[x]:25"', "has something else than an IPv6 address in its brackets"),
        ('[[listener]]\naddress = ":0"\nprotocol = "smtp"', "has no port"),
        ('[[listener]]\naddress = "[::1]:25"\nprotocol = "lmpt"', 'protocol can not be "lmpt"; did you mean "lmtp"?'),
        ('[[listener]]\naddress = "[::1]:25"\nmax_connections = 0', "max_connections is at least 1"),
        ('[etrn]\ndomains = ["a b"]', '"a b" is not a domain'),
        ('[dns]\nnameservers = ["localhost:53"]', '"localhost:53" is not an IP address and a port'),
        ("[log]\nlevel = 3", "level can not be 3; there are: debug, info, warning, error"),
        ("[log]\nfile = 2026-01-01", 'file is a path, written like "state", not a date'),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(addition: str, expected: str) -> None:
    assert expected in problem_below(addition)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ('maildir = "/var/mail"', "maildir has {user} in it"),
        ('maildir = "{home}/{user}"', "maildir has {user} in it"),
        ('separator = "++"', 'separator is one character, such as "+"'),
        ('separator = "@"', 'separator is one character, such as "+"'),
        ('postmaster = "alcie"', 'is no user, alias, list or forward; did you mean "alice"?'),
        (
            'catch_all = { "exmple.test" = "alice" }',
            '"exmple.test" is not a local domain; did you mean "example.test"?',
        ),
        ('catch_all = { "*" = "alcie" }', 'did you mean "alice"?'),
        ('catch_all = "alice"', 'catch_all is a table, not "alice"'),
    ],
)
def test_a_wrong_value_in_local_is_told_in_a_sentence(key: str, expected: str) -> None:
    (line,) = problems(GOOD.replace("[local]\n", f"[local]\n{key}\n"))
    assert line.startswith("heloise.toml:6: [local] ")
    assert expected in line


def test_a_domain_named_twice_is_told() -> None:
    text = GOOD.replace('["example.test"]', '["example.test", "Example.Test"]')
    assert problems(text) == ['heloise.toml:6: [local] "example.test" is named twice']


def test_a_configuration_without_a_listener_is_of_no_use() -> None:
    text = GOOD.replace('[[listener]]\naddress = "127.0.0.1:25"\n', "")
    (line,) = problems(text)
    assert "there is no listener, so nobody could connect" in line


def test_text_that_is_not_toml_is_told_with_its_line() -> None:
    (line,) = problems('hostname = "a"\nstate = \n')
    assert line.startswith("heloise.toml:2: not TOML: ")
    assert "at line" not in line
    (line,) = problems('hostname = "a')
    assert line.startswith("heloise.toml:1: not TOML: ")


def test_a_smarthost_is_not_a_mailbox() -> None:
    assert problems('smarthost = "maildir:alice"\n' + GOOD) == [
        "heloise.toml:1: smarthost is another server, not a mailbox"
    ]


@pytest.mark.parametrize(
    ("addition", "problem"),
    [
        ("x = " + "[" * 5000 + "]" * 5000, "heloise.toml:1: brackets are nested too deeply"),
        ("x = " + "9" * 5000, "heloise.toml:1: a number has too many digits"),
        ("[limits]\nerrors = 0x" + "f" * 4000, "heloise.toml:10: [limits] errors is too large"),
        (
            "[relay]\nnetworks = 0x" + "f" * 4000,
            "heloise.toml:10: [relay] networks is a list in brackets, not a number",
        ),
        (f'[limits]\nmessage_size = "{"9" * 400} MiB"', "heloise.toml:10: [limits] message_size: "),
        (f'[limits]\ndata_timeout = "{"9" * 400}s"', "heloise.toml:10: [limits] data_timeout: "),
    ],
    ids=["brackets", "digits", "number", "list", "size", "duration"],
)
def test_what_is_too_much_is_a_problem_too(addition: str, problem: str) -> None:
    assert problem_below(addition + "\n").startswith(problem)
