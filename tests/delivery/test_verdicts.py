"""Every exit code and every HTTP status has its meaning in the words of SMTP."""

import json

import pytest

from heloise.delivery.classify import local
from heloise.delivery.verdicts import asked_pause, hook_verdict, program_verdict, verdicts_by_recipient
from heloise.mail.outcome import Action
from heloise.world import HttpAnswer, ProgramEnd

ACTIONS = {2: Action.DELIVERED, 4: Action.DELAYED, 5: Action.FAILED}


def program(code: int | None = None, output: bytes = b"", *, signal: int | None = None) -> str:
    """Code and status of the verdict; that the outcome goes with them is seen on the way."""
    reply = program_verdict("p", ProgramEnd(exit_code=code, signal=signal, output=output), timeout=30.0)
    assert local(reply).action is ACTIONS[reply.code // 100]
    return f"{reply.code} {reply.status}"


def hook(status: int, body: bytes = b"", kind: str = "") -> str:
    reply = hook_verdict("h", HttpAnswer(status=status, headers={"content-type": kind}, body=body))
    assert local(reply).action is ACTIONS[reply.code // 100]
    return f"{reply.code} {reply.status}"


# The codes of sysexits.h with the statuses that Postfix's own table (sys_exits.c) gives them, but for 74.
@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (0, "250 2.0.0"),
        (1, "554 5.3.0"),
        (2, "554 5.3.0"),
        (63, "554 5.3.0"),
        (64, "554 5.3.0"),
        (65, "554 5.6.0"),
        (66, "554 5.3.0"),
        (67, "550 5.1.1"),
        (68, "550 5.1.2"),
        (69, "554 5.3.0"),
        (70, "554 5.3.0"),
        (71, "451 4.3.0"),
        (72, "554 5.3.0"),
        (73, "554 5.2.0"),
        (74, "451 4.3.0"),
        (75, "451 4.3.0"),
        (76, "554 5.5.0"),
        (77, "554 5.7.0"),
        (78, "554 5.3.5"),
        (79, "554 5.3.0"),
        (126, "451 4.3.5"),
        (127, "451 4.3.5"),
        (255, "554 5.3.0"),
    ],
)
def test_every_exit_code_has_its_meaning(code: int, verdict: str) -> None:
    assert program(code) == verdict


def test_a_program_that_did_not_end_by_itself_is_run_again() -> None:
    assert program(signal=9) == "451 4.3.0"
    assert program() == "451 4.3.0"


@pytest.mark.parametrize(
    ("code", "output", "verdict"),
    [
        (1, b"5.2.2 The mailbox is full\n", "552 5.2.2"),
        (1, b"4.2.2 The mailbox is full\n", "451 4.2.2"),
        (67, b"4.1.1 not yet", "451 4.1.1"),
        (75, b"5.7.1 never", "554 5.7.1"),
        (1, b"2.0.0 fine\n", "554 5.3.0"),  # who says no can not say yes as well
        (1, b"procmail: 5.2.2 no", "554 5.3.0"),
        (1, b"5.2.2.2 what", "554 5.3.0"),
        (1, b"5.2.2", "552 5.2.2"),
        (0, b"5.2.2 fine all the same", "250 2.0.0"),
    ],
)
def test_a_status_at_the_beginning_of_the_output_holds(code: int, output: bytes, verdict: str) -> None:
    assert program(code, output) == verdict


def test_what_a_program_says_is_in_the_reply_and_its_cause_in_one_line() -> None:
    reply = program_verdict("maildrop", ProgramEnd(exit_code=77, output=b"may not\r\n\x1b[31m write\n"), timeout=30.0)
    assert str(reply) == "554 5.7.0 maildrop: may not ?[31m write (exit 77)"
    assert str(reply.cause) == "program.said (pipe=maildrop, exit=77, output=may not ?[31m write)"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "250 2.0.0"),
        (202, "250 2.0.0"),
        (204, "250 2.0.0"),
        (299, "250 2.0.0"),
        (100, "451 4.3.5"),
        (301, "451 4.3.5"),
        (308, "451 4.3.5"),
        (400, "554 5.3.0"),
        (401, "554 5.7.0"),
        (403, "554 5.7.0"),
        (404, "554 5.3.0"),
        (408, "451 4.4.2"),
        (410, "554 5.3.0"),
        (413, "552 5.3.4"),
        (415, "554 5.6.0"),
        (422, "554 5.6.0"),
        (425, "451 4.4.2"),
        (429, "451 4.7.0"),
        (499, "554 5.3.0"),
        (500, "451 4.3.0"),
        (502, "451 4.3.0"),
        (503, "451 4.3.2"),
        (599, "451 4.3.0"),
        (600, "451 4.3.5"),
        (999, "451 4.3.5"),
    ],
)
def test_every_http_status_has_its_meaning(status: int, verdict: str) -> None:
    assert hook(status) == verdict


@pytest.mark.parametrize(
    ("status", "body", "kind", "verdict"),
    [
        (400, b'{"text": "5.1.1 No such user"}', "application/json", "550 5.1.1"),
        (400, b"5.1.1 No such user\n<more>", "text/plain; charset=utf-8", "550 5.1.1"),
        (400, b"<html>5.1.1", "text/html", "554 5.3.0"),
        (500, b"5.1.1 No such user", "text/plain", "451 4.3.0"),  # the status of HTTP says: later
        (400, b"4.1.1 Later", "text/plain", "554 5.3.0"),
        (400, b'{"text": 5}', "application/json", "554 5.3.0"),
        (400, b"[" * 100_000, "application/json", "554 5.3.0"),
        (200, b"5.1.1 No such user", "text/plain", "250 2.0.0"),
    ],
)
def test_a_service_may_say_more_in_its_answer(status: int, body: bytes, kind: str, verdict: str) -> None:
    assert hook(status, body, kind) == verdict


def test_an_answer_names_single_recipients() -> None:
    named = {"a@x.test": "5.1.1 No such user", "b@x.test": "4.2.2 Full", "c@x.test": "2.1.5 ok", "d@x.test": 7}
    answer = HttpAnswer(
        status=200,
        headers={"content-type": "application/json"},
        body=json.dumps({"recipients": named}).encode(),
    )
    verdicts = {address: str(reply) for address, reply in verdicts_by_recipient("h", answer).items()}
    assert verdicts == {
        "a@x.test": "550 5.1.1 h: No such user",
        "b@x.test": "451 4.2.2 h: Full",
        "c@x.test": "250 2.0.0 Taken by h",
        "d@x.test": "451 4.5.0 h: no status, but '7'",
    }


@pytest.mark.parametrize("body", [b"", b"[]", b'{"recipients": []}', b"{", b'{"recipients": null}'])
def test_an_answer_that_names_nobody_is_for_everybody(body: bytes) -> None:
    answer = HttpAnswer(status=200, headers={"content-type": "application/json"}, body=body)
    assert verdicts_by_recipient("h", answer) == {}


@pytest.mark.parametrize(
    ("status", "retry_after", "pause"),
    [
        (429, "120", 120.0),
        (503, "5", 5.0),
        (503, "", 0.0),
        (503, "soon", 0.0),
        (503, "Thu, 01 Jan 1970 00:20:00 GMT", 200.0),
        (503, "Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        (429, "9" * 40, 999999999.0),
        (500, "120", None),
        (200, "120", None),
    ],
)
def test_retry_after_is_a_pause(status: int, retry_after: str, pause: float | None) -> None:
    assert asked_pause(HttpAnswer(status=status, headers={"retry-after": retry_after}), now=1000.0) == pause
