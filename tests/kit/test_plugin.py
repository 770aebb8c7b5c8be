"""The pytest plugin, in runs of pytest of its own."""

import asyncio

import pytest

import heloise.testing.mail_server

pytest_plugins = ["pytester"]

# A run within this process forgets what it loaded first, and asyncio can not be loaded twice.
KEPT = (asyncio, heloise.testing.mail_server)

# What pytest-asyncio, anyio and others do, in the shortest way: run a coroutine function in a new event loop.
RUNNER = """
import asyncio, inspect, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True
"""

SYNC = """
import smtplib
import pytest

def send(server, *, to, subject="Hello", port=None):
    with smtplib.SMTP(server.host, server.port) as client:
        text = f"From: a@b.test\\r\\nTo: {to}\\r\\nSubject: {subject}\\r\\nDate: x\\r\\nMessage-ID: <1@b>\\r\\n"
        client.sendmail("a@b.test", [to], text + "\\r\\nhi\\r\\n")
"""


def run(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    """Run pytest on a file of tests, with a runner of coroutines."""
    pytester.makeconftest(RUNNER)
    pytester.makepyfile(SYNC + test)
    return pytester.runpytest("-p", "no:cacheprovider", "-p", "no:xdist", *options)


def run_alone(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    """In a process of its own."""
    pytester.makeconftest(RUNNER)
    pytester.makepyfile(SYNC + test)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


def test_a_coroutine_has_the_server_in_its_own_event_loop(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
import asyncio, threading, heloise

async def test_it(mail_server):
    assert mail_server._loop is asyncio.get_running_loop()
    assert "heloise mail server" not in [thread.name for thread in threading.enumerate()]
    waiting = asyncio.create_task(mail_server.expect(to=mail_server.address))
    await heloise.send(b"Subject: hi\\r\\n\\r\\n", sender="", recipients=[mail_server.address], port=mail_server.port)
    message = await waiting
    assert message.subject == "hi"
    assert mail_server.mailbox == (message,)
""",
    )
    result.assert_outcomes(passed=1)


def test_other_tests_have_it_in_a_thread_and_each_has_one_for_itself(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.parametrize("number", range(5))
def test_it(mail_server, number):
    assert mail_server.address == f"test-it-{number}@example.test"
    assert not mail_server.messages
    send(mail_server, to=mail_server.address, subject=f"number {number}")
    assert mail_server.expect(to=mail_server.address).subject == f"number {number}"
    assert len(mail_server.messages) == 1
    assert not mail_server.violations
""",
    )
    result.assert_outcomes(passed=5)


def test_it_fails_as_the_marker_says(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.mail_faults("451 twice, then accept")
def test_marked(mail_server):
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            send(mail_server, to="x@example.test")
        assert refused.value.recipients["x@example.test"][0] == 451
    send(mail_server, to="x@example.test")
    assert mail_server.expect(to="x@example.test").sender == "a@b.test"

def test_told_within(mail_server):
    mail_server.fail("550 at rcpt to nobody@*")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mail_server, to="nobody@example.test")
    mail_server.expect_none()

@pytest.mark.mail_faults("451 sometimes")
def test_nonsense(mail_server):
    pass
""",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(['*the fault "451 sometimes": "sometimes" is not understood*'])


def test_tls_and_auth_are_ready(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_starttls(mail_server):
    with smtplib.SMTP(mail_server.host, mail_server.port) as client:
        client.starttls(context=mail_server.client_tls)
        client.login(mail_server.user, mail_server.password)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.rset(), client.ehlo()
            other = smtplib.SMTP(mail_server.host, mail_server.port)
            other.login(mail_server.user, "wrong")

def test_implicit(mail_server):
    with smtplib.SMTP_SSL("localhost", mail_server.tls_port, context=mail_server.client_tls) as client:
        client.login(mail_server.user, mail_server.password)
        client.sendmail("a@b.test", ["c@d.test"], "Subject: under TLS\\r\\n\\r\\n")
    message = mail_server.expect(subject="under TLS")
    assert message.origin.protocol == "ESMTPSA"

@pytest.mark.mail_faults("tls-failure")
def test_no_handshake(mail_server):
    import ssl
    with smtplib.SMTP(mail_server.host, mail_server.port) as client:
        with pytest.raises(ssl.SSLError, match="(?i)handshake.failure"):
            client.starttls(context=mail_server.client_tls)
        client.close()
""",
    )
    result.assert_outcomes(passed=3)


def test_a_failure_shows_what_was_said_and_the_nearest_misses(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_it(mail_server):
    send(mail_server, to="alice@example.test", subject="Hallo")
    mail_server.expect(to="alice@example.test", subject="Hello", within=0.05)
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*no message with to 'alice@example.test', subject 'Hello' within 0.05 s; caught: 1, sessions: 1*",
            "*nearest misses:*",
            "*subject is 'Hallo', wanted 'Hello'*",
            "*- mail_server -*",
            "C: rcpt TO:<alice@example.test>*",
        ]
    )


@pytest.mark.slow
def test_nothing_of_heloise_is_loaded_until_it_is_used(pytester: pytest.Pytester) -> None:
    result = run_alone(
        pytester,
        """
def test_it():
    import sys
    loaded = [name for name in sys.modules if name.startswith("heloise.")]
    assert loaded == ["heloise.pytest_plugin"]
    assert "apsw" not in sys.modules
""",
    )
    result.assert_outcomes(passed=1)


def test_the_marker_is_known_under_strict_markers(pytester: pytest.Pytester) -> None:
    result = run(pytester, "@pytest.mark.mail_faults('451')\ndef test_it(): pass", "--strict-markers")
    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_two_hundred_tests_at_once_do_not_disturb_one_another(pytester: pytest.Pytester) -> None:
    result = run_alone(
        pytester,
        """
import asyncio, heloise

@pytest.mark.parametrize("number", range(100))
@pytest.mark.mail_faults("451 once, then accept")
def test_sync(mail_server, number):
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mail_server, to=mail_server.address)
    send(mail_server, to=mail_server.address, subject=str(number))
    assert mail_server.expect(to=mail_server.address).subject == str(number)
    assert len(mail_server.messages) == 1

@pytest.mark.parametrize("number", range(100))
async def test_async(mail_server, number):
    waiting = [asyncio.create_task(mail_server.expect(subject=f"{number}/{each}")) for each in range(3)]
    for each in range(3):
        await heloise.send(
            f"Subject: {number}/{each}\\r\\n\\r\\n".encode(), sender="", recipients=["x@y.test"], port=mail_server.port
        )
    assert len({message.message_id for message in await asyncio.gather(*waiting)}) == 3
    assert len(mail_server.sessions) == 3
""",
        "-n",
        "4",
    )
    result.assert_outcomes(passed=200)
