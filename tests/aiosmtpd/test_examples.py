"""The examples of aiosmtpd's documentation, on the adapter and on aiosmtpd: the same dialogues, reply by reply.

`heard.json` is what aiosmtpd says, `heard_overriding.json` with subclasses; the interop tests see that it still does.
To write it anew (likewise tests.aiosmtpd.overriding, without CHAIN and KEY):
.peers/aiosmtpd/venv/bin/python -m tests.aiosmtpd.examples aiosmtpd CHAIN KEY > tests/aiosmtpd/heard.json
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.aiosmtpd.examples import EXAMPLES, Package, under_tls
from tests.aiosmtpd.overriding import OVERRIDING
from tests.certificates import Authority
from tests.peers import require

ROOT = Path(__file__).parents[2]
HEARD: dict[str, Any] = json.loads(Path(__file__).with_name("heard.json").read_text())
HEARD_OVERRIDING: dict[str, Any] = json.loads(Path(__file__).with_name("heard_overriding.json").read_text())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_on_the_adapter_as_it_does_on_aiosmtpd(name: str) -> None:
    found = json.loads(json.dumps(EXAMPLES[name](Package("heloise.aiosmtpd"))))
    assert found == HEARD[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OVERRIDING)
def test_a_subclass_with_methods_for_commands_does_what_it_does_on_aiosmtpd(name: str) -> None:
    found = json.loads(json.dumps(OVERRIDING[name](Package("heloise.aiosmtpd"))))
    assert found == HEARD_OVERRIDING[name]


def test_tls_begins_is_required_and_is_refused_by_the_hook(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("mx.test")
    found = json.loads(json.dumps(under_tls(Package("heloise.aiosmtpd"), files.chain, files.key)))
    assert found == HEARD["under_tls"]


@pytest.mark.interop
@pytest.mark.slow
def test_aiosmtpd_itself_says_what_is_written_here(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("mx.test")
    assert _said_by_aiosmtpd("tests.aiosmtpd.examples", "aiosmtpd", files.chain, files.key) == HEARD


@pytest.mark.interop
@pytest.mark.slow
def test_subclasses_on_aiosmtpd_itself_say_what_is_written_here() -> None:
    assert _said_by_aiosmtpd("tests.aiosmtpd.overriding", "aiosmtpd") == HEARD_OVERRIDING


def _said_by_aiosmtpd(module: str, *arguments: str) -> Any:
    said = subprocess.run(
        [str(require("aiosmtpd")), "-m", module, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        timeout=240,
        check=True,
    )
    return json.loads(said.stdout)
