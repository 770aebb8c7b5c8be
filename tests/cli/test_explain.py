"""`heloise explain` knows every code, every status and every cause there is."""

import ast
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import pytest
from click.testing import CliRunner, Result

from heloise.cli.main import main
from heloise.explain.explanations import explain_text
from heloise.mail import causes
from heloise.mail.causes import CATALOGUE
from heloise.mail.reply import Reply
from heloise.smtp import client_replies, replies
from heloise.smtp.codes import REPLY_CODES
from heloise.smtp.status_codes import STATUS_DETAILS, find_detail

CLASSIC = """211 214 220 221 250 251 252 354 421 450 451 452
    500 501 502 503 504 550 551 552 553 554""".split()  # noqa: SIM905
COMPANIONS = "050 253 334 235 458 459 455 555 521 556 530 534 535 538 454 432".split()  # noqa: SIM905


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments])


@pytest.mark.parametrize("code", CLASSIC + COMPANIONS)
def test_every_code_is_explained_with_clause_and_advice(code: str) -> None:
    result = explain(code)
    known = REPLY_CODES[int(code)]
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{code}  {known.title}\n")
    assert known.clause in result.stdout
    assert "What to do: " in result.stdout


@pytest.mark.parametrize("code", CLASSIC)
def test_every_classic_code_has_a_cause_here(code: str) -> None:
    assert REPLY_CODES[int(code)].causes


@pytest.mark.parametrize("cause", CATALOGUE)
def test_every_cause_is_explained(cause: str) -> None:
    result = explain(cause)
    assert result.exit_code == 0
    assert result.stdout.startswith(cause)
    assert CATALOGUE[cause].clause in result.stdout


@pytest.mark.parametrize("status", [str(detail) for detail in STATUS_DETAILS.values()])
def test_every_enhanced_status_is_explained(status: str) -> None:
    for text in (status, status.replace("X", "5")):
        assert explain(text).exit_code == 0


def test_the_catalogue_of_codes_names_only_causes_there_are() -> None:
    named = {cause for code in REPLY_CODES.values() for cause in code.causes}
    assert named <= set(CATALOGUE)


@pytest.mark.parametrize("module", [replies, client_replies])
def test_what_the_engines_say_is_in_the_catalogues(module: ModuleType) -> None:
    for name, reply in vars(module).items():
        if isinstance(reply, Reply):
            assert reply.cause.id in REPLY_CODES[reply.code].causes, f"{name}: add {reply.cause.id} to {reply.code}"
            assert reply.status is None or find_detail(reply.status) is not None, f"{name}: {reply.status} is unknown"


@pytest.mark.interpreted("it reads the sources of the modules")
@pytest.mark.parametrize("module", [replies, client_replies])
def test_what_the_constructors_of_replies_say_is_in_the_catalogues(module: ModuleType) -> None:
    for function in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(function, ast.FunctionDef):
            continue
        nodes = list(ast.walk(function))
        ids = {getattr(causes, node.attr).id for node in nodes if _is_cause(node)}
        for code in filter(None, map(_code_said, nodes)):
            assert ids <= set(REPLY_CODES[code].causes), f"{function.name}: a cause is missing at {code}"


def _code_said(node: ast.AST) -> int | None:
    """The code in `reply(550, …)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reply":
        first = node.args[0]
        return first.value if isinstance(first, ast.Constant) and isinstance(first.value, int) else None
    return None


def _is_cause(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "causes"


def test_a_group_of_causes_is_explained_by_its_name() -> None:
    assert [explanation.name for explanation in explain_text("mailbox")] == ["mailbox.locked", "mailbox.full"]


def test_a_code_of_no_rfc_is_explained_by_its_first_digit() -> None:
    result = explain("499")
    assert result.exit_code == 0
    assert "A client goes by the first digit. Not done, for now" in result.stdout


def test_an_unregistered_status_is_explained_by_its_subject() -> None:
    assert "subject 7 is security or policy" in explain("5.7.99").stdout


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    result = explain("siz.over-limit")
    assert result.exit_code == 2
    assert result.stderr == 'Nothing is known as "siz.over-limit"; did you mean "size.over-limit"?\n'


def test_without_an_argument_everything_is_listed() -> None:
    result = explain()
    assert all(code in result.stdout for code in CLASSIC)
    assert "over-limit" in result.stdout


def test_json_is_for_programs() -> None:
    (entry,) = json.loads(explain("--json", "552").stdout)
    assert entry["severity"] == "permanent"
    assert "size.over-limit" in entry["related"]


def test_what_is_piped_has_no_colour_and_no_blanks_at_line_ends() -> None:
    text = explain("550", "5.7.1", "size").stdout
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 80


BOUNCE = b"""\
From: MAILER-DAEMON@postfix.test
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; postfix.test
Arrival-Date: Mon, 6 Jul 2026 10:00:00 +0000

Final-Recipient: rfc822; bob@remote.test
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.remote.test
Diagnostic-Code: smtp; 550 5.1.1 no such user

Final-Recipient: rfc822; carol@remote.test
Action: delayed
Status: 4.4.1
Will-Retry-Until: Sat, 11 Jul 2026 10:00:00 +0000
--b
Content-Type: text/rfc822-headers

Subject: lunch
--b--
"""


def test_a_bounce_in_a_file_is_told_in_plain_words(tmp_path: Path) -> None:
    file = tmp_path / "bounce.eml"
    file.write_bytes(BOUNCE)
    result = explain(str(file))
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert text.startswith('A report of postfix.test about the message "lunch" of Mon, 6 Jul 2026 10:00:00 +0000. bob')
    assert "bob@remote.test failed 5.1.1 The message was not delivered to this address" in text
    assert "mx.remote.test said: 550 5.1.1 no such user" in text
    assert "carol@remote.test delayed 4.4.1 The message is not delivered yet" in text
    assert "It will be tried until Sat, 11 Jul 2026" in text
    assert text.count("What to do: ") == 2


def test_a_bounce_is_read_from_standard_input_too() -> None:
    result = CliRunner().invoke(main, ["explain", "--json", "-"], input=BOUNCE)
    told = json.loads(result.stdout)
    assert [each["severity"] for each in told["recipients"]] == ["permanent", "transient"]


def test_a_message_that_is_no_report_is_told_so() -> None:
    result = CliRunner().invoke(main, ["explain", "-"], input=b"Subject: lunch\n\nAt noon?\n")
    assert result.exit_code == 1
    assert result.stderr == "This message is no report about a delivery, as far as can be seen.\n"


def test_commands_and_extensions_are_explained_too() -> None:
    assert explain("rcpt").stdout.startswith("RCPT  RCPT TO:<forward-path> [parameters]\n")
    said = explain("ETRN").stdout
    assert "ETRN  ETRN node | @domain | #queue\n" in said
    assert "An extension. Promises:" in said
    assert "etrn.started" in said
