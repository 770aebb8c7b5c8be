"""Server engine against client engine: whatever the cuts, both see the same, and content arrives as it was."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heloise.mail.address import Mailbox
from heloise.mail.envelope import Envelope, Parameter, Parameters, Recipient
from heloise.mail.path import BARE_POSTMASTER, NULL_REVERSE_PATH, ForwardPath
from heloise.smtp.client_events import ConversationReady, ConversationRefused
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transcript import Direction, Transcript
from tests.fuzz.asking import MESSAGES, Asking, Letter
from tests.fuzz.serving import Serving
from tests.smtp.meeting import answers_of, arrived, check_that_both_mean_the_same, meet, said, spoken
from tests.strategies import FORWARD_PATHS, REVERSE_PATHS

KEYWORDS = sorted(discover().keywords)
QUICK = settings(max_examples=40, deadline=None)

# What the server's DSN takes.
RCPT_PARAMETERS = st.sampled_from(
    ["", "NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;u+40x.test", "NOTIFY=DELAY ORCPT=rfc822;v"]
).map(lambda text: Parameters.parse(text.encode()))
MAIL_PARAMETERS = st.sampled_from(["", "RET=FULL", "RET=HDRS ENVID=a+2Bb", "BODY=8BITMIME"]).map(
    lambda text: Parameters.parse(text.encode())
)
ENVELOPES = st.builds(
    Envelope,
    reverse_path=REVERSE_PATHS,
    parameters=MAIL_PARAMETERS,
    recipients=st.lists(st.builds(Recipient, FORWARD_PATHS, RCPT_PARAMETERS), min_size=1, max_size=4).map(tuple),
)
TEXTS = st.lists(
    st.sampled_from([b".", b"..", b"\r\n", b"\r\n.\r\n", b"a", b"BDAT 3\r\n", b"\xc3\xa4", b"\x00", b"x" * 300]),
    max_size=12,
).map(b"".join)
BINARIES = st.binary(max_size=80)
LETTERS = st.lists(st.tuples(ENVELOPES, st.one_of(TEXTS, BINARIES)), min_size=1, max_size=3).map(tuple)
WIDTHS = st.lists(st.integers(1, 300), min_size=1, max_size=4)
WITHOUT = st.frozensets(st.sampled_from(KEYWORDS), max_size=6)
SERVINGS = st.builds(Serving, lmtp=st.booleans(), without=WITHOUT)
ASKINGS = st.builds(
    Asking,
    verbose=st.booleans(),
    only_transaction=st.booleans(),
    chunking=st.booleans(),
    start_with_helo=st.booleans(),
    messages=LETTERS,
    width=st.sampled_from([1, 5, 1000]),
)
VERDICTS = st.lists(st.sampled_from([0, 0, 0, 0, 1, 2, 3]), min_size=1, max_size=12)


def in_order(transcript: Transcript) -> list[str]:
    return [line.text for line in spoken(transcript) if not line.text.startswith("050 ")]


@QUICK
@given(SERVINGS, ASKINGS, VERDICTS, st.booleans(), WIDTHS, WIDTHS)
def test_wherever_the_octets_are_cut_both_sides_see_the_same(
    serving: Serving, asking: Asking, verdicts: list[int], helo_only: bool, to_server: list[int], to_client: list[int]
) -> None:
    asking = replace(asking, lmtp=serving.lmtp)
    whole = meet(serving, asking, verdicts=verdicts, helo_only=helo_only)
    octets = meet(serving, asking, verdicts=verdicts, helo_only=helo_only, to_server=[1], to_client=[1])
    cut = meet(serving, asking, verdicts=verdicts, helo_only=helo_only, to_server=to_server, to_client=to_client)
    assert whole.outcome == octets.outcome == cut.outcome
    check_that_both_mean_the_same(whole, asking.messages)


@QUICK
@given(SERVINGS, ASKINGS, VERDICTS, st.booleans())
def test_both_sides_have_the_same_transcript(
    serving: Serving, asking: Asking, verdicts: list[int], helo_only: bool
) -> None:
    # Of a last chunk the client tells that it was sent; the server does not tell of one that it refused unread.
    letters = tuple((envelope, arrived(content)) for envelope, content in asking.messages)
    asking = replace(asking, lmtp=serving.lmtp, messages=letters)
    met = meet(serving, asking, verdicts=verdicts, helo_only=helo_only)
    server, client = met.served.ledger, met.asked.auditor
    assert said(server, Direction.SERVER) == said(client, Direction.SERVER)
    # Binary content goes by chunks, asked for or not.
    by_chunks = asking.chunking or any(content_facts(content).binary for _, content in asking.messages)
    heard, commands = (
        [text for text in said(side, Direction.CLIENT) if not by_chunks or not text.startswith("[message")]
        for side in (server, client)
    )
    if server.replies[-1].code == 421:  # what was pipelined behind the command that it answers is not read
        assert heard == commands[: len(heard)]
    else:
        assert heard == commands
    if "PIPELINING" in serving.without and not asking.chunking:
        # Nothing is said before the answer is there, so both have it in the same order; but 050 comes at any time.
        assert in_order(server) == in_order(client)


@pytest.mark.parametrize("chunking", [False, True], ids=["DATA", "BDAT"])
@pytest.mark.parametrize("lmtp", [False, True], ids=["SMTP", "LMTP"])
@pytest.mark.parametrize("without", ["", *KEYWORDS])
def test_without_any_one_extension_all_mail_that_fits_arrives(without: str, lmtp: bool, chunking: bool) -> None:
    serving = Serving(lmtp=lmtp, without=frozenset({without}))
    met = meet(serving, Asking(lmtp=lmtp, chunking=chunking, messages=MESSAGES), to_server=[7], to_client=[3])
    check_that_both_mean_the_same(met, MESSAGES)
    needs = {"8BITMIME": {3, 4}, "SMTPUTF8": {4}, "CHUNKING": {6}, "BINARYMIME": {6}}.get(without, set())
    answers = answers_of(met)
    assert len(answers) == len(MESSAGES)
    for number, (envelope, _) in enumerate(MESSAGES):
        fits = [
            number not in needs and (each.forward_path.is_ascii or without not in ("8BITMIME", "SMTPUTF8"))
            for each in envelope.recipients
        ]
        assert [answer.is_taken for answer in answers[number]] == fits, f"message {number}"


@given(LETTERS, st.booleans())
@QUICK
def test_to_a_server_that_knows_helo_only_no_parameter_is_sent(letters: tuple[Letter, ...], at_once: bool) -> None:
    met = meet(Serving(), Asking(messages=letters, start_with_helo=at_once), helo_only=True, to_server=[5])
    check_that_both_mean_the_same(met, letters)
    for line in said(met.asked.auditor, Direction.CLIENT):
        assert not line.startswith(("MAIL", "RCPT")) or line.endswith(">")
    ready = next(event for event in met.asked.events if isinstance(event, ConversationReady))
    assert not ready.offers.keywords


@given(LETTERS, st.booleans())
@QUICK
def test_parameters_arrive_as_they_were_given(letters: tuple[Letter, ...], chunking: bool) -> None:
    met = meet(Serving(), Asking(messages=letters, chunking=chunking))
    assert all(answer.is_taken for answers in answers_of(met) for answer in answers)
    for (envelope, content), message in zip(letters, met.served.messages, strict=True):
        came = message.proposed.envelope
        assert came.parameters.value("SIZE") == str(len(content))
        for keyword in ("RET", "ENVID"):
            assert came.parameters.get(keyword) == envelope.parameters.get(keyword)
        for sent, got in zip(envelope.recipients, came.recipients, strict=True):
            assert got.forward_path == sent.forward_path
            if envelope.reverse_path == NULL_REVERSE_PATH and "NOTIFY" not in sent.parameters:
                assert got.parameters == Parameters((Parameter("NOTIFY", "NEVER"),))
            else:
                assert set(got.parameters) == set(sent.parameters)


def mailbox(name: str) -> Recipient:
    return Recipient(ForwardPath(Mailbox(name, "x.test")))


LETTER: Letter = (
    Envelope(reverse_path=NULL_REVERSE_PATH, recipients=(mailbox("a"), mailbox("b"), Recipient(BARE_POSTMASTER))),
    b"Subject: x\r\n\r\n.\r\n",
)
PROPOSALS = ("connection", "hello", "mail", "first", "second", "third", "content", "message")


@pytest.mark.parametrize("choice", [1, 2])
@pytest.mark.parametrize("stage", range(len(PROPOSALS)), ids=PROPOSALS)
@pytest.mark.parametrize("without", [frozenset[str](), frozenset({"PIPELINING"})], ids=["pipelined", "one by one"])
@pytest.mark.parametrize("chunking", [False, True], ids=["DATA", "BDAT"])
def test_a_refusal_at_any_stage_is_understood_and_the_next_message_goes(
    chunking: bool, without: frozenset[str], stage: int, choice: int
) -> None:
    verdicts = [0] * stage + [choice] + [0] * 40
    asking = Asking(messages=(LETTER, LETTER), chunking=chunking, width=5)
    met = meet(Serving(without=without), asking, verdicts=verdicts)
    octets = meet(Serving(without=without), asking, verdicts=verdicts, to_server=[1], to_client=[1])
    assert met.outcome == octets.outcome
    check_that_both_mean_the_same(met, (LETTER, LETTER))
    if any(isinstance(event, ConversationRefused) for event in met.asked.events):
        assert PROPOSALS[stage] in ("connection", "hello")
        assert not answers_of(met)
    else:
        first, second = answers_of(met)
        assert all(answer.is_taken for answer in second)
        refused_one = PROPOSALS[stage] in ("first", "second", "third") and choice == 2
        expected = 2 if refused_one else 3 if PROPOSALS[stage] in ("hello", "first", "second", "third") else 0
        assert sum(answer.is_taken for answer in first) == expected


@given(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=1, max_size=9), st.booleans())
@QUICK
def test_in_lmtp_each_recipient_has_the_answer_that_was_meant_for_him(verdicts: list[int], chunking: bool) -> None:
    front = [0] * 7  # up to the content all is well
    serving, asking = Serving(lmtp=True), Asking(lmtp=True, messages=(LETTER,), chunking=chunking)
    met = meet(serving, asking, verdicts=[*front, *verdicts])
    ((first, second, third),) = answers_of(met)
    (message,) = met.served.messages
    assert [first.reply.code, second.reply.code, third.reply.code] == [answer.code for answer in message.answers]
