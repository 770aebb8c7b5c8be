"""A submission server puts in what is missing, and touches nothing else. RFC 6409 §8."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.mail.path import ReversePath
from heloise.reception.completing import Completion, complete

COMPLETION = Completion(
    domain="home.test", now=0.0, message_id="ID", reverse_path=ReversePath.parse(b"<carol@home.test>")
)
WHOLE = b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nMessage-ID: <a@b.test>\r\nFrom: c@d.test\r\n"


def test_date_message_id_and_from_are_put_in_when_they_are_missing() -> None:
    date = b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
    added = date + b"Message-ID: <ID@home.test>\r\nFrom: <carol@home.test>\r\n"
    assert complete(b"Subject: x\r\n", COMPLETION) == b"Subject: x\r\n" + added
    assert complete(b"", COMPLETION).count(b"\r\n") == 3


def test_several_authors_need_a_sender() -> None:
    two = WHOLE.replace(b"c@d.test", b'"A, B" <a@d.test>, b@d.test')
    assert complete(two, COMPLETION) == two + b"Sender: <carol@home.test>\r\n"
    one = WHOLE.replace(b"c@d.test", b'"A, B" <a@d.test>')
    assert complete(one, COMPLETION) == one


@pytest.mark.parametrize(
    ("written", "completed"),
    [
        ("bob", "bob@home.test"),
        ("bob, alice@away.test, eve", "bob@home.test, alice@away.test, eve@home.test"),
        ("Bob Baker <bob>", "Bob Baker <bob@home.test>"),
        ('"Baker, Bob" <bob>,\r\n\talice', '"Baker, Bob" <bob@home.test>,\r\n\talice@home.test'),
        ("(the boss) bob (really)", "(the boss) bob@home.test (really)"),
        ("team: bob, eve;", "team: bob@home.test, eve@home.test;"),
        ("undisclosed-recipients:;", "undisclosed-recipients:;"),
        ("Bob Baker <bob@away.test>", "Bob Baker <bob@away.test>"),
        ('"bob"@away.test', '"bob"@away.test'),
        ("<@route.test:bob@away.test>", "<@route.test:bob@away.test>"),
        ("bob.baker <>", "bob.baker <>"),
    ],
)
def test_a_name_without_a_domain_is_one_of_ours(written: str, completed: str) -> None:
    assert complete(WHOLE + f"To: {written}\r\n".encode(), COMPLETION) == WHOLE + f"To: {completed}\r\n".encode()


@given(st.binary(max_size=200))
def test_completing_twice_is_completing_once_and_loses_no_line(header: bytes) -> None:
    header = header.replace(b"\r\n\r\n", b"").lstrip(b"\r\n \t")
    once = complete(header, COMPLETION)
    assert complete(once, COMPLETION) == once
    assert once.count(b"\n") >= header.count(b"\n")
