"""What a verbose session hears."""

from heloise.delivery.narration import NarratingRecorder, connecting, ended
from heloise.mail import causes
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.path import ForwardPath
from heloise.smtp import replies

PATH = ForwardPath.parse(b"<x@full.test>")


def told() -> tuple[NarratingRecorder, list[str]]:
    heard: list[str] = []
    return NarratingRecorder(heard.append, peer="full.test."), heard


def test_each_line_of_a_reply_is_one_of_its_own() -> None:
    recorder, heard = told()
    recorder.reply(replies.hello("full.test", "you", ["SIZE", "DSN"]))
    assert heard == ["250-full.test greets you", "250-SIZE", "250 DSN"]


def test_credentials_are_never_told() -> None:
    recorder, heard = told()
    recorder.command(b"AUTH PLAIN AGEAcGFzc3dvcmQ=\r\n")
    recorder.reply(replies.reply(334, None, "Y2hhbGxlbmdl", causes.PEER_SAID))
    recorder.command(b"c2VjcmV0\r\n")
    recorder.reply(replies.reply(235, "2.7.0", "ok", causes.PEER_SAID))
    assert not any(secret in line for line in heard for secret in ("AGEAcG", "Y2hhb", "c2Vj"))
    assert heard[0] == ">>> AUTH PLAIN ****"


def test_the_message_is_told_as_a_dot() -> None:
    recorder, heard = told()
    recorder.content(12345)
    assert heard == [">>> ."]


def test_nothing_is_told_after_the_end() -> None:
    recorder, heard = told()
    recorder.stop()
    recorder.command(b"QUIT\r\n")
    recorder.content(1)
    assert heard == []


def test_the_last_line_says_what_became_of_it() -> None:
    def outcome(action: Action, code: int, status: str) -> Outcome:
        reply = replies.reply(code, status, "some words", causes.PEER_SAID)
        return Outcome(action=action, stage=Stage.CONTENT, reply=reply)

    assert ended(PATH, outcome(Action.RELAYED, 250, "2.0.0")) == "<x@full.test>... Sent (some words)"
    assert ended(PATH, outcome(Action.DELIVERED, 250, "2.0.0")) == "<x@full.test>... Sent"
    assert ended(PATH, outcome(Action.DELAYED, 450, "4.2.1")) == "<x@full.test>... Deferred: some words"
    assert ended(PATH, outcome(Action.FAILED, 550, "5.1.1")) == "<x@full.test>... Failed: 550 5.1.1 some words"


def test_connecting_names_nobody_when_there_is_nobody() -> None:
    assert connecting([], "local") == "... Connecting to local..."


def test_what_a_verbose_peer_tells_is_marked_as_its_own() -> None:
    recorder, heard = told()
    recorder.reply(replies.progress(">>> MAIL FROM:<a@client.test>"))
    recorder.stop()
    recorder.reply(replies.progress(">>> QUIT"))
    assert heard == ["full.test.: >>> MAIL FROM:<a@client.test>"]
