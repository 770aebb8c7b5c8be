"""What can not be read is refused for the reason it has. RFC 5321 §4.1.1.11."""

import pytest

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import parse_command


@pytest.mark.parametrize("line", [b"MAIL FROM:<> A=1 a=2", b"RCPT TO:<a@b.test> A A"])
def test_a_parameter_that_is_given_twice_is_refused_as_that(line: bytes) -> None:
    assert parse_command(line) is replies.PARAMETER_TWICE


@pytest.mark.parametrize("line", [b"MAIL FROM:<> A=twice\x01", b"MAIL FROM:<> twice==", b"RCPT TO:<a@b.test> -twice"])
def test_a_parameter_that_can_not_be_read_is_not_taken_for_one_given_twice(line: bytes) -> None:
    reply = parse_command(line)
    assert isinstance(reply, Reply)
    assert (reply.code, reply.cause.id) == (501, "parameter.syntax")
