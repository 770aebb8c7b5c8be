"""Nothing is said without a cause, and the words of replies stand in one place."""

import ast
import re
from pathlib import Path

import pytest

from heloise.mail.causes import CATALOGUE
from heloise.mail.reply import Reply
from heloise.smtp import client_replies, replies
from tests.house.source import SRC, literals, modules, named, tree

REPLY_ON_THE_WIRE = re.compile(r"[0-5][0-9]{2}[ -]")
# client_replies has what we say in a peer's place; scripted peers of the test kit say what others say.
# aiosmtpd/statuses has what handlers that were written for aiosmtpd say where they have no hook.
PLACES_OF_REPLIES = ("smtp/replies.py", "smtp/client_replies.py", "aiosmtpd/statuses.py")
OTHERS = [path for path in modules() if named(path) not in PLACES_OF_REPLIES and not named(path).startswith("testing/")]


@pytest.mark.parametrize("path", OTHERS, ids=named)
def test_a_reply_is_written_in_the_module_of_replies_only(path: Path) -> None:
    found = [f"line {line}: {text!r}" for line, text in literals(tree(path)) if REPLY_ON_THE_WIRE.match(text)]
    assert not found


@pytest.mark.parametrize("path", modules(), ids=named)
def test_a_reply_is_made_with_its_cause(path: Path) -> None:
    without = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Reply"
        and not any(keyword.arg == "cause" for keyword in node.keywords)
    ]
    assert not without


def test_the_server_engine_sends_nothing_but_replies() -> None:
    engine = tree(SRC / "smtp" / "server.py")
    writes = [
        ast.unparse(node)
        for node in ast.walk(engine)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("self._output.")
    ]
    assert sorted(writes) == ["self._output.append(reply.encode())", "self._output.clear()"]


def test_the_serving_driver_sends_nothing_but_what_the_engine_gives() -> None:
    driver = tree(SRC / "link" / "serve.py")
    sends = [
        ast.unparse(node)
        for node in ast.walk(driver)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("_stream.send")
    ]
    assert sends == ["self._stream.send(octets)"]
    assert ast.unparse(driver).count("octets = self._session.data_to_send()") == 1


def test_every_constant_reply_has_a_cause_from_the_catalogue_and_a_status_of_its_class() -> None:
    constants = [
        value for module in (replies, client_replies) for value in vars(module).values() if isinstance(value, Reply)
    ]
    assert len(constants) > 30
    for reply in constants:
        assert CATALOGUE[reply.cause.id] is reply.cause.kind
        assert (reply.status is None) == (reply.code // 100 == 3)
