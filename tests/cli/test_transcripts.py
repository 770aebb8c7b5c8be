"""What a session looks like in the terminal: plain where all went well, explained where not."""

import io

from rich.console import Console

from heloise.cli.terminal import THEME, console
from heloise.cli.transcripts import LiveTranscript, Stage, needs_words
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.path import ForwardPath
from heloise.smtp import replies
from heloise.smtp.transcript import TranscriptLine


def shown(*said: object, explain_all: bool = False, width: int = 80) -> str:
    """The lines of a session: octets are commands, replies replies, numbers sizes of contents, strings remarks."""
    out = Console(file=io.StringIO(), theme=THEME, width=width, highlight=False, markup=False)
    stage = Stage(out, explain_all=explain_all)
    live = LiveTranscript(lambda entry: stage.say("", entry))
    for item in said:
        if isinstance(item, bytes):
            live.command(item)
        elif isinstance(item, int):
            live.content(item)
        elif isinstance(item, str):
            live.note(item)
        else:
            live.reply(item)  # type: ignore[arg-type]
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_a_plain_yes_is_not_explained() -> None:
    text = shown("connected", b"MAIL FROM:<a@b.test>", replies.SENDER_OK, 10, replies.message_taken("01A"))
    assert text == (
        "-- connected\nC: MAIL FROM:<a@b.test>\nS: 250 2.1.0 Sender ok\nC: [message, 10 octets]\n"
        "S: 250 2.0.0 01A taken\n"
    )


def test_a_refusal_is_explained_with_cause_clause_and_rule() -> None:
    cause = causes.RELAY_DENIED.because(Rule("heloise.toml", 12), domain="c.test")
    text = shown(replies.relay_denied(ForwardPath.parse(b"<a@b.test>"), cause))
    assert text.splitlines()[1:] == [
        "   │ relay.denied · RFC 5321 §3.6.2 · heloise.toml:12",
        "   │ The domain is not ours, and this client may not send mail through us. The",
        "   │ operator allows a client by [relay] networks. The operator finds the rule",
        "   │ under the file and line that the log gives with this cause.",
        "   │ domain = c.test",
    ]


def test_the_words_of_another_server_are_explained_by_the_catalogue() -> None:
    reply = replies.reply(550, "5.1.1", "Who is that?", causes.PEER_SAID)
    text = shown(reply)
    assert "   │ 550 · RFC 5321 §4.2.3 · Requested action not taken: mailbox unavailable\n" in text
    assert "   │ 5.1.1 · RFC 3463 §3.2 · Bad destination mailbox address\n" in text


def test_251_is_a_yes_that_needs_words() -> None:
    assert needs_words(replies.will_forward(ForwardPath.parse(b"<a@b.test>")))
    assert not needs_words(replies.SENDER_OK)
    assert not needs_words(replies.progress("connecting"))


def test_every_reply_is_explained_when_asked_for() -> None:
    assert "mail.accepted · RFC 5321 §4.1.1.2" in shown(replies.SENDER_OK, explain_all=True)


def test_lines_of_a_reply_stand_below_each_other_and_fit_the_width() -> None:
    text = shown(replies.hello("a" * 70 + ".test", "me", ["SIZE", "HELP"]), width=60)
    lines = text.splitlines()
    assert lines[0].startswith("S: 250-")
    assert lines[-1] == "   250 HELP"
    assert max(map(len, lines)) <= 60


def test_secrets_are_struck_out() -> None:
    text = shown(b"AUTH PLAIN AGZvbwBiYXI=", replies.COMMAND_UNKNOWN)
    assert "AGZvbwBiYXI=" not in text
    assert "C: AUTH PLAIN ****" in text


def test_sessions_are_told_apart() -> None:
    out = Console(file=io.StringIO(), theme=THEME, width=80)
    stage = Stage(out)
    for session in ("one", "two", "two", "one"):
        LiveTranscript(lambda entry, session=session: stage.say(session, entry)).command(b"NOOP")  # type: ignore[misc]
    assert isinstance(out.file, io.StringIO)
    heads = [line for line in out.file.getvalue().splitlines() if line.startswith("──")]
    assert [head.split()[1] for head in heads] == ["one", "two", "one"]


def test_a_live_transcript_keeps_nothing() -> None:
    seen: list[TranscriptLine] = []
    live = LiveTranscript(seen.append)
    for _ in range(10_000):
        live.command(b"NOOP")
    assert len(seen) == 10_000


def test_the_console_prints_markup_as_it_is() -> None:
    out = console()
    with out.capture() as captured:
        out.print("[red]:smile: 127.0.0.1[/red]")
    assert captured.get() == "[red]:smile: 127.0.0.1[/red]\n"
