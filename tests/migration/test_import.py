"""A Postfix configuration becomes one of ours that `heloise check` accepts, and each of its lines is told about."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from heloise.cli.main import main
from heloise.config import Configuration, parse_configuration
from heloise.migration.outcome import Became, Import
from heloise.migration.postfix import import_postfix
from heloise.migration.source import read_main
from heloise.migration.work import ImportOptions


class Texts:
    """Files by name."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def text(self, path: str) -> str | None:
        return self._files.get(path)

    def exists(self, path: str) -> bool:
        return path in self._files


def imported(main_cf: str, master_cf: str = "", files: dict[str, str] | None = None, **options: object) -> Import:
    return import_postfix(
        main_cf,
        master_cf,
        Texts(files or {}),
        ImportOptions(**options),  # type: ignore[arg-type]
        main_file="main.cf",
        master_file="master.cf",
    )


def meant(made: Import) -> Configuration:
    return parse_configuration(made.toml, directory="/d")


def became(made: Import, what: str) -> list[str]:
    return [each.became.value for each in made.outcomes if each.what == what or each.what.startswith(f"{what} ")]


RELAY = """\
myhostname = mx.example.org
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128 192.0.2.0/24 !192.0.2.66
relay_domains = example.org, hash:/etc/postfix/relay
transport_maps = hash:/etc/postfix/transport
relayhost = [smart.example.net]:587
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:/etc/postfix/sasl
smtp_tls_security_level = encrypt
smtp_tls_policy_maps = inline:{ {example.com = secure}, {bad.test = what} }
message_size_limit = 20971520
maximal_queue_lifetime = 3d
delay_warning_time = 2
minimal_backoff_time = 5m
maximal_backoff_time = 40m
smtpd_client_connection_rate_limit = 30
smtpd_discard_ehlo_keywords = chunking, silent-discard
smtputf8_enable = no
disable_vrfy_command = yes
smtpd_error_sleep_time = 2s
"""
RELAY_FILES = {
    "/etc/postfix/relay": "example.net OK\n",
    "/etc/postfix/transport": (
        "example.org  relay:[10.0.0.5]:2525\n.example.com smtp:mail.example.com\n"
        "bad.test error:no\nuser@x.test smtp:[h]\n"
    ),
    "/etc/postfix/sasl": "[smart.example.net]:587 relayuser:pa:ss\n",
}


def test_a_relay_with_a_smarthost() -> None:
    made = imported(RELAY, files=RELAY_FILES, secrets=True)
    configuration = meant(made)
    assert configuration.hostname == "mx.example.org"
    assert str(configuration.smarthost) == "smtp:smart.example.net:587"
    routes = {each.domains: (str(each.to), each.for_strangers) for each in configuration.routes}
    assert routes == {
        ("example.org",): ("smtp:10.0.0.5:2525", True),
        (".example.com",): ("mx:mail.example.com", False),
        ("example.net",): ("mx:example.net", True),
    }
    assert [str(each) for each in configuration.relay.networks] == ["127.0.0.0/8", "::1/128", "192.0.2.0/24"]
    (credentials,) = configuration.credentials
    assert (credentials.hosts, credentials.user) == (("smart.example.net",), "relayuser")
    assert made.beside == {"password-1": "pa:ss\n"}
    assert configuration.delivery.tls.value == "encrypt"
    assert [(each.hosts, each.tls.value if each.tls else None) for each in configuration.destinations] == [
        (("example.com",), "verify")
    ]
    assert configuration.limits.message_size == 20971520
    assert [float(each) for each in configuration.retry.intervals] == [300, 600, 1200, 2400]
    assert float(configuration.retry.expire_after) == 3 * 86400
    assert float(configuration.retry.warn_after) == 7200
    assert str(configuration.quotas[0].connections) == "Quota(amount=30, seconds=60.0)"
    off = {name for name, audience in configuration.extensions.items() if audience.value == "off"}
    assert off == {"CHUNKING", "SMTPUTF8", "VRFY"}
    assert float(configuration.policy.tarpit) == 2
    assert became(made, "mynetworks !192.0.2.66") == ["not mapped"]
    assert became(made, "bad.test") == ["not mapped", "not mapped"]
    assert became(made, "user@x.test") == ["not mapped"]


VIRTUAL = """\
myhostname = mx.example.org
mydestination = $myhostname, localhost.$mydomain, localhost, mailhost
myorigin = mailhost
alias_maps = hash:/etc/aliases
virtual_alias_domains = virtual.test
virtual_alias_maps = texthash:/etc/postfix/virtual
virtual_mailbox_domains = inline:{{boxes.test = x}}
virtual_mailbox_base = /srv/mail
virtual_mailbox_maps = hash:/etc/postfix/boxes
recipient_delimiter = +-
relocated_maps = inline:{{carol@virtual.test = carol@elsewhere.test}, {dan@virtual.test = phone 123}}
canonical_maps = hash:/etc/postfix/canonical
"""
VIRTUAL_FILES = {
    "/etc/aliases": (
        "postmaster: root\nroot: admin@elsewhere.test\nteam: alice, bob,\n  eve@elsewhere.test\n"
        'robot: "|/usr/bin/robot"\nfile: /var/log/mail\nall: :include:/etc/all\n'
    ),
    "/etc/postfix/virtual": "virtual.test anything\ninfo@virtual.test alice\n@virtual.test bob\nx@other.test y\n",
    "/etc/postfix/boxes": "ann@boxes.test ann/\nann@virtual.test ann2/\n@boxes.test rest/\n",
}


def test_names_and_virtual_domains() -> None:
    made = imported(VIRTUAL, files=VIRTUAL_FILES, accounts=("alice", "root"))
    configuration = meant(made)
    assert configuration.local.domains == ("mailhost", "mx.example.org", "localhost.example.org", "localhost")
    assert configuration.local.virtual_domains == ("virtual.test", "boxes.test")
    assert configuration.local.separator == "+"
    assert {name: list(each) for name, each in configuration.aliases.items()} == {
        "postmaster": ["root"],
        "root": ["admin@elsewhere.test"],
        "team": ["alice", "bob", "eve@elsewhere.test"],
        "info@virtual.test": ["alice@mailhost"],
    }
    users = {each.name: each.account for each in configuration.users}
    assert users == {"alice": None, "ann@boxes.test": None, "ann@virtual.test": "ann_at_virtual.test", "bob": None}
    assert configuration.local.catch_all == {"virtual.test": "bob@mailhost"}
    assert str(configuration.forwards["carol@virtual.test"].tell) == "carol@elsewhere.test"
    told = {each.what: each for each in made.outcomes if each.became is Became.NOT_MAPPED}
    assert {"robot", "file", "all", "x@other.test", "@boxes.test", "dan@virtual.test", "canonical_maps"} <= set(told)
    assert str(told["robot"].place) == "/etc/aliases:5"


STRICT = """\
myhostname = mx.example.org
mydestination = example.org
smtpd_helo_required = yes
strict_rfc821_envelopes = yes
smtpd_client_restrictions = permit_mynetworks, reject_unknown_client_hostname
smtpd_helo_restrictions = permit_mynetworks reject_non_fqdn_helo_hostname, reject_invalid_helo_hostname
smtpd_sender_restrictions = reject_sender_login_mismatch, reject_unknown_sender_domain
    check_sender_access hash:/etc/postfix/senders
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination,
    reject_rbl_client zen.example.test, reject_rbl_client bl.example.test=127.0.0.[2..3],
    check_policy_service inet:127.0.0.1:10023, warn_if_reject reject_unknown_helo_hostname, my_class
smtpd_milters = unix:opendkim/sock, { inet:127.0.0.1:8893, default_action = accept }
milter_default_action = tempfail
my_class = permit
smtp_bind_address = 192.0.2.9
some_new_thing = 1
"""


def test_restrictions_and_milters() -> None:
    made = imported(STRICT, accounts=("alice",))
    configuration = meant(made)
    policy = configuration.policy
    assert [str(each) for each in (policy.reverse_name, policy.hello_short, policy.sender_domain)] == ["refuse"] * 3
    assert policy.hello_unresolved.is_off
    assert [(each.zone, str(each.weight), [str(net) for net in each.answers]) for each in policy.lists] == [
        ("zen.example.test", "refuse", []),
        ("bl.example.test", "refuse", ["127.0.0.2/32", "127.0.0.3/32"]),
    ]
    assert float(configuration.greylist.wait) == 300
    assert configuration.auth.sender_login_match
    assert [(str(each.address), each.default_action.value) for each in configuration.milters] == [
        ("unix:/var/spool/postfix/opendkim/sock", "tempfail"),
        ("127.0.0.1:8893", "accept"),
    ]
    assert became(made, "smtpd_sender_restrictions check_sender_access") == ["not mapped"]
    assert became(made, "smtpd_recipient_restrictions warn_if_reject") == ["not mapped"]
    assert became(made, "smtpd_helo_required") == ["done anyway"]
    assert became(made, "smtp_bind_address") == ["not mapped"]
    assert became(made, "some_new_thing") == ["not mapped"]


MASTER = """\
smtp inet n - y - 1 postscreen
smtpd pass - - y - - smtpd
submission inet n - y - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
smtps inet n - y - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
127.0.0.1:10025 inet n - n - - smtpd
  -o content_filter=
qmqp unix n - n - - qmqpd
628 inet n - y - - qmqpd
pickup unix n - y 60 1 pickup
mylmtp unix - - n - - lmtp
vdrop unix - n n - - pipe
  flags=DRhu user=vmail:vmail argv=/usr/bin/vdrop -d ${recipient} ${sender}
"""


def test_listeners_postscreen_and_programs(tmp_path: Path) -> None:
    from tests.certificates import Authority

    files = Authority(tmp_path).issue("mx.example.org")
    main_cf = (
        "myhostname = mx.example.org\nmydestination = example.org\ninet_interfaces = 192.0.2.1, loopback-only\n"
        "inet_protocols = ipv4\nvirtual_mailbox_domains = v.test\nvirtual_transport = vdrop:\n"
        "virtual_mailbox_maps = inline:{{a@v.test = a/}}\nmailbox_transport = mylmtp:unix:private/dovecot\n"
        f"smtpd_tls_cert_file = {files.chain}\nsmtpd_tls_key_file = {files.key}\nsmtpd_tls_security_level = may\n"
        "postscreen_greet_action = enforce\npostscreen_dnsbl_action = enforce\npostscreen_dnsbl_threshold = 3\n"
        "postscreen_dnsbl_sites = zen.example.test*3 list.example.test=127.0.[0..255].0*-2 b.example.test=127.0.0.2*2\n"
    )
    here = {files.chain: "", files.key: ""}
    made = imported(main_cf, MASTER, files=here, accounts=("alice",))
    configuration = meant(made)
    shown = [
        (str(each.address), each.role.value if each.role else None, each.tls.value) for each in configuration.listeners
    ]
    assert shown == [
        ("192.0.2.1:25", None, "starttls"),
        ("127.0.0.1:25", None, "starttls"),
        ("192.0.2.1:587", "submission", "starttls"),
        ("127.0.0.1:587", "submission", "starttls"),
        ("192.0.2.1:465", "submission", "implicit"),
        ("127.0.0.1:465", "submission", "implicit"),
        ("127.0.0.1:10025", None, "starttls"),
    ]
    assert made.beside == {"users": ""}
    assert [(each.name, str(each.route)) for each in configuration.users] == [
        ("alice", "lmtp:unix:/var/spool/postfix/private/dovecot"),
        ("a@v.test", "pipe:vdrop"),
    ]
    (pipe,) = configuration.pipes
    assert (pipe.command, pipe.user) == (("/usr/bin/vdrop", "-d", "{recipient}", "{sender}"), "vmail")
    assert float(configuration.policy.greet_delay) == 6
    assert configuration.policy.refuse_at == 3
    assert [(each.zone, each.weight.points) for each in configuration.policy.lists] == [
        ("zen.example.test", 3),
        ("list.example.test", -2),
        ("b.example.test", 2),
    ]
    assert became(made, "service 628") == ["not mapped"]
    assert became(made, "service vdrop") == ["mapped"]


def test_certificates_that_are_elsewhere_are_told_and_not_written() -> None:
    made = imported("myhostname = a.test\nsmtpd_tls_cert_file = /etc/ssl/x.pem\nsmtp_tls_CAfile = /etc/ssl/ca.pem\n")
    assert meant(made).tls.certificates == ()
    assert became(made, "smtpd_tls_cert_file") == ["not mapped"]
    assert became(made, "smtp_tls_CAfile") == ["not mapped"]


@pytest.mark.parametrize("main_cf", [RELAY, VIRTUAL, STRICT])
def test_each_line_is_told_about(main_cf: str) -> None:
    """But for names of one's own that others are made with, which are told as such."""
    made = imported(main_cf, files={**RELAY_FILES, **VIRTUAL_FILES})
    lines = {each.place.line for each in made.outcomes if each.place.file == "main.cf"}
    assert {each.place.line for each in read_main(main_cf, "main.cf")[0].values()} <= lines
    assert all(each.text for each in made.outcomes)


def test_the_command_writes_the_file_and_the_report(tmp_path: Path) -> None:
    etc = tmp_path / "postfix"
    etc.mkdir()
    (etc / "main.cf").write_text(RELAY)
    for path, text in RELAY_FILES.items():
        (etc / Path(path).name).write_text(text)
    output, report = tmp_path / "heloise.toml", tmp_path / "report"
    arguments = ["import-postfix", str(etc), "-o", str(output), "--report", str(report), "--with-secrets"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output  # something could not be mapped
    assert (tmp_path / "password-1").read_text() == "pa:ss\n"
    assert (tmp_path / "password-1").stat().st_mode & 0o077 == 0
    assert f"{etc}/main.cf:11: message_size_limit: mapped: [limits] message_size" in report.read_text()
    checked = CliRunner().invoke(main, ["check", "-c", str(output)])
    assert checked.exit_code == 0, checked.output
    shown = CliRunner().invoke(main, ["import-postfix", str(etc / "main.cf")])
    assert 'hostname = "mx.example.org"' in shown.stdout
    assert "pa:ss" not in shown.output


def test_a_main_cf_with_nothing_in_it_is_postfix_as_it_comes() -> None:
    configuration = meant(imported("", hostname="mx.example.org"))
    assert configuration.local.domains == ("mx.example.org", "localhost.example.org", "localhost")
    assert configuration.limits.message_size == 10240000
