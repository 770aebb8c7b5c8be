"""Trace fields."""

import pytest

from heloise.mail.address import Mailbox
from heloise.mail.trace import Origin, received_field

ORIGIN = Origin(hello_name="client.test", peer_address="192.0.2.1", protocol="ESMTP", session="s", received_at=0.0)


@pytest.mark.parametrize(
    ("sole_recipient", "clause"),
    [
        (b"bob@example.org", b"id M for <bob@example.org>;\r\n"),
        ("dörte@example.org".encode(), b"id M;\r\n"),
        (None, b"id M;\r\n"),
    ],
)
def test_the_received_field_names_a_sole_recipient_but_never_needs_smtputf8(
    sole_recipient: bytes | None, clause: bytes
) -> None:
    mailbox = None if sole_recipient is None else Mailbox.parse(sole_recipient)
    field = received_field(origin=ORIGIN, by="mx.test", message_id="M", sole_recipient=mailbox)
    assert clause in field
    assert field.isascii()
