"""What a value of main.cf means, whatever it is made of."""

import pytest

from heloise.mail.cause import Rule
from heloise.migration.expansion import Expander
from heloise.migration.lookup import members, read_table
from heloise.migration.restrictions import answer_networks
from heloise.migration.routes import smtp_route
from heloise.migration.source import Service, read_main, read_master


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$myhostname", "mx.example.org"),
        ("${myhostname}", "mx.example.org"),
        ("$(myhostname)", "mx.example.org"),
        ("a$$b", "a$b"),
        ("$nothing", ""),
        ("${myhostname?yes}", "yes"),
        ("${nothing?yes}", ""),
        ("${nothing:no}", "no"),
        ("${myhostname:no}", "mx.example.org"),
        ("${nothing?{yes}:{no $myhostname}}", "no mx.example.org"),
        ("${myhostname?{yes}:{no}}", "yes"),
        ("${{$compatibility_level} <level {2} ? {subnet} : {host}}", "host"),
        ("${{$compatibility_level} < {2} ? {subnet} : {host}}", "host"),
        ("${{a} == {a} ? {same} : {other}}", "same"),
        ("${{$nothing} != {} ? {a} : {b}}", "b"),
        ("lone $ and $-", "lone $ and $-"),
        ("$deep", "mx.example.org!"),
    ],
)
def test_names_are_put_in(text: str, value: str) -> None:
    written = {"myhostname": "mx.example.org", "compatibility_level": "3.6", "deep": "${one}!", "one": "$myhostname"}
    assert Expander(written).expand(text) == value


def test_a_name_that_leads_to_itself_and_an_open_brace_are_told() -> None:
    with pytest.raises(ValueError, match="leads to itself"):
        Expander({"a": "$b", "b": "$a"}).value("a")
    with pytest.raises(ValueError, match="not closed"):
        Expander({}).expand("${open")


def test_lines_go_on_and_the_last_one_counts() -> None:
    text = "# c\na = 1,\n  # within\n\n  2\nb=3\na = 4\nnonsense\n"
    found, odd = read_main(text, "main.cf")
    assert {name: (each.value, each.place.line) for name, each in found.items()} == {"a": ("4", 7), "b": ("3", 6)}
    assert [(each.name, each.value) for each in odd] == [("a", "1, 2"), ("", "nonsense")]


def test_services_with_their_options() -> None:
    text = (
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd\n"
        "  -o smtpd_tls_security_level=encrypt\n"
        "  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }\n"
        "short line\n"
        "dovecot unix - n n - - pipe flags=DRhu user=vmail:vmail argv=/usr/lib/deliver -d ${recipient}\n"
    )
    services = read_master(text, "master.cf")
    assert [each.name for each in services] == ["smtp", "submission", "dovecot"]
    assert services[1].options == {
        "smtpd_tls_security_level": "encrypt",
        "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
    }
    assert services[2] == Service("dovecot", "unix", "pipe", services[2].arguments, Rule("master.cf", 6))


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("[relay.example.net]:587", "smtp:relay.example.net:587"),
        ("[relay.example.net]", "smtp:relay.example.net:25"),
        ("[192.0.2.1]:smtp", "smtp:192.0.2.1:25"),
        ("[2001:db8::1]:25", "smtp:[2001:db8::1]:25"),
        ("[IPv6:2001:db8::1]", "smtp:[2001:db8::1]:25"),
        ("example.net", "mx:example.net"),
        ("[one.example.net], [two.example.net]:26", "smtp:one.example.net:25,two.example.net:26"),
        ("[one.example.net] example.net", None),
        ("[one]:nothing", None),
    ],
)
def test_next_hops(text: str, route: str | None) -> None:
    assert smtp_route(text)[0] == route


def test_lists_and_tables() -> None:
    assert members("a, b\thash:/x, inline:{a=b, {c = d e}} !c") == [
        "a",
        "b",
        "hash:/x",
        "inline:{a=b, {c = d e}}",
        "!c",
    ]

    class OneFile:
        def text(self, path: str) -> str | None:
            return "# c\na@b.test  c@d.test,\n e@f.test\n/^x y/i  z\n" if path == "/x" else None

        def exists(self, path: str) -> bool:
            return False

    place = Rule("main.cf", 1)
    rows = [(each.key, each.value) for each in read_table("inline:{a=b, {c = d e}}", OneFile(), place).entries]
    assert rows == [("a", "b"), ("c", "d e")]
    assert [each.key for each in read_table("hash:/x", OneFile(), place).entries][:1] == ["a@b.test"]
    assert read_table("proxy:hash:/x", OneFile(), place).entries[0].value == "c@d.test, e@f.test"
    assert [each.key for each in read_table("pcre:/x", OneFile(), place).entries][1] == "/^x y/i"
    assert "can not be read" in read_table("hash:/y", OneFile(), place).trouble
    assert "asked by name" in read_table("mysql:/x", OneFile(), place).trouble


def test_answers_of_a_list() -> None:
    assert answer_networks("127.0.0.[2..4;9]") == ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9"]
    assert answer_networks("127.0.0.2") == ["127.0.0.2"]
    assert answer_networks("") == []
