"""A project of two hundred tests with the fixture `mail_server`, and how to run it: `python -m tests.kit.crowd [RUNS]`.

Of each sort some: coroutines and others, mail that comes later, faults, TLS, logins, several messages, expectations
that fail with a transcript. None of them sleeps. Run at once in several processes each of them passes every time.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

EACH = 25  # tests of each of the eight sorts
CONFTEST = """\
import asyncio, inspect, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True
"""
TESTS = """\
import asyncio
import smtplib
import threading

import heloise
import pytest

EACH = range(%(each)d)
TEXT = b"Subject: Hello\\r\\n\\r\\nhi\\r\\n"


def send(server, to, subject="Hello", times=1):
    for _ in range(times):
        with smtplib.SMTP(server.host, server.port, timeout=60) as client:
            client.sendmail("a@b.test", [to], f"Subject: {subject}\\r\\n\\r\\nhi\\r\\n")


@pytest.mark.parametrize("number", EACH)
def test_one_message(mail_server, number):
    send(mail_server, mail_server.address, f"number {number}")
    assert mail_server.expect(to=mail_server.address, within=60).subject == f"number {number}"
    assert len(mail_server.messages) == 1


@pytest.mark.parametrize("number", EACH)
async def test_a_coroutine(mail_server, number):
    waiting = asyncio.create_task(mail_server.expect(subject=str(number), within=60))
    await heloise.send(
        f"Subject: {number}\\r\\n\\r\\nhi\\r\\n".encode(), sender="a@b.test", recipients=[mail_server.address],
        host=mail_server.host, port=mail_server.port,
    )
    assert (await waiting).sender == "a@b.test"


@pytest.mark.parametrize("number", EACH)
def test_mail_that_comes_later(mail_server, number):
    thread = threading.Thread(target=send, args=(mail_server, mail_server.address, f"later {number}"))
    thread.start()
    assert mail_server.expect(subject=f"later {number}", within=60)
    thread.join(60)


@pytest.mark.mail_faults("451 twice, then accept")
@pytest.mark.parametrize("number", EACH)
def test_a_fault_with_a_memory(mail_server, number):
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(mail_server, f"user{number}@example.test")
    send(mail_server, f"user{number}@example.test")
    assert mail_server.expect(to=f"user{number}@example.test", within=60)


@pytest.mark.parametrize("number", EACH)
def test_under_tls_with_a_login(mail_server, number):
    with smtplib.SMTP(mail_server.host, mail_server.port, timeout=60) as client:
        client.starttls(context=mail_server.client_tls)
        client.login(mail_server.user, mail_server.password)
        client.sendmail("a@b.test", [mail_server.address], TEXT)
    assert mail_server.expect(to=mail_server.address, within=60)


@pytest.mark.parametrize("number", EACH)
def test_several_messages_and_no_other(mail_server, number):
    send(mail_server, mail_server.address, times=3)
    assert len(mail_server.messages) == 3
    mail_server.expect_none(to="nobody@example.test")


@pytest.mark.parametrize("number", EACH)
def test_what_fails_tells_what_was_said(mail_server, number):
    send(mail_server, mail_server.address, f"wrong {number}")
    with pytest.raises(AssertionError, match=f"wrong {number}"):
        mail_server.expect(subject="right", within=0)


@pytest.mark.mail_faults("drop at data once")
@pytest.mark.parametrize("number", EACH)
async def test_a_connection_that_is_cut(mail_server, number):
    for attempt in range(2):
        try:
            await heloise.send(
                TEXT, sender="a@b.test", recipients=[mail_server.address], host=mail_server.host, port=mail_server.port
            )
        except heloise.LinkError:
            assert attempt == 0
    assert await mail_server.expect(to=mail_server.address, within=60)
"""


def make(directory: Path) -> int:
    """Write the project; how many tests it has."""
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_mail.py").write_text(TESTS % {"each": EACH})
    return EACH * 8


def run_once(directory: Path, workers: int) -> "subprocess.CompletedProcess[str]":
    """One run of all tests, `workers` at a time."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(workers), str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=directory)


def main() -> int:
    """Run it so often; the exit code says whether every test has passed every time."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        count = make(Path(name))
        for number in range(1, runs + 1):
            began = time.monotonic()
            result = run_once(Path(name), workers=4)
            last = result.stdout.strip().splitlines()[-1] if result.stdout.strip() else result.stderr[-200:]
            failed += result.returncode != 0
            print(f"run {number} of {runs}: {count} tests, {time.monotonic() - began:.1f} s: {last}", flush=True)
            if result.returncode:
                print(result.stdout[-4000:], flush=True)
    print(f"{runs} runs, {failed} with a failure")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
