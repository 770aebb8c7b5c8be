"""What a good configuration means: values, defaults, places."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from heloise.config import ConfigError, parse_configuration, read_configuration
from heloise.config.kinds import Seconds
from heloise.config.listening import Limits
from heloise.mail.cause import Rule
from heloise.mail.route import Route
from heloise.smtp.limits import SessionLimits
from heloise.world.network import UnixEndpoint

EXAMPLE = Path(__file__).parents[2] / "examples" / "heloise.toml"

SMALLEST = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:0"
"""


def test_the_first_configuration_of_the_manual_is_good() -> None:
    configuration = read_configuration(str(EXAMPLE))
    assert configuration.hostname == "mail.example.test"
    assert [user.name for user in configuration.users] == ["alice", "bob"]
    assert configuration.forwards["dave@example.test"].tell is not None
    assert configuration.state == str(EXAMPLE.parents[1] / "state")


def test_by_default_only_this_machine_may_relay() -> None:
    networks = parse_configuration(SMALLEST, directory="/d").relay.networks
    assert any(ip_address("127.0.0.1") in network for network in networks)
    assert not any(ip_address("192.0.2.1") in network for network in networks)


def test_defaults_are_those_of_the_protocol_engine() -> None:
    # but for what the engine itself does not limit, since it is not on the internet by itself
    assert replace(Limits().session, idle_commands=0, refused_recipients=0) == SessionLimits()


def test_relative_paths_begin_at_the_file() -> None:
    text = SMALLEST + '[[listener]]\naddress = "unix:lmtp"\nprotocol = "lmtp"\n[log]\nfile = "log/heloise"\n'
    configuration = parse_configuration(text, directory="/etc/heloise")
    assert configuration.state == "/etc/heloise/state"
    assert configuration.listeners[1].address == UnixEndpoint("/etc/heloise/lmtp")
    assert configuration.log.file == "/etc/heloise/log/heloise"
    assert configuration.maildir == "/etc/heloise/state/mail/{user}/Maildir"


def test_a_file_is_named_in_rules_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "heloise.toml").write_text(SMALLEST)
    monkeypatch.chdir(tmp_path)
    configuration = read_configuration("heloise.toml")
    assert configuration.rule("listener", 0, "address") == Rule("heloise.toml", 4)
    assert configuration.state == str(tmp_path / "state")


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "heloise.toml"
    path.write_bytes(b'hostname = "a"\nstate = "\xff"\n')
    with pytest.raises(ConfigError, match=r"heloise\.toml:2: the file is not UTF-8"):
        read_configuration(str(path))


def test_a_default_has_no_rule() -> None:
    configuration = parse_configuration(SMALLEST, directory="/d")
    assert configuration.rule("relay", "networks") is None
    assert configuration.rule("hostname") == Rule("heloise.toml", 1)


def test_routes_are_read_with_their_addresses() -> None:
    text = SMALLEST + '[[route]]\ndomains = ["A.test", ".b.test"]\nto = "smtp:[::1]:25"\nfor_strangers = true\n'
    (route,) = parse_configuration(text, directory="/d").routes
    assert route.domains == ("a.test", ".b.test")
    assert route.to == Route.parse("smtp:[::1]:25")
    assert route.for_strangers


def test_a_route_may_name_hosts_that_stand_in_for_one_another() -> None:
    text = f'smarthost = "smtp:one.test:25, [::1]:26"\n{SMALLEST}'
    assert parse_configuration(text, directory="/d").smarthost == Route.parse("smtp:one.test:25,[::1]:26")


def test_etrn_has_clients_and_named_queues() -> None:
    text = f"""{SMALLEST}
[etrn]
domains = []
interval = "1m"
[etrn.queues]
night = ["a.test", ".b.test"]
[[etrn.client]]
networks = ["192.0.2.0/24"]
domains = ["#night", "c.test"]
"""
    etrn = parse_configuration(text, directory="/d").etrn
    assert etrn.queues == {"night": ("a.test", ".b.test")}
    assert [(str(each.networks[0]), each.domains) for each in etrn.clients] == [("192.0.2.0/24", ("#night", "c.test"))]
    assert etrn.interval == Seconds(60)


def test_a_site_that_comes_for_its_mail_has_hosts_and_domains() -> None:
    text = f'{SMALLEST}\n[[odmr]]\nnetworks = ["192.0.2.7"]\ndomains = ["Site.test"]\n'
    (site,) = parse_configuration(text, directory="/d").sites_on_demand
    assert site.domains == ("site.test",)
