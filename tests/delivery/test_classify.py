"""The whole table: every stage, every class of reply."""

import pytest

from heloise.delivery.classify import belongs_elsewhere, classify, classify_failure, combine, local, without_next_hop
from heloise.link.dial import DialFailure
from heloise.mail import causes
from heloise.mail.envelope import Recipient
from heloise.mail.outcome import Action, Stage
from heloise.mail.reply import Reply
from heloise.smtp import client_replies, replies
from heloise.smtp.transaction import RecipientAnswer
from heloise.world import LinkFault

RECIPIENT = Recipient.parse(b"<x@full.test>")


def said(code: int) -> Reply:
    return replies.reply(code, None, "words", causes.PEER_SAID)


def answer(stage: Stage, reply: Reply, *, by_peer: bool = True, ambiguous: bool = False) -> RecipientAnswer:
    return RecipientAnswer(recipient=RECIPIENT, stage=stage, reply=reply, said_by_peer=by_peer, ambiguous=ambiguous)


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT])
@pytest.mark.parametrize(
    ("code", "action"),
    [
        (450, Action.DELAYED),
        (451, Action.DELAYED),
        (452, Action.DELAYED),
        (421, Action.DELAYED),
        (499, Action.DELAYED),
        (500, Action.FAILED),
        (501, Action.FAILED),
        (502, Action.FAILED),
        (503, Action.FAILED),
        (550, Action.FAILED),
        (551, Action.FAILED),
        (552, Action.FAILED),
        (553, Action.FAILED),
        (554, Action.FAILED),
        (599, Action.FAILED),
    ],
)
def test_the_first_digit_decides_at_every_stage(stage: Stage, code: int, action: Action) -> None:
    outcome = classify(answer(stage, said(code)), peer="full.test")
    assert (outcome.action, outcome.stage, outcome.remote_mta) == (action, stage, "full.test")


@pytest.mark.parametrize("code", [250, 251, 252, 299])
def test_only_a_2yz_to_the_final_dot_passes_responsibility(code: int) -> None:
    assert classify(answer(Stage.CONTENT, said(code)), peer="p").action is Action.RELAYED
    assert classify(answer(Stage.CONTENT, said(code)), peer="p", is_final_delivery=True).action is Action.DELIVERED
    for stage in (Stage.MAIL, Stage.RCPT, Stage.DATA):
        assert classify(answer(stage, said(code)), peer="p").action is Action.DELAYED


@pytest.mark.parametrize("code", [150, 354, 50])
def test_nonsense_is_never_a_failure(code: int) -> None:
    assert classify(answer(Stage.CONTENT, said(code)), peer="p").action is Action.DELAYED


def test_words_of_ours_are_not_put_into_the_peers_mouth() -> None:
    outcome = classify(answer(Stage.RCPT, client_replies.lost("rcpt", "reset"), by_peer=False), peer="p")
    assert (outcome.action, outcome.remote_mta) == (Action.DELAYED, None)


def test_a_message_that_does_not_fit_the_peer_fails() -> None:
    outcome = classify(answer(Stage.MAIL, client_replies.too_big(10, 5), by_peer=False), peer="p")
    assert outcome.action is Action.FAILED


def test_lost_after_the_dot_is_never_a_failure() -> None:
    lost = answer(Stage.CONTENT, client_replies.lost_after_dot("reset"), by_peer=False, ambiguous=True)
    outcome = classify(lost, peer="p")
    assert (outcome.action, outcome.ambiguous) == (Action.DELAYED, True)
    assert not belongs_elsewhere(lost)


def test_too_many_recipients_is_no_failure_whatever_its_code() -> None:
    too_many = RecipientAnswer(recipient=RECIPIENT, stage=Stage.RCPT, reply=said(552), retry_at_once=True)
    assert classify(too_many, peer="p").action is Action.DELAYED
    assert not belongs_elsewhere(too_many)


def test_the_duty_to_report_moves_on_only_with_the_message() -> None:
    taken = RecipientAnswer(recipient=RECIPIENT, stage=Stage.CONTENT, reply=said(250), dsn_offered=True)
    refused = RecipientAnswer(recipient=RECIPIENT, stage=Stage.CONTENT, reply=said(550), dsn_offered=True)
    assert classify(taken, peer="p").dsn_passed_on
    assert not classify(refused, peer="p").dsn_passed_on


@pytest.mark.parametrize(
    ("subject", "elsewhere"),
    [
        (answer(Stage.MAIL, said(421)), True),
        (answer(Stage.CONTENT, said(421)), True),
        (answer(Stage.RCPT, said(450)), False),
        (answer(Stage.RCPT, said(550)), False),
        (answer(Stage.DATA, client_replies.lost("data", "reset"), by_peer=False), True),
        (answer(Stage.DATA, client_replies.timed_out("data", 120), by_peer=False), True),
        (answer(Stage.CONTENT, client_replies.nonsense("content", "?"), by_peer=False), False),
        (answer(Stage.MAIL, client_replies.too_big(10, 5), by_peer=False), False),
    ],
)
def test_only_link_trouble_and_421_go_to_the_next_address(subject: RecipientAnswer, elsewhere: bool) -> None:
    assert belongs_elsewhere(subject) is elsewhere


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.HELLO])
@pytest.mark.parametrize(("code", "action"), [(421, Action.DELAYED), (450, Action.DELAYED), (554, Action.FAILED)])
def test_a_refusal_before_any_transaction(stage: Stage, code: int, action: Action) -> None:
    failure = DialFailure(stage=stage, reply=said(code), said_by_peer=True)
    outcome = classify_failure(failure, peer="full.test", shown="full.test.")
    assert (outcome.action, outcome.remote_mta) == (action, "full.test")


@pytest.mark.parametrize("fault", list(LinkFault))
def test_no_connection_is_a_delay_that_names_the_host(fault: LinkFault) -> None:
    failure = DialFailure(stage=Stage.CONNECT, reply=client_replies.not_connected(fault.value), fault=fault)
    outcome = classify_failure(failure, peer="full.test", shown="full.test.")
    assert (outcome.action, outcome.remote_mta) == (Action.DELAYED, None)
    assert outcome.reply.text.endswith(" full.test.")


def test_failed_only_when_every_address_says_so() -> None:
    refused = classify_failure(
        DialFailure(stage=Stage.GREETING, reply=said(554), said_by_peer=True), peer="p", shown="p."
    )
    later = classify_failure(
        DialFailure(stage=Stage.GREETING, reply=said(421), said_by_peer=True), peer="p", shown="p."
    )
    assert combine([refused, refused]).action is Action.FAILED
    assert combine([later, refused]).action is Action.DELAYED


def test_a_route_to_nowhere() -> None:
    assert without_next_hop(replies.null_mx("x.test")).action is Action.FAILED
    assert without_next_hop(replies.dns_failure("x.test", "timed out")).action is Action.DELAYED


def test_a_delivery_on_this_machine() -> None:
    assert local(replies.delivered("alice")).action is Action.DELIVERED
    assert local(replies.local_trouble("alice", "EIO")).action is Action.DELAYED
    assert local(replies.recipient_unknown(RECIPIENT.forward_path)).action is Action.FAILED
