"""The README's commands, as a newcomer types them into a fresh clone."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers import wait_until

CHECKOUT = Path(__file__).parents[2]
FIRST_START = 180  # seconds; makes the environment, with packages from the network

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this checkout, where the example listens on any free port instead of 2525."""
    directory = tmp_path / "heloise"
    subprocess.run(["git", "clone", "--quiet", CHECKOUT, directory], check=True, timeout=60)
    example = directory / "examples" / "heloise.toml"
    example.write_text(example.read_text().replace("127.0.0.1:2525", "127.0.0.1:0"))
    return directory


def commands(clone: Path) -> list[str]:
    """The indented lines that start the program of the checkout."""
    return re.findall(r"^    (\./heloise .*?)(?: +#.*)?$", (clone / "README.md").read_text(), re.MULTILINE)


@contextmanager
def running(command: str, clone: Path) -> Iterator[str]:
    """A command that runs until it is stopped; where it listens."""
    output = clone.parent / "output"
    with output.open("wb") as stdout:
        process = subprocess.Popen(shlex.split(command), cwd=clone, stdout=stdout, stderr=subprocess.STDOUT)
    try:

        def endpoint() -> str:
            assert process.poll() is None, output.read_text()
            found = re.search(r"^(?:ready|heloise dev takes all mail) on ([\w.:]+)", output.read_text(), re.MULTILINE)
            return found[1] if found else ""

        yield wait_until(endpoint, f"{command} to be ready", FIRST_START, poll=0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait(60)


def run(command: list[str], clone: Path) -> str:
    """A command that ends by itself, on a terminal of 80 columns; what it printed."""
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_a_newcomer_gets_as_far_as_the_readme_says(clone: Path) -> None:
    serve, send, dev, *others = commands(clone)
    assert (serve, dev) == ("./heloise serve -c examples/heloise.toml", "./heloise dev")
    with running(serve, clone) as endpoint:
        said = run(shlex.split(send.replace("127.0.0.1:2525", endpoint)), clone)
        assert "C: RCPT TO:<alice@example.test>\n" in said
        assert "<alice@example.test> accepted" in said
        [message] = wait_until(
            lambda: list((clone / "state/mail/alice/Maildir/new").glob("*")), "the message in alice's Maildir", 20
        )
        assert b"\r\nSubject: Hello\r\n" in message.read_bytes()
        assert message.read_bytes().endswith(b"\r\n\r\nIt works.\r\n")
    with running(f"{dev} --port 0", clone):
        pass
    for command in others:
        assert command.startswith("./heloise explain")
        said = run(shlex.split(command), clone)
        assert max(map(len, said.splitlines())) <= 80
    examples = re.findall(r"```python\n(.*?)```", (clone / "README.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        run([".venv/bin/python", "-c", example], clone)


def test_the_links_of_the_readme_lead_somewhere(clone: Path) -> None:
    links = re.findall(r"\]\(([^):]+)\)", (clone / "README.md").read_text())
    assert len(links) > 5
    # The pages of the protocol are generated; ./check compares them.
    assert [link for link in links if not link.startswith("docs/protocol/") and not (clone / link).exists()] == []
