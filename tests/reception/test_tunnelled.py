"""The header field MT-Priority of mail that comes in: whose word it is, and what becomes of it. RFC 6758."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.queue.model import QueuedMessage
from heloise.smtp.extensions import mt_priority
from tests.policy.house import MESSAGE, House, at_home

TRUSTED, STRANGER = "203.0.113.7", "198.51.100.7"
RELAY = '[relay]\nnetworks = ["203.0.113.0/24"]\n'
ALSO_A_LIST = '[[list]]\nname = "club"\nowner = "alice"\nmembers = ["bob", "dora@away.test"]\n'
FIELD = "MT-Priority: 6\r\n"


def took(
    message: str,
    *,
    whose: str | None = "relay",
    client: str = TRUSTED,
    parameters: str = "",
    to: str = "user@away.test",
    more: str = "",
) -> list[tuple[QueuedMessage, str]]:
    """What is in the queue after this message came from there."""
    found: list[tuple[QueuedMessage, str]] = []

    async def play(house: House) -> None:
        client_ = await house.greeted(client)
        await client_.all(f"MAIL FROM:<carol@client.test>{parameters}", f"RCPT TO:<{to}>", "DATA")
        client_.stream.send(message.encode())
        assert (await client_.say("."))[:3] == "250"
        found.extend(await house.queued())

    section = "" if whose is None else f'[tunnelling]\nmt_priority = "{whose}"\n'
    at_home(play, more=RELAY + section + more)
    return found


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("6", 6),
        ("-9", -9),
        ("0", 0),
        (" 3 (urgent; said the \\) user)", 3),
        ("\r\n\t4", 4),
        ("10", None),
        ("+1", None),
        ("-0", None),
        ("high", None),
        ("", None),
        ("6 7", None),
    ],
)
def test_the_field_of_a_trusted_client_becomes_the_parameter_that_was_not_said(text: str, priority: int | None) -> None:
    [(message, octets)] = took(f"mt-priority:{text}\r\n{MESSAGE}")
    assert message.hints.priority == (priority or 0)
    assert message.parameters.value("MT-PRIORITY") == (None if priority is None else str(priority))
    assert octets.endswith(f"mt-priority:{text}\r\n{MESSAGE}")


def test_what_mail_says_counts_more_than_a_field() -> None:
    [(message, octets)] = took(FIELD + MESSAGE, parameters=" MT-PRIORITY=-2")
    assert message.hints.priority == -2
    assert octets.endswith(FIELD + MESSAGE)


def test_of_several_fields_the_topmost_that_can_be_read_counts() -> None:
    [(message, _)] = took(f"MT-Priority: much\r\nMT-Priority: 2\r\n{FIELD}{MESSAGE}")
    assert message.hints.priority == 2


def test_a_field_in_the_body_is_none() -> None:
    [(message, _)] = took(MESSAGE + FIELD)
    assert message.hints.priority == 0


def test_a_message_that_is_nothing_but_a_header_has_its_field_read_too() -> None:
    found = took(FIELD + "Subject: all there is\r\n", to="club@home.test", more=ALSO_A_LIST)
    assert {message.hints.priority for message, _ in found} == {6}
    found = took(FIELD + "Subject: all there is\r\n")
    assert [message.hints.priority for message, _ in found] == [6]


def test_the_members_of_a_list_get_it_with_the_same_priority() -> None:
    found = took(FIELD + MESSAGE, to="club@home.test", more=ALSO_A_LIST)
    assert {message.hints.priority for message, _ in found} == {6}
    assert {message.parameters.value("MT-PRIORITY") for message, _ in found} == {"6"}


def test_the_field_of_a_stranger_counts_nothing_and_is_taken_out() -> None:
    [(message, octets)] = took(f"A: 1\r\n{FIELD}mT-pRIORITY:\r\n 9\r\n{MESSAGE}", client=STRANGER)
    assert message.hints.priority == 0
    assert "MT-PRIORITY" not in message.parameters
    assert octets.endswith(f"\r\nA: 1\r\n{MESSAGE}")
    assert "MT-Priority" not in octets
    assert message.facts.size == len(octets)


def test_a_strangers_field_counts_where_everybody_is_believed() -> None:
    [(message, _)] = took(FIELD + MESSAGE, client=STRANGER, whose="any")
    assert message.hints.priority == 6


def test_programs_on_this_machine_are_believed_where_only_they_are() -> None:
    [(message, octets)] = took(FIELD + MESSAGE, whose="loopback")  # it may relay, but is none
    assert message.hints.priority == 0
    assert "MT-Priority" not in octets


@pytest.mark.parametrize("whose", [None, "off"])
@pytest.mark.parametrize("client", [TRUSTED, STRANGER])
def test_unless_it_is_asked_for_nobody_looks_for_a_field(whose: str | None, client: str) -> None:
    [(message, octets)] = took(FIELD + MESSAGE, whose=whose, client=client)
    assert message.hints.priority == 0
    assert octets.endswith(FIELD + MESSAGE)


def test_a_header_longer_than_anybody_reads_is_kept_as_it_is() -> None:
    long = "X-Long: " + "a" * 900 + "\r\n"
    [(message, octets)] = took(long * 400 + FIELD + MESSAGE)
    assert message.hints.priority == 0
    assert octets.endswith(long * 400 + FIELD + MESSAGE)


@given(
    st.lists(
        st.sampled_from([b"MT-Priority", b":", b" ", b"\t", b"(", b")", b"\\", b"\r\n", b"-", b"7", b"x", b"\xff"])
    )
)
def test_any_header_can_be_read_and_without_the_field_there_is_none(parts: list[bytes]) -> None:
    header = b"".join(parts) + b"\r\n"
    priority = mt_priority.in_header(header)
    assert priority is None or -9 <= priority <= 9
    rest = mt_priority.without_field(header)
    assert mt_priority.in_header(rest) is None
    if rest[:1] not in (b" ", b"\t"):  # else it goes on with the field above it
        assert mt_priority.in_header(mt_priority.field(4) + rest) == 4
