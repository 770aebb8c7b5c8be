"""Access tables and content checks of Postfix become a file of hooks; what can not be had is told row by row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from heloise.cli.main import main
from heloise.migration.expansion import DEFAULTS
from heloise.migration.outcome import Became, Import
from heloise.migration.source import read_main
from heloise.policy.hooks import load_hooks
from heloise.policy.stage import Stage
from tests.migration.test_import import became, imported, meant

BASE = "myhostname = mx.example.org\nmydestination = example.org\nsmtpd_delay_reject = yes\n"


def rules(text: str, parameter: str = "smtpd_sender_restrictions", word: str = "check_sender_access") -> Import:
    """An import with one table of patterns."""
    return imported(f"{BASE}{parameter} = {word} regexp:/etc/postfix/t\n", files={"/etc/postfix/t": text})


def test_tables_become_a_file_of_hooks_that_can_be_loaded() -> None:
    made = imported(
        f"{BASE}smtpd_client_restrictions = check_client_access cidr:/c/clients, check_client_access hash:/c/names\n"
        "smtpd_recipient_restrictions = check_recipient_access inline:{{a@example.org=REJECT 'no' \"x\" \\\\}}\n"
        "smtpd_data_restrictions = check_sasl_access lmdb:/c/users\nheader_checks = pcre:/c/headers\n",
        files={
            "/c/clients": "192.0.2.0/24 REJECT\n2001:db8::/32 450 4.7.1 later\n300.1.1.1 REJECT\n",
            "/c/names": "spam.test REJECT\n192.0.2 OK\n2001:db8 REJECT\n",
            "/c/users": "bob DEFER\n",
            "/c/headers": "/^Subject: (.*) sale/ REJECT no $1\n",
        },
    )
    text = made.beside["hooks.py"]
    hooks = load_hooks(text, "hooks.py")
    assert set(hooks.functions) == {Stage.RCPT, Stage.DATA, Stage.MESSAGE}
    assert meant(made).policy.hooks == "/d/hooks.py"
    assert became(made, "smtpd_client_restrictions check_client_access") == ["mapped", "partly mapped"]
    assert (became(made, "300.1.1.1"), became(made, "spam.test")) == (["not mapped"], ["not mapped"])
    assert (became(made, "192.0.2"), became(made, "2001:db8")) == ([], [])
    assert "'spam.test': (1, 'REJECT')" in text


@pytest.mark.parametrize(
    "says",
    [
        *("FILTER smtp:[x]", "REDIRECT a@b.test", "BCC a@b.test", "WARN x", "INFO x", "DEFER_IF_REJECT", "my_class"),
        *(
            "550 4.7.1 classes differ",
            "451 5.7.1 x",
            "REJECT 4.7.1 x",
            "PREPEND no field",
            "reject_unknown_client",
            "299 x",
        ),
    ],
)
def test_an_action_that_can_not_be_had_is_told_with_its_line_and_ends_the_search_as_it_did(says: str) -> None:
    made = imported(
        f"{BASE}smtpd_sender_restrictions = check_sender_access hash:/t\n", files={"/t": f"x.test OK\nb.test {says}\n"}
    )
    (told,) = [each for each in made.outcomes if each.place.file == "/t"]
    assert (told.place.line, told.what, told.became) == (2, "b.test", Became.NOT_MAPPED)
    assert says in told.text
    assert "'b.test': (2, 'DUNNO')" in made.beside["hooks.py"]


@pytest.mark.parametrize(
    "row",
    [
        "/(/ REJECT",
        "/x/q REJECT",
        "/[[:nope:]]/ REJECT",
        "/x/ REJECT $1",
        "/x/ REJECT $0",
        "/x{99999999999}/ REJECT",
        "!/(x)/ REJECT $1",
        "x y",
    ],
)
def test_a_pattern_that_python_or_postfix_does_not_read_is_told(row: str) -> None:
    made = rules(f"{row}\n/good/ REJECT\n")
    assert [str(each.place) for each in made.outcomes if each.place.file == "/etc/postfix/t"] == ["/etc/postfix/t:1"]
    assert "/good/" in made.beside["hooks.py"]


def test_a_bracket_in_a_set_is_itself(recwarn: pytest.WarningsRecorder) -> None:
    made = rules("/[[b]x/ REJECT\n")
    assert load_hooks(made.beside["hooks.py"], "hooks.py").functions
    assert not recwarn.list


def test_a_limit_with_zeros_before_it_is_a_number() -> None:
    limits = "body_checks_size_limit = 00100\nsmtpd_milters = {}, inet:[::1]:9\n"
    made = imported(f"{BASE}body_checks = regexp:/b\n{limits}", files={"/b": "/x/ REJECT\n"})
    assert "body_limit=100," in made.beside["hooks.py"]
    assert became(made, "smtpd_milters {}") == ["not mapped"]


@pytest.mark.parametrize("text", ["if /(/\n/a/ REJECT\nendif\n", "endif\n/a/ REJECT\n"])
def test_a_condition_that_is_not_understood_leaves_the_table_out(text: str) -> None:
    made = rules(text)
    assert made.beside == {}
    assert became(made, "smtpd_sender_restrictions check_sender_access") == ["not mapped"]


@pytest.mark.parametrize(
    "word",
    [
        *("check_sender_mx_access hash:/t", "check_client_ns_access hash:/t", "check_ccert_access hash:/t"),
        *("check_sender_access mysql:/t", "check_sender_access nothing", "check_sender_access hash:/missing"),
    ],
)
def test_a_table_that_can_not_be_had_keeps_the_reject_behind_it_from_refusing_everybody(word: str) -> None:
    made = imported(
        f"{BASE}smtpd_sender_restrictions = {word}, check_sender_access hash:/ok, reject\n", files={"/ok": "a OK\n"}
    )
    assert "not mapped" in became(made, f"smtpd_sender_restrictions {word}")
    assert became(made, "smtpd_sender_restrictions reject") == ["not mapped"]
    assert "Refuse" not in made.beside["hooks.py"]


def test_a_recipient_is_not_known_where_he_is_not_named_yet() -> None:
    lists = "smtpd_delay_reject = no\nsmtpd_sender_restrictions = check_recipient_access inline:{{a=OK}}\n"
    made = imported(f"myhostname = mx.example.org\n{lists}")
    assert became(made, "smtpd_sender_restrictions check_recipient_access") == ["not mapped"]


def test_ok_that_spares_from_checks_of_heloise_is_told() -> None:
    words = "check_client_access inline:{{192.0.2.1=OK}}, reject_rbl_client x.test"
    made = imported(f"{BASE}smtpd_recipient_restrictions = {words}\n")
    assert became(made, "smtpd_recipient_restrictions OK") == ["not mapped"]


def test_changes_to_the_headers_of_parts_and_to_bodies_are_told() -> None:
    files = {"/h": "/^X:/ IGNORE\n/^Y:/ FILTER x:y\n", "/b": "/^x/ IGNORE\n/^y/ REJECT\n"}
    made = imported(
        f"{BASE}header_checks = regexp:/h\nbody_checks = regexp:/b\nbody_checks_size_limit = 9\n", files=files
    )
    assert [str(each.place) for each in made.outcomes if each.place.file in files] == ["/b:1", "/h:2"]
    assert "body_limit=9" in made.beside["hooks.py"]
    assert load_hooks(made.beside["hooks.py"], "hooks.py").functions.keys() == {Stage.MESSAGE}


_NAMES = sorted(
    {*DEFAULTS, "header_checks", "body_checks", "mime_header_checks", "body_checks_size_limit", "relocated_maps"}
    | {f"smtpd_{each}_restrictions" for each in ("client", "helo", "sender", "relay", "recipient", "data", "etrn")}
    | {"smtpd_end_of_data_restrictions", "smtpd_milters", "smtp_tls_security_level", "no_such_thing", "smtpd_banner"}
    | {
        "parent_domain_matches_subdomains",
        "smtpd_delay_reject",
        "message_size_limit",
        "content_filter",
        "canonical_maps",
    }
)
_WORDS = st.sampled_from(
    [
        *(
            "permit_mynetworks",
            "reject",
            "defer",
            "permit",
            "reject_unauth_destination",
            "reject_rbl_client x.test",
            "yes",
        ),
        *(
            "check_sender_access hash:/t",
            "check_client_access cidr:/t",
            "check_helo_access pcre:/t",
            "check_",
            "no",
            "",
        ),
        *(
            "check_recipient_access static:OK",
            "check_sender_access inline:{{a=FILTER x}}",
            "regexp:/t",
            "hash:/t",
            "12",
        ),
        *("warn_if_reject", "my_class", "$myhostname", "a.test", "[::1]:25", "a@b.test", "${x?{y}:{z}}", "sleep 1"),
    ]
)
_ROWS = st.lists(
    st.sampled_from(["a.test OK", "/x/ REJECT", "if /x/", "endif", "10.0.0.0/8 HOLD", "b FILTER x", "!/a/ WARN", "c"])
)


@given(
    settings=st.dictionaries(st.sampled_from(_NAMES), st.lists(_WORDS, max_size=5), min_size=1, max_size=8), rows=_ROWS
)
def test_no_line_is_dropped_in_silence(settings: dict[str, list[str]], rows: list[str]) -> None:
    """Each line of main.cf is told about, and the hooks that are written can be loaded."""
    main_cf = "".join(f"{name} = {', '.join(words)}\n" for name, words in settings.items())
    made = imported(main_cf, files={"/t": "".join(f"{row}\n" for row in rows)}, hostname="mx.example.org")
    told = {each.place.line for each in made.outcomes if each.place.file == "main.cf"}
    assert {each.place.line for each in read_main(main_cf, "main.cf")[0].values()} <= told
    if "hooks.py" in made.beside:
        load_hooks(made.beside["hooks.py"], "hooks.py")


@given(rows=_ROWS, kind=st.sampled_from(["hash", "cidr", "regexp", "pcre"]))
def test_no_row_of_a_table_is_dropped_in_silence(rows: list[str], kind: str) -> None:
    """It is in the file of hooks with its line, or told with its line, or the table is told to be left out."""
    main_cf = f"{BASE}smtpd_sender_restrictions = check_sender_access {kind}:/t\n"
    made = imported(main_cf, files={"/t": "".join(f"{row}\n" for row in rows)})
    if "not mapped" in became(made, "smtpd_sender_restrictions check_sender_access"):
        return
    told = {each.place.line for each in made.outcomes if each.place.file == "/t"}
    text = made.beside["hooks.py"]
    written = {int(each) for each in re.findall(r"^ +(?:'[^']*': )?\((\d+), ", text, re.MULTILINE)}
    assert set(range(1, len(rows) + 1)) <= told | written


def test_the_command_writes_hooks_beside_and_says_when_it_leaves_others(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text(
        f"{BASE}smtpd_sender_restrictions = check_sender_access inline:{{{{a.test=REJECT}}}}\n"
    )
    arguments = ["import-postfix", str(tmp_path), "-o", str(tmp_path / "heloise.toml")]
    first = CliRunner().invoke(main, arguments)
    assert "was there already" not in first.output
    checked = CliRunner().invoke(main, ["check", "-c", str(tmp_path / "heloise.toml")])
    assert checked.exit_code == 0, checked.output
    (tmp_path / "hooks.py").write_text("async def on_rcpt(view): ...\n")
    assert "hooks.py was there already" in CliRunner().invoke(main, arguments).output
