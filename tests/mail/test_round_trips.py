"""What is written to the wire reads back as the same value, for every noun."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.mail.address import AddressError, Mailbox
from heloise.mail.envelope import Envelope, Parameters, Recipient, split_path
from heloise.mail.path import BARE_POSTMASTER, NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.mail.status import EnhancedStatus
from heloise.mail.xtext import decode_xtext, encode_xtext, is_xtext
from heloise.smtp.command import Bdat, Command, Hello, Mail, Plain, Rcpt, Verb, parse_command
from tests.strategies import DOMAINS, ENVELOPES, FORWARD_PATHS, MAILBOXES, PARAMETERS, RECIPIENTS, REVERSE_PATHS


@given(MAILBOXES)
def test_a_mailbox_reads_back_as_it_was_written(mailbox: Mailbox) -> None:
    again = Mailbox.parse(mailbox.encode())
    assert again == mailbox
    assert (again.local_part, again.domain) == (mailbox.local_part, mailbox.domain)


@given(REVERSE_PATHS)
def test_a_reverse_path_reads_back_as_it_was_written(path: ReversePath) -> None:
    assert ReversePath.parse(path.encode()) == path


@given(FORWARD_PATHS)
def test_a_forward_path_reads_back_as_it_was_written(path: ForwardPath) -> None:
    assert ForwardPath.parse(path.encode()) == path


@given(PARAMETERS)
def test_parameters_read_back_as_they_were_written(parameters: Parameters) -> None:
    assert Parameters.parse(parameters.encode()) == parameters


@given(RECIPIENTS)
def test_a_recipient_reads_back_as_it_was_written(recipient: Recipient) -> None:
    assert Recipient.parse(recipient.encode()) == recipient


@given(ENVELOPES)
def test_an_envelope_reads_back_as_it_was_written(envelope: Envelope) -> None:
    assert Envelope.parse(envelope.encode()) == envelope


@given(st.integers(0, 2), st.integers(0, 999), st.integers(0, 999))
def test_an_enhanced_status_reads_back_as_it_was_written(klass: int, subject: int, detail: int) -> None:
    status = EnhancedStatus((2, 4, 5)[klass], subject, detail)
    assert EnhancedStatus.parse(str(status)) == status


@given(st.text(st.characters(max_codepoint=0xFF)))
def test_xtext_reads_back_as_it_was_written(text: str) -> None:
    assert is_xtext(encode_xtext(text))
    assert decode_xtext(encode_xtext(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "smtp:127.0.0.1:25",
        "smtp:[::1]:25",
        "lmtp:unix:/run/l",
        "mx:example.org",
        "maildir:a",
        "catch:",
        "discard:",
        "smtp:a:25?on-request",
    ],
)
def test_a_route_reads_back_as_it_was_written(text: str) -> None:
    assert str(Route.parse(text)) == text


COMMANDS = st.one_of(
    st.builds(Hello, st.sampled_from([Verb.EHLO, Verb.HELO, Verb.LHLO]), DOMAINS),
    st.builds(Mail, REVERSE_PATHS, PARAMETERS),
    st.builds(Rcpt, FORWARD_PATHS, PARAMETERS),
    st.builds(Bdat, st.integers(0, 10**19), st.booleans()),
    st.builds(Plain, st.sampled_from(["DATA", "NOOP", "VRFY", "XFOO"]), st.text("abc@<>", max_size=9)),
)


@given(COMMANDS)
def test_a_command_reads_back_as_it_was_written(command: Command) -> None:
    wire = command.encode()
    assert wire.endswith(b"\r\n")
    assert parse_command(wire[:-2]) == command


def test_the_null_reverse_path_and_postmaster_are_values_of_their_own() -> None:
    assert ReversePath.parse(b"<>") == NULL_REVERSE_PATH
    assert ForwardPath.parse(b"<POSTmaster>") == BARE_POSTMASTER
    assert NULL_REVERSE_PATH.is_null


def test_domains_compare_without_case_and_local_parts_with_it() -> None:
    assert Mailbox.parse(b"joe@Example.ORG") == Mailbox.parse(b"joe@example.org")
    assert hash(Mailbox.parse(b"joe@Example.ORG")) == hash(Mailbox.parse(b"joe@example.org"))
    assert Mailbox.parse(b"Joe@example.org") != Mailbox.parse(b"joe@example.org")
    assert str(Mailbox.parse(b"joe@Example.ORG")) == "joe@Example.ORG"


def test_quoting_that_is_not_needed_is_dropped_and_quoting_that_is_needed_is_kept() -> None:
    assert Mailbox.parse(b'"joe"@example.org').encode() == b"joe@example.org"
    assert Mailbox.parse(rb'"jo\e"@example.org').encode() == b"joe@example.org"
    assert Mailbox.parse(b'"a b"@example.org').encode() == b'"a b"@example.org'
    assert Mailbox.parse(rb'"a\"b"@example.org').encode() == rb'"a\"b"@example.org'


def test_a_source_route_is_accepted_and_ignored() -> None:
    assert ForwardPath.parse(b"<@one.test,@two.test:joe@three.test>") == ForwardPath.parse(b"<joe@three.test>")


def test_a_bracket_in_a_quoted_local_part_does_not_end_the_path() -> None:
    assert split_path(b'<"a>b"@c.test> SIZE=1') == (b'<"a>b"@c.test>', b"SIZE=1")


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"joe", b"@example.org", b"joe@", b"joe@.org", b"joe@org.", b"joe@a..b", b"jo e@a", b"joe@a b", b".joe@a",
        b"joe.@a", b"jo..e@a", b'"joe@a', b'"joe"a@b', b"joe@-a", b"joe@a-", b"joe@[1.2.3]", b"joe@[1.2.3.4",
        b"joe@[IPv6:xyz]", b"joe@[300.1.1.1]", b"joe@[IPv6:::1%\xc3\xa4 b]", b"joe@[tag:a>b]",
        b"jo\x00e@a", b"joe@a\x7f", b"\xff@a", b"joe@a@b", b"x" * 300 + b"@a",
        b"joe@" + b"a." * 130 + b"a",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(octets: bytes) -> None:
    with pytest.raises(AddressError):
        Mailbox.parse(octets)


@pytest.mark.parametrize(
    "octets", [b"<joe@a", b"joe@a>", b"joe@a", b"<@b:>", b"<@b joe@a>", b"<@b,c:joe@a>", b"<<joe@a>>"]
)
def test_what_is_no_path_is_refused(octets: bytes) -> None:
    with pytest.raises(AddressError):
        ForwardPath.parse(octets)


@pytest.mark.parametrize("octets", [b"A=b A=c", b"=x", b"a=", b"-x", b"A=b\x00"])
def test_what_are_no_parameters_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Parameters.parse(octets)
