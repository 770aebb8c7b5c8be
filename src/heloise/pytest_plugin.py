"""The pytest plugin: fixture `mail_server`, marker `mail_faults`. Loads nothing of heloise until one is used.

A test that is a coroutine has the server in its own event loop, whoever runs that loop: the fixture wraps the test, and
starts the server within. Any other test has it in a thread. Each test has a server, a port and an inbox for itself.
"""

import inspect
import re
import secrets
from collections.abc import Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from heloise.testing.certificate import TestCertificate
    from heloise.testing.mail_server import LoopThread, MailServer, ThreadedMailServer

_SERVER = pytest.StashKey[Any]()
_NO_NAME = re.compile(r"[^a-z0-9]+")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        'mail_faults(*faults, seed=0, pedantic=False): the mail_server fails so, as in "451 twice, then accept"',
    )


@pytest.fixture
def mail_server(request: pytest.FixtureRequest) -> "Iterator[MailServer | ThreadedMailServer]":
    """A mail server for this test: catches everything, fails as the marker mail_faults says."""
    from heloise.testing.mail_server import MailServer, ThreadedMailServer

    server = MailServer(
        certificate=request.getfixturevalue("mail_certificate"),
        address=_address(request.node.name),
        **_marked(request.node),
    )
    request.node.stash[_SERVER] = server
    test = getattr(request.node, "obj", None)
    if inspect.iscoroutinefunction(test):
        request.node.obj = _within(server, test)
        yield server
        return
    threaded = ThreadedMailServer(server, request.getfixturevalue("_mail_thread"))
    threaded.start()
    yield threaded
    threaded.stop()


@pytest.fixture(scope="session")
def mail_certificate(tmp_path_factory: pytest.TempPathFactory) -> "TestCertificate":
    """The certificate of all mail servers of this run: `ca` is whom to believe."""
    from heloise.testing.certificate import make_certificate

    # Never where another one has been in this process: what was read from files is remembered by their names.
    return make_certificate(tmp_path_factory.mktemp(f"mail-certificate-{secrets.token_hex(8)}"))


@pytest.fixture(scope="session")
def _mail_thread() -> "Iterator[LoopThread]":
    from heloise.testing.mail_server import LoopThread

    thread = LoopThread()
    yield thread
    thread.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """What was said to the mail server is shown with a test that fails."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    server = item.stash.get(_SERVER, None)
    if server is not None and report.failed and server.transcript:
        report.sections.append(("mail_server", server.transcript))


def _within(server: "MailServer", test: Any) -> Any:
    @wraps(test)
    async def within(*arguments: Any, **named: Any) -> Any:
        async with server:
            return await test(*arguments, **named)

    return within


def _marked(node: pytest.Item) -> dict[str, Any]:
    """What the markers say, those nearest to the test last."""
    faults: list[Any] = []
    options: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("mail_faults"))):
        faults += marker.args
        options |= marker.kwargs
    return {"faults": faults, **options}


def _address(name: str) -> str:
    """An address made of the name of a test."""
    return f"{_NO_NAME.sub('-', name.lower()).strip('-')[:60] or 'test'}@example.test"
