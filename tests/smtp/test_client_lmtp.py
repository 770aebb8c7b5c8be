"""LMTP from the client's side: one reply for each accepted recipient. RFC 2033 §4.2."""

from heloise.mail.outcome import Stage
from tests.smtp.clients import Client, ready

THREE = ("<u@x.test>", "<v@x.test>", "<w@x.test>")


def delivered(*rcpts: str) -> Client:
    peer = ready("PIPELINING", lmtp=True).begin(*THREE).hear("250 ok", *rcpts, "354 go")
    peer.session.send_content(b"hi\r\n")
    peer.session.finish_content()
    return peer


def test_each_accepted_recipient_has_a_reply_of_its_own_after_the_dot() -> None:
    peer = delivered("250 ok", "550 no", "250 ok").hear("250 2.1.5 stored", "452 4.2.2 full")
    assert peer.replies() == ["250 2.1.5 stored", "550 no", "452 4.2.2 full"]
    assert peer.session.usable


def test_a_connection_lost_between_the_replies_is_ambiguous_for_the_rest() -> None:
    peer = delivered("250 ok", "250 ok", "250 ok").hear("250 stored")
    peer.session.receive_data(b"")
    peer.drain()
    assert [answer.ambiguous for answer in peer.answers] == [False, True, True]
    assert peer.answers[1].stage is Stage.CONTENT


def test_421_between_the_replies_decides_the_rest() -> None:
    peer = delivered("250 ok", "250 ok", "250 ok").hear("250 stored", "421 bye")
    assert [answer.reply.code for answer in peer.answers] == [250, 421, 421]
