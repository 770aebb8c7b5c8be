"""Access tables and content rules in a file of hooks: what is looked up, in which order, what becomes of mail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from heloise.mail.content import ContentFacts, MemoryContent
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath, ReversePath
from heloise.policy.applying import after
from heloise.policy.tables import (
    Always,
    Check,
    ContentRules,
    Keyed,
    Networks,
    Patterns,
    Permit,
    Refuse,
    judge,
    judge_content,
)
from heloise.policy.tables.access import keys
from heloise.policy.verdict import Verdict
from heloise.policy.views import MessageView, RcptView, SessionView

SENDER, RECIPIENT = ReversePath.parse(b"<Ann+tag@mail.sender.test>"), ForwardPath.parse(b"<bob@example.org>")


def recipient(client: str = "192.0.2.7", **session: object) -> RcptView:
    shown = SessionView(session="s", client=client, hello_name="h.client.test", **session)  # type: ignore[arg-type]
    return RcptView(session=shown, reverse_path=SENDER, forward_path=RECIPIENT)


def keyed(rows: Mapping[str, str]) -> Keyed:
    return Keyed("t", {key: (number, says) for number, (key, says) in enumerate(rows.items(), 1)})


def test_an_address_is_looked_up_whole_then_without_tag_then_by_domain_and_by_name() -> None:
    check = Check("sender", keyed({}), separator="+")
    assert [key for key, _ in keys(recipient(), check)] == [
        *("Ann+tag@mail.sender.test", "Ann@mail.sender.test", "mail.sender.test", "sender.test", "test"),
        *("Ann+tag@", "Ann@"),
    ]
    dotted = Check("sender", keyed({}), parents=False)
    assert [key for key, _ in keys(recipient(), dotted)][1:4] == ["mail.sender.test", ".sender.test", ".test"]


@pytest.mark.parametrize(
    ("client", "looked_up"),
    [
        ("192.0.2.7", ["192.0.2.7", "192.0.2", "192.0", "192"]),
        ("2001:db8::1", ["2001:db8::1", "2001:db8:", "2001:db8", "2001"]),
    ],
)
def test_a_client_is_looked_up_by_address_and_by_what_it_begins_with(client: str, looked_up: list[str]) -> None:
    assert [key for key, _ in keys(recipient(client), Check("client", keyed({})))] == looked_up


def code(verdict: Verdict) -> int:
    return 0 if verdict.refusal is None else verdict.refusal.code


def test_the_first_row_that_decides_ends_its_list_and_the_first_refusal_all_lists() -> None:
    ok = Check("sender", keyed({"sender.test": "OK"}))
    no = Check("client", Networks("n", [(3, "192.0.2.0/24", "550 5.7.1 Not from there")]))
    assert code(judge(recipient(), [[ok, no]])) == 0
    refused = judge(recipient(), [[ok], [no], [Refuse(is_later=True)]])
    assert refused.refusal is not None
    assert (refused.refusal.code, str(refused.refusal.cause.rule)) == (550, "n:3")
    assert code(judge(recipient(), [[Permit.USERS, Refuse()]])) == 554
    assert code(judge(recipient(user="ann"), [[Permit.NETWORKS, Permit.USERS, Refuse()]])) == 0
    assert code(judge(recipient(may_relay=True), [[Permit.OURS, Refuse(is_later=True)]])) == 450


def test_defer_if_permit_waits_for_a_refusal_by_others() -> None:
    wait = Check("helo", keyed({"client.test": "DEFER_IF_PERMIT 4.3.0 Soon"}))
    assert code(judge(recipient(), [[wait]])) == 450
    assert code(judge(recipient(), [[wait, Check("sender", Always("s", "REJECT"))]])) == 554


def test_what_is_about_the_message_lets_the_list_go_on() -> None:
    hold = Check("sender", Patterns("p", [(1, "/^ann(.)/", "HOLD has $1")]))
    said = judge(recipient(), [[hold, Check("recipient", keyed({"bob@": "DISCARD x"}))]])
    assert (said.hold is not None, said.discard is not None, said.refusal) == (True, True, None)


HEADER = b"Subject: one\r\nX-A: 1\r\nx-a: 2\r\nX-B: long\r\n value\r\nX-A: 3\r\nTo: b@example.org\r\n"


def message(header: bytes = HEADER, body: bytes = b"\r\ntext\r\n") -> MessageView:
    return MessageView(
        session=SessionView(session="s", client="192.0.2.7"),
        envelope=Envelope(reverse_path=SENDER, recipients=()),
        message_id=MessageId("m"),
        facts=ContentFacts(size=len(header + body), eight_bit=False),
        header=header,
        body=MemoryContent(body),
    )


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        (
            [(1, "/^x-a: 2/", "IGNORE"), (2, "/^X-A: (.)/", "REPLACE X-N$1: was $1")],
            b"Subject: one\r\nX-N1: was 1\r\nX-B: long\r\n value\r\nX-N3: was 3\r\nTo: b@example.org\r\n",
        ),
        (
            [(1, "/^X-A: [23]/", "PREPEND X-Seen: yes"), (2, "/long.*value/", "STRIP"), (3, "/^To/", "REPLACE X-A: 4")],
            b"Subject: one\r\nX-A: 1\r\nX-Seen: yes\r\nx-a: 2\r\nX-Seen: yes\r\nX-A: 3\r\nX-A: 4\r\n",
        ),
        ([(1, "/long$/", "IGNORE"), (2, "/subject/i", "IGNORE"), (3, "!/:/", "IGNORE")], HEADER),
    ],
)
def test_fields_are_changed_where_they_stand(rows: list[tuple[int, str, str]], header: bytes) -> None:
    view = message()
    said = asyncio.run(judge_content(view, ContentRules(header=[Patterns("h", rows)])))
    assert after(view, said.changes).header == header


def test_a_body_is_looked_at_line_by_line_up_to_its_limit() -> None:
    table = Patterns("b", [(1, "/^buy$/", "REJECT 4.7.0 Not now")])
    rules = ContentRules(body=[table], body_limit=10)
    assert code(asyncio.run(judge_content(message(body=b"\r\nx\r\nbuy\r\n"), rules))) == 450
    assert code(asyncio.run(judge_content(message(body=b"\r\nbuy it\r\n"), rules))) == 0
    assert code(asyncio.run(judge_content(message(body=b"\r\n0123456789\r\nbuy\r\n"), rules))) == 0
