"""BDAT from the client's side. RFC 3030 §2, §3."""

from heloise.smtp.client_states import ContentDemand
from tests.smtp.clients import ready

OFFERS = ("PIPELINING", "CHUNKING", "BINARYMIME", "8BITMIME")


def test_the_content_goes_in_chunks_the_last_with_last() -> None:
    peer = ready(*OFFERS, bdat=True).begin()
    assert peer.said() == ["MAIL FROM:<a@client.test>", "RCPT TO:<u@x.test>"]
    peer.hear("250 ok", "250 ok")
    for chunk in (b".ab\r\n", b"cd\r\n", b"ef\r\n"):
        peer.session.send_content(chunk)
    peer.session.finish_content()
    assert peer.session.data_to_send() == b"BDAT 5\r\n.ab\r\nBDAT 4\r\ncd\r\nBDAT 4 LAST\r\nef\r\n"
    assert peer.hear("250 5", "250 4", "250 2.0.0 taken").answers[0].is_taken


def test_text_that_does_not_end_with_crlf_gets_one() -> None:
    peer = ready(*OFFERS, bdat=True).begin().hear("250 ok", "250 ok")
    peer.session.data_to_send()
    peer.session.send_content(b"ab")
    peer.session.finish_content()
    assert peer.session.data_to_send() == b"BDAT 4 LAST\r\nab\r\n"


def test_binary_content_goes_as_it_is_to_a_peer_with_binarymime() -> None:
    peer = ready(*OFFERS).begin(binary=True)
    assert peer.said()[0] == "MAIL FROM:<a@client.test> BODY=BINARYMIME"
    peer.hear("250 ok", "250 ok")
    peer.session.send_content(b"\n\r\x00")
    peer.session.finish_content()
    assert peer.session.data_to_send() == b"BDAT 3 LAST\r\n\n\r\x00"


def test_binary_content_fails_at_a_peer_without_binarymime() -> None:
    for offers in (("PIPELINING", "CHUNKING"), ("8BITMIME",), ("BINARYMIME",)):
        answer = ready(*offers).begin(binary=True).answers[0]
        assert str(answer.reply.status) == "5.6.3"


def test_a_bare_line_ending_in_text_is_not_sent_by_bdat_either() -> None:
    peer = ready(*OFFERS, bdat=True).begin().hear("250 ok", "250 ok")
    peer.said()
    peer.session.send_content(b"a\nb")
    assert str(peer.drain().answers[0].reply.status) == "5.6.0"
    assert peer.session.data_to_send() == b""


def test_without_pipelining_a_chunk_waits_for_the_reply_to_the_one_before() -> None:
    peer = ready("CHUNKING", bdat=True).begin().hear("250 ok").hear("250 ok")
    peer.said()
    for chunk in (b"a\r\n", b"b\r\n", b"c\r\n"):
        peer.session.send_content(chunk)
    assert peer.session.data_to_send() == b"BDAT 3\r\na\r\n"
    demands = [peer.session.content_demand]
    peer.hear("250 ok")
    demands.append(peer.session.content_demand)
    assert demands == [ContentDemand.LATER, ContentDemand.NOW]
    peer.session.finish_content()
    assert peer.session.data_to_send() == b"BDAT 3\r\nb\r\n"
    peer.hear("250 ok")
    assert peer.session.data_to_send() == b"BDAT 3 LAST\r\nc\r\n"
    assert peer.hear("250 ok").answers[0].is_taken


def test_a_refused_chunk_decides_and_the_replies_to_those_on_their_way_are_awaited() -> None:
    peer = ready(*OFFERS, bdat=True).begin().hear("250 ok", "250 ok")
    for _ in range(3):
        peer.session.send_content(b"a\r\n")
    peer.hear("452 4.3.1 full")
    assert peer.session.content_demand is ContentDemand.NO
    assert peer.hear("503 echo").replies() == ["452 4.3.1 full"]
    peer.said()
    assert peer.begin().said()[0] == "RSET"


def test_without_an_accepted_recipient_no_chunk_is_sent() -> None:
    for offers in (OFFERS, ("CHUNKING",)):
        peer = ready(*offers, bdat=True).begin("<u@x.test>", "<v@x.test>")
        for words in ("250 ok", "550 a", "550 b"):
            peer.hear(words)
        assert peer.replies() == ["550 a", "550 b"]


def test_without_pipelining_a_refused_recipient_does_not_hide_the_next() -> None:
    peer = ready("CHUNKING", bdat=True).begin("<u@x.test>", "<v@x.test>")
    for words in ("250 ok", "550 a", "250 ok"):
        peer.hear(words)
    assert peer.session.content_demand is ContentDemand.NOW
