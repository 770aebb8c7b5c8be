"""What differs between two configurations, and what a running server can not take over."""

import pytest

from heloise.config import parse_configuration
from heloise.config.differences import differences, taken_over
from heloise.config.errors import ConfigError

OLD = 'hostname = "mx.test"\nstate = "s"\n[[listener]]\naddress = "127.0.0.1:25"\n'


def compared(old: str, new: str) -> list[str]:
    before, after = (parse_configuration(text, directory="/d") for text in (old, new))
    return [str(each) for each in differences(before, after)]


def test_differences_are_told_as_one_would_write_them() -> None:
    assert compared(OLD, OLD) == []
    assert compared(OLD, OLD + "max_connections = 5\n") == [
        '[[listener]] "127.0.0.1:25": max_connections: 1000 → 5 (heloise.toml:5)'
    ]
    assert compared(OLD, OLD + '[retry]\nexpire_after = "4d"\n') == [
        '[retry] expire_after: "5d" → "4d" (heloise.toml:6)'
    ]
    assert compared(OLD, OLD + '[local]\ndomains = ["a.test"]\n[aliases]\nx = ["y@b.test"]\n')[1:] == [
        '[aliases] x: is ["y@b.test"] now (heloise.toml:8)'
    ]


def test_a_secret_is_not_shown() -> None:
    hook = '[[hook]]\nname = "h"\nurl = "https://h.test/"\nsecret = "{}"\n'
    (told,) = compared(OLD + hook.format("geheim-1"), OLD + hook.format("geheim-2"))
    assert told == '[[hook]] "h": secret: is another one (heloise.toml:8)'


def test_processes_and_state_are_kept() -> None:
    before = parse_configuration(OLD, directory="/d")
    after = parse_configuration("processes = 3\n" + OLD.replace('"s"', '"t"'), directory="/d")
    assert [each.kept for each in differences(before, after)] == [True, True]
    assert taken_over(before, after).state == before.state
    assert taken_over(before, after).processes == before.processes


def test_sites_that_come_for_their_mail_need_another_start() -> None:
    before = parse_configuration("processes = 2\n" + OLD, directory="/d")
    more = '[[odmr]]\nnetworks = ["192.0.2.1"]\ndomains = ["x.test"]\n'
    with pytest.raises(ConfigError, match="start the server again"):
        taken_over(before, parse_configuration("processes = 2\n" + OLD + more, directory="/d"))
