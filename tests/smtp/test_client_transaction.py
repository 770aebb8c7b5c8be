"""Transactions from the client's side. RFC 5321 §3.3, RFC 2920, RFC 1870."""

import pytest

from heloise.mail.content import ContentFacts
from heloise.mail.outcome import Stage
from heloise.mail.status import Severity
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ContentWanted, ConversationEnded
from heloise.smtp.client_states import ContentDemand
from heloise.smtp.errors import LocalProtocolError
from heloise.smtp.registry import Registry
from heloise.smtp.transaction import ClientOptions
from tests.smtp.clients import REGISTRY, Client, client, envelope, ready

TWO = ("<u@x.test>", "<v@x.test>")


def with_content(peer: Client, content: bytes = b"hi\r\n") -> Client:
    peer.session.send_content(content)
    peer.session.finish_content()
    return peer.drain()


def test_with_pipelining_a_transaction_goes_out_as_one_group() -> None:
    peer = ready("PIPELINING").begin(*TWO)
    assert peer.said() == ["MAIL FROM:<a@client.test>", "RCPT TO:<u@x.test>", "RCPT TO:<v@x.test>", "DATA"]


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    peer = ready().begin()
    assert peer.said() == ["MAIL FROM:<a@client.test>"]
    assert peer.hear("250 ok").said() == ["RCPT TO:<u@x.test>"]
    assert peer.hear("250 ok").said() == ["DATA"]
    assert with_content(peer.hear("354 go")).said() == ["hi", "."]
    assert peer.hear("250 ok").answers[0].is_taken
    assert peer.session.usable


def test_each_recipient_gets_its_own_answer() -> None:
    peer = ready("PIPELINING").begin(*TWO, "<w@x.test>")
    peer.hear("250 ok", "250 ok", "550 5.1.1 no", "251 will forward", "354 go")
    with_content(peer).hear("250 2.0.0 taken")
    assert peer.replies() == ["250 2.0.0 taken", "550 5.1.1 no", "250 2.0.0 taken"]
    assert [answer.stage for answer in peer.answers] == [Stage.CONTENT, Stage.RCPT, Stage.CONTENT]


def test_a_refused_mail_is_the_answer_for_all_and_its_echoes_are_not() -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("550 5.7.1 no", "503 mail first", "503 mail first", "503 rcpt first")
    assert peer.replies() == ["550 5.7.1 no"] * 2
    assert {answer.stage for answer in peer.answers} == {Stage.MAIL}


def test_a_refused_mail_without_pipelining_sends_nothing_more() -> None:
    peer = ready().begin(*TWO)
    peer.said()
    assert peer.hear("451 later").said() == [""]
    assert peer.replies() == ["451 later"] * 2


def test_without_an_accepted_recipient_data_is_not_said() -> None:
    peer = ready().begin().hear("250 ok")
    peer.said()
    assert peer.hear("550 no").said() == [""]
    assert peer.replies() == ["550 no"]


def test_354_although_no_recipient_was_accepted_gets_only_a_dot_and_its_answer_counts_for_nobody() -> None:
    peer = ready("PIPELINING").begin(*TWO)
    peer.said()
    peer.hear("250 ok", "550 a", "450 b", "354 go")
    assert peer.said() == ["."]
    assert not any(isinstance(event, ContentWanted) for event in peer.events)
    peer.hear("250 2.0.0 taken")
    assert peer.replies() == ["550 a", "450 b"]
    assert peer.session.usable


def test_a_refused_data_after_refused_recipients_is_an_echo() -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("250 ok", "450 a", "550 b", "554 no valid recipients")
    assert peer.replies() == ["450 a", "550 b"]


def test_a_refused_data_is_the_answer_for_accepted_recipients_only() -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("250 ok", "250 ok", "550 b", "452 4.3.1 full")
    assert peer.replies() == ["452 4.3.1 full", "550 b"]
    assert peer.answers[0].stage is Stage.DATA


def test_a_transaction_left_open_is_reset_in_the_next_group() -> None:
    peer = ready("PIPELINING").begin().hear("250 ok", "550 no", "554 none")
    peer.said()
    assert peer.begin().said()[:2] == ["RSET", "MAIL FROM:<a@client.test>"]


def test_after_a_completed_message_no_reset_is_needed() -> None:
    peer = ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go")
    with_content(peer).hear("554 refused")
    peer.said()
    assert peer.begin().said()[0] == "MAIL FROM:<a@client.test>"


@pytest.mark.parametrize(
    ("at", "stage", "expected"),
    [
        (["421 bye"], Stage.MAIL, ["421 bye", "421 bye"]),
        (["250 ok", "421 bye"], Stage.RCPT, ["421 bye", "421 bye"]),
        (["250 ok", "550 no", "421 bye"], Stage.RCPT, ["550 no", "421 bye"]),
        (["250 ok", "250 ok", "250 ok", "421 bye"], Stage.DATA, ["421 bye", "421 bye"]),
    ],
)
def test_421_decides_what_is_undecided_and_ends_the_session(at: list[str], stage: Stage, expected: list[str]) -> None:
    peer = ready("PIPELINING").begin(*TWO).hear(*at)
    assert peer.replies() == expected
    assert peer.answers[-1].stage is stage
    assert not peer.session.usable


def test_421_while_idle_ends_the_session() -> None:
    peer = ready().hear("421 idle")
    assert isinstance(peer.events[-1], ConversationEnded)
    assert not peer.session.usable


def test_a_transaction_that_comes_after_the_peer_has_gone_is_decided_at_once() -> None:
    answer = ready().hear("421 idle").begin().answers[0]
    assert (str(answer.reply), answer.stage, answer.said_by_peer) == ("421 idle", Stage.MAIL, True)
    peer = ready()
    peer.session.receive_data(b"")
    answer = peer.begin().answers[0]
    assert (answer.reply.cause.id, answer.said_by_peer, answer.ambiguous) == ("link.lost", False, False)


def test_421_after_the_dot_is_an_answer_and_not_ambiguous() -> None:
    peer = with_content(ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go")).hear("421 4.3.2 stop")
    assert (peer.replies(), peer.answers[0].ambiguous, peer.answers[0].said_by_peer) == (
        ["421 4.3.2 stop"],
        False,
        True,
    )


@pytest.mark.parametrize("code", [452, 552])
def test_too_many_recipients_after_an_accepted_one_is_to_be_retried_at_once(code: int) -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("250 ok", "250 ok", f"{code} too many", "354 go")
    with_content(peer).hear("250 ok")
    assert peer.answers[0].is_taken
    assert (peer.answers[1].retry_at_once, peer.answers[1].reply.code) == (True, 452)


@pytest.mark.parametrize("replies", [("552 no", "552 no"), ("552 no", "250 ok")])
def test_552_to_the_first_recipient_is_what_it_says(replies: tuple[str, str]) -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("250 ok", *replies, "554 none")
    assert (peer.answers[0].reply.code, peer.answers[0].retry_at_once) == (552, False)


def test_a_full_mailbox_is_never_taken_for_too_many_recipients() -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("250 ok", "250 ok", "552 5.2.2 full", "451 later")
    assert (peer.answers[1].reply.code, peer.answers[1].retry_at_once) == (552, False)


def test_a_message_over_the_peers_limit_fails_before_mail() -> None:
    peer = ready("SIZE 9").begin(*TWO, size=10)
    assert peer.said() == [""]
    assert [str(answer.reply.status) for answer in peer.answers] == ["5.3.4"] * 2
    assert (peer.answers[0].reply.cause.id, peer.answers[0].said_by_peer) == ("delivery.too-big", False)
    assert peer.session.usable


def test_the_size_is_declared_where_it_is_offered() -> None:
    assert ready("SIZE 0").begin(size=10).said() == ["MAIL FROM:<a@client.test> SIZE=10"]


def test_eight_bit_content_is_declared_where_it_is_offered() -> None:
    assert ready("8BITMIME").begin(eight_bit=True).said() == ["MAIL FROM:<a@client.test> BODY=8BITMIME"]


def test_eight_bit_content_is_not_sent_to_a_peer_without_8bitmime() -> None:
    peer = ready().begin(eight_bit=True)
    assert peer.said() == [""]
    assert str(peer.answers[0].reply.status) == "5.6.3"
    assert peer.answers[0].reply.cause.id == "delivery.needs-extension"


def test_a_peer_that_hung_up_at_ehlo_may_have_8bitmime_so_it_is_tried_again_later() -> None:
    peer = client(start_with_helo=True).hear("220 x.test", "250 x.test")
    peer.said()
    peer.begin(eight_bit=True)
    assert peer.answers[0].reply.severity is Severity.TRANSIENT
    assert peer.answers[0].reply.cause.id == "delivery.needs-extension"


def test_an_address_outside_ascii_does_not_hinder_the_others() -> None:
    peer = ready("PIPELINING").begin("<ü@x.test>", "<v@x.test>")
    assert peer.said() == ["MAIL FROM:<a@client.test>", "RCPT TO:<v@x.test>", "DATA"]
    with_content(peer.hear("250 ok", "250 ok", "354 go")).hear("250 ok")
    assert (str(peer.answers[0].reply.status), peer.answers[1].is_taken) == ("5.6.7", True)


def test_an_address_outside_ascii_is_refused_even_by_a_client_without_extensions() -> None:
    peer = Client(ClientSession(ClientOptions(hello_name="client.test"), Registry([]))).hear("220 x", "250 x")
    peer.said()
    peer.session.begin(envelope("<ü@x.test>"), ContentFacts(size=1))
    assert (peer.said(), len(peer.drain().answers)) == ([""], 1)


def test_dsn_parameters_go_to_a_peer_with_dsn_only() -> None:
    def mail(*offers: str) -> list[str]:
        peer = ready(*offers)
        peer.session.begin(envelope("<u@x.test>", parameters="RET=HDRS ENVID=q+2B"), ContentFacts(size=1))
        return peer.said()

    assert mail("DSN") == ["MAIL FROM:<a@client.test> RET=HDRS ENVID=q+2B"]
    assert mail() == ["MAIL FROM:<a@client.test>"]


def test_an_answer_tells_whether_the_peer_took_over_the_duty_to_report() -> None:
    assert ready("DSN").begin().hear("550 no").answers[0].dsn_offered
    assert not ready().begin().hear("550 no").answers[0].dsn_offered


def test_onex_is_promised_with_mail_and_ends_the_use_of_the_connection() -> None:
    peer = ready("PIPELINING", "ONEX", only=True).begin()
    assert peer.said()[:2] == ["ONEX", "MAIL FROM:<a@client.test>"]
    peer.hear("500 what?", "250 ok", "250 ok", "354 go")
    with_content(peer).hear("250 ok")
    assert peer.answers[0].is_taken
    assert not peer.session.usable


def test_onex_and_verb_are_not_said_where_they_are_not_offered() -> None:
    assert ready("PIPELINING", only=True, verbose=True).begin().said()[0] == "MAIL FROM:<a@client.test>"


def test_verb_is_said_once_and_a_refusal_changes_nothing() -> None:
    peer = ready("PIPELINING", "VERB", verbose=True).begin()
    assert peer.said()[0] == "VERB"
    peer.hear("502 no", "250 ok", "550 no", "554 none")
    assert peer.replies() == ["550 no"]
    assert "VERB" not in peer.begin().said()


def test_limits_mailmax_ends_the_use_of_the_connection() -> None:
    peer = ready("LIMITS MAILMAX=1").begin().hear("550 no")
    assert not peer.session.usable


@pytest.mark.parametrize("words", ["354 go", "150 hm", "what?"])
def test_nonsense_is_transient_for_all_undecided_and_ends_the_session(words: str) -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("250 ok", "550 no", words)
    assert [answer.reply.code for answer in peer.answers] == [550, 451]
    assert (peer.answers[1].stage, peer.answers[1].said_by_peer) == (Stage.RCPT, False)
    assert not peer.session.usable


def test_nonsense_after_the_dot_leaves_open_whether_the_peer_has_the_message() -> None:
    peer = with_content(ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go")).hear("354 go on")
    assert (peer.answers[0].reply.code, peer.answers[0].ambiguous) == (451, True)


def test_an_unknown_code_is_judged_by_its_first_digit() -> None:
    peer = ready("PIPELINING").begin(*TWO).hear("299 fine", "577 no", "201 ok", "399 go")
    with_content(peer).hear("288 ok")
    assert [answer.reply.code for answer in peer.answers] == [577, 288]


def test_a_refusal_in_the_middle_of_the_text_decides() -> None:
    peer = ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go")
    peer.session.send_content(b"hi\r\n")
    peer.hear("552 5.3.4 too much")
    assert peer.replies() == ["552 5.3.4 too much"]
    assert peer.session.content_demand is ContentDemand.NO
    assert not peer.session.usable


def test_a_yes_in_the_middle_of_the_text_is_nonsense() -> None:
    peer = ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go", "250 taken")
    assert peer.answers[0].reply.cause.id == "peer.nonsense"


def test_a_bare_line_ending_ends_the_session_without_a_dot() -> None:
    peer = ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go")
    peer.said()
    peer.session.send_content(b"a\nb\r\n")
    assert str(peer.drain().answers[0].reply) == "554 5.6.0 Bare CR or LF in the message"
    assert peer.said() == [""]
    assert not peer.session.usable


def test_the_connection_lost_before_the_dot_is_sure() -> None:
    peer = ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go")
    peer.session.send_content(b"hi\r\n")
    peer.session.receive_data(b"")
    (answer,) = peer.drain().answers
    assert (answer.reply.cause.id, answer.ambiguous, answer.stage) == ("link.lost", False, Stage.CONTENT)


def test_the_connection_lost_after_the_dot_is_ambiguous() -> None:
    peer = with_content(ready("PIPELINING").begin().hear("250 ok", "250 ok", "354 go"))
    peer.session.receive_data(b"")
    (answer,) = peer.drain().answers
    assert (answer.reply.cause.id, answer.ambiguous, answer.said_by_peer) == ("link.lost-after-dot", True, False)


def test_each_stage_has_its_own_patience() -> None:
    peer = ready().begin()
    seen = [peer.session.patience]
    for words in ("250 ok", "250 ok", "354 go"):
        peer.hear(words)
        seen.append(peer.session.patience)
    with_content(peer)
    seen.append(peer.session.patience)
    assert seen == [300, 300, 120, 180, 600]


def test_silence_is_told_with_its_stage() -> None:
    peer = ready("PIPELINING").begin().hear("250 ok")
    peer.session.timed_out()
    (answer,) = peer.drain().answers
    assert (answer.stage, answer.reply.cause.id) == (Stage.RCPT, "link.timed-out")


def test_misuse_is_refused() -> None:
    peer = ready()
    with pytest.raises(LocalProtocolError):
        peer.session.begin(envelope(), ContentFacts(size=1))
    with pytest.raises(LocalProtocolError):
        peer.session.send_content(b"x")
    with pytest.raises(LocalProtocolError):
        peer.session.finish_content()
    peer.begin()
    with pytest.raises(LocalProtocolError):
        peer.begin()


def test_the_registry_of_the_tests_has_what_they_need() -> None:
    assert {"SIZE", "8BITMIME", "DSN", "SMTPUTF8", "BINARYMIME"} <= REGISTRY.keywords
