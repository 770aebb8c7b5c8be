"""Finds what scripts/install-peers brought, or says which command brings it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

PEERS = Path(__file__).resolve().parents[2] / ".peers"

_PROOF = {
    "postfix": "postfix/stamp",
    "sendmail": "sendmail/stamp",
    "exim": "exim/stamp",
    "exim-heavy": "exim-heavy/stamp",
    "opensmtpd": "opensmtpd/stamp",
    "opensmtpd-7": "opensmtpd-7/stamp",
    "dovecot": "dovecot/stamp",
    "haproxy": "haproxy/stamp",
    "opendkim": "opendkim/stamp",
    "pymilter": "pymilter/stamp",
    "rspamd": "rspamd/stamp",
    "postgresql": "postgresql/stamp",
    "aiosmtpd": "aiosmtpd/stamp",
    "swaks": "bin/swaks",
    "msmtp": "bin/msmtp",
    "curl": "bin/curl",
    "openssl": "bin/openssl",
    "mpop": "bin/mpop",
    "fetchmail": "bin/fetchmail",
    "nodemailer": "bin/nodemailer",
    "haraka": "haraka/stamp",
    "chromium": "bin/chromium",
    "firefox": "bin/firefox",
    "axe": "axe/stamp",
    "senders": "senders/stamp",
    "inboxes": "inboxes/stamp",
    "inboxes-node": "inboxes-node/stamp",
}
_ROOTS = (
    *("postfix", "sendmail", "exim", "exim-heavy", "opensmtpd", "opensmtpd-7", "dovecot", "haproxy"),
    *("opendkim", "pymilter", "rspamd", "postgresql"),
)
_RESULT = {
    **{name: f"{name}/root" for name in _ROOTS},
    "aiosmtpd": "aiosmtpd/venv/bin/python",
    "nodemailer": "bin/nodemailer",
    "chromium": "bin/chromium",
    "firefox": "bin/firefox",
    "axe": "axe/node_modules/axe-core/axe.min.js",
    "haraka": "haraka/node_modules",
    "senders": "senders/venv/bin/python",
    "inboxes": "inboxes/venv/bin/python",
    "inboxes-node": "inboxes-node/node_modules",
}
# These need neither a root directory nor users of their own.
_FETCHERS = ("mpop", "fetchmail")
_PLAIN = ("aiosmtpd", "axe", "haraka", "senders", "inboxes", "inboxes-node")


def require(name: str) -> Path:
    """The root directory of the server `name`, or the program of the client `name`.

    If it is missing: in a pytest run the test is skipped with the command that helps, but with CI=true in the
    environment it fails, because a test that never runs there proves nothing; outside of pytest, RuntimeError.
    """
    if not (PEERS / _PROOF[name]).exists():
        part = name if name in _RESULT else "fetchers" if name in _FETCHERS else "clients"
        _missing(f"{name} is not installed for tests: run scripts/install-peers {part}")
    if name not in _PLAIN and os.geteuid() != 0:
        _missing(f"{name} runs in a mount namespace under its own users: run as root")
    return PEERS / _RESULT.get(name, _PROOF[name])


def _missing(sentence: str) -> NoReturn:
    if "PYTEST_CURRENT_TEST" not in os.environ:
        raise RuntimeError(sentence)
    # pytest belongs to the tests; the benchmarks use the peers without it.
    pytest = sys.modules["pytest"]
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
    raise AssertionError("pytest.skip always raises")
