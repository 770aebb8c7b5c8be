"""`heloise check` and `heloise config explain`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heloise.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "heloise.toml"

BASE = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "0.0.0.0:25"
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "heloise.toml"


def test_the_first_configuration_is_good_and_not_risky() -> None:
    result = run("check", "--strict", "-c", str(EXAMPLE))
    assert result.exit_code == 0
    assert "is good.\nIt makes mail.example.test a server that" in result.stdout
    assert "2 users, 2 aliases, 1 list, 2 forwards" in result.stdout
    assert "risky" not in result.stdout


def test_problems_go_to_standard_error_and_end_with_1(file: Path) -> None:
    file.write_text(BASE.replace("address", "adress"))
    result = run("check", "-c", str(file))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f'{file}:4: [listener] unknown key "adress"; did you mean "address"?' in result.stderr


def test_a_missing_file_is_told_with_a_way_out(file: Path) -> None:
    result = run("check", "-c", str(file))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"There is no file {file}.")


@pytest.mark.parametrize(
    ("addition", "warning"),
    [
        ('[relay]\nnetworks = ["0.0.0.0/0"]', "an open relay is found and abused within hours"),
        ('[relay]\nnetworks = ["8.0.0.0/8"]', "16,777,216 public addresses"),
        ('[relay]\nnetworks = ["0.0.0.0/1", "128.0.0.0/1"]', "the networks together let 100% of all addresses relay"),
        ('[relay]\nnetworks = ["::/1", "8000::/2"]', "the networks together let 75% of all addresses relay"),
        (
            '[local]\ndomains = ["a.test"]\npostmaster = "x"\ncatch_all = { "*" = "x@b.test" }\n[[user]]\nname = "x"',
            "unknown names in every local domain, spam with it, goes on to x@b.test",
        ),
        (
            '[[route]]\ndomains = ["b.test", ".org"]\nto = "smtp:127.0.0.1:26"\nfor_strangers = true',
            "everybody may send to all of .org by this server",
        ),
        ('[local]\ndomains = ["test"]\npostmaster = "x"\n[[user]]\nname = "x"', "a whole top-level domain"),
        (
            '[[network]]\nnetworks = ["8.0.0.0/8"]\nline_endings = "normalize"',
            "bare line feeds are mended for 16,777,216 public addresses",
        ),
        ('[extensions]\nEXPN = "any"', "tells strangers on 0.0.0.0:25 who has a mailbox here"),
        ('[local]\ndomains = ["a.test"]', "nobody gets the mail for Postmaster"),
        ('[[user]]\nname = "alice"', "there are users or aliases but no local domains"),
        ('[[route]]\ndomains = ["b.test"]\nto = "discard:"', "mail for b.test is thrown away"),
        ('[retry]\nexpire_after = "1d"', "less than the four days of RFC 5321"),
        ("[limits]\nrecipients = 10", "less than the 100 of RFC 5321"),
        ("[limits]\nminimum_free = 0", "mail is taken until the disk is full"),
        ('[[listener]]\naddress = "[::]:24"\nprotocol = "lmtp"', "LMTP on [::]:24 can be reached from other machines"),
    ],
)
def test_what_is_risky_is_warned_of(file: Path, addition: str, warning: str) -> None:
    file.write_text(BASE + addition + "\n")
    result = run("check", "-c", str(file))
    assert result.exit_code == 0
    assert warning in " ".join(result.stdout.split())
    assert run("check", "--strict", "-c", str(file)).exit_code == 1


def test_every_key_of_the_file_is_documented() -> None:
    from heloise.config.describe import sections

    for section in sections():
        assert section.text, section.name
        for key in section.keys:
            assert key.text.endswith("."), f"[{key.section}] {key.name}"


def test_a_key_is_explained_with_its_default() -> None:
    result = run("config", "explain", "retry.expire_after")
    assert 'expire_after = "5d"' in result.stdout
    assert "intervals" not in result.stdout


def test_an_unknown_key_is_told_with_the_nearest_one() -> None:
    result = run("config", "explain", "retry.interval")
    assert result.exit_code == 2
    assert 'There is no key "interval" in [retry]; did you mean "intervals"?' in result.stderr
    assert 'did you mean "hostname"?' in run("config", "explain", "hostnam").stderr


def test_all_sections_are_explained_together() -> None:
    text = run("config", "explain").stdout
    assert all(heading in text for heading in ("[[listener]]", "[local]", "[[user]]", "[retry]", "[log]"))
    assert "hostname required" in text


def test_whose_line_endings_are_mended_is_told(file: Path) -> None:
    file.write_text(BASE + '[[network]]\nnetworks = ["192.0.2.7", "10.0.0.0/8"]\nline_endings = "normalize"\n')
    text = " ".join(run("check", "-c", str(file)).stdout.split())
    assert "mends bare line feeds in messages from 192.0.2.7/32, 10.0.0.0/8" in text
