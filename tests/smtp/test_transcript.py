"""Transcripts show the dialogue and keep no secrets."""

from heloise.mail import causes
from heloise.smtp import replies
from heloise.smtp.transcript import Transcript, render


def test_a_transcript_reads_as_the_dialogue_went() -> None:
    transcript = Transcript()
    transcript.note("connected to mx.test")
    transcript.reply(replies.greeting("mx.test", "ESMTP"))
    transcript.command(b"EHLO client.test\r\n")
    transcript.reply(replies.hello("mx.test", "client.test", ("SIZE 10", "DSN")))
    transcript.content(99)
    assert render(transcript) == (
        "-- connected to mx.test\n"
        "S: 220 mx.test ESMTP\n"
        "C: EHLO client.test\n"
        "S: 250-mx.test greets client.test\n"
        "S: 250-SIZE 10\n"
        "S: 250 DSN\n"
        "C: [message, 99 octets]\n"
    )


def test_an_explained_transcript_names_cause_and_clause() -> None:
    transcript = Transcript()
    transcript.reply(replies.size_over_limit(11, 10))
    text = render(transcript, explained=True)
    assert "size.over-limit (size=11, limit=10), RFC 1870" in text
    assert causes.SIZE_OVER_LIMIT.meaning in text


def test_an_initial_response_of_auth_is_struck_out() -> None:
    transcript = Transcript()
    transcript.command(b"auth PLAIN AGFsaWNlAHNlY3JldA==")
    assert render(transcript) == "C: auth PLAIN ****\n"


def test_every_line_of_an_auth_exchange_is_struck_out_until_it_is_over() -> None:
    transcript = Transcript()
    transcript.command(b"AUTH LOGIN")
    transcript.reply(replies.reply(334, None, "VXNlcm5hbWU6", causes.PEER_SAID))
    transcript.command(b"YWxpY2U=")
    transcript.reply(replies.reply(334, None, "UGFzc3dvcmQ6", causes.PEER_SAID))
    transcript.command(b"c2VjcmV0")
    transcript.reply(replies.reply(235, "2.7.0", "ok", causes.PEER_SAID))
    transcript.command(b"NOOP")
    assert render(transcript).splitlines() == [
        "C: AUTH LOGIN",
        "S: 334 ****",
        "C: ****",
        "S: 334 ****",
        "C: ****",
        "S: 235 2.7.0 ok",
        "C: NOOP",
    ]


def test_a_secret_sent_after_a_refused_auth_is_struck_out_too() -> None:
    transcript = Transcript()
    transcript.command(b"AUTH PLAIN")
    transcript.reply(replies.reply(504, "5.5.4", "no", causes.PEER_SAID))
    transcript.command(b"AGFsaWNlAHNlY3JldA==")
    transcript.command(b"QUIT")
    assert render(transcript).splitlines()[2:] == ["C: ****", "C: QUIT"]


def test_control_characters_never_reach_a_transcript() -> None:
    transcript = Transcript()
    transcript.command(b"NOOP \x1b[31m\r\n")
    assert render(transcript) == "C: NOOP ?[31m\n"


def test_a_transcript_is_bounded() -> None:
    transcript = Transcript(limit=2)
    for _ in range(5):
        transcript.command(b"NOOP")
    assert (len(transcript.lines), transcript.left_out) == (2, 3)
