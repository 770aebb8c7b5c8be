"""Who logs in where: the table of docs/peers.md says what the tests of logins do, and why others are left out.

Run as a program it prints the table: `python -m tests.interop.test_login_table`.
"""

from __future__ import annotations

from pathlib import Path

from heloise.smtp.sasl.choosing import CLIENT_MECHANISMS
from tests.interop.login_relays import RELAYS
from tests.interop.login_servers import SERVERS
from tests.interop.logins import CLIENTS

PAGE = Path(__file__).parents[2] / "docs" / "peers.md"
MECHANISMS = (
    *("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"),
    *("EXTERNAL", "OAUTHBEARER", "XOAUTH2"),
)
TLS = ("starttls", "implicit")
AS_CLIENT = {name: known for name, (_, known) in {**CLIENTS, **RELAYS}.items()}
AS_SERVER = {name: known for name, (_, known) in SERVERS.items()}
# What is left out, each with its reason.
WITHOUT_TLS_FIRST = {"sendmail": "STARTTLS only, when it is the client"}
NO_OTHERS = "knows no others"
LEFT_OUT = {
    "smtplib": NO_OTHERS,
    "swaks": "knows no others that are ours (DIGEST-MD5, NTLM)",
    "curl": "Debian builds it without SCRAM; it takes OAUTHBEARER where both are offered",
    "msmtp": "binds to no channel",
    "nodemailer": NO_OTHERS,
    "aiosmtplib": NO_OTHERS,
    "openssl": "what a person can type; the others have to be computed from what the server says",
    "heloise": "",
    "postfix": "what Cyrus SASL brings; no certificate, no tokens without a plugin of others",
    "exim": "Debian builds it without GNU SASL: no SCRAM as a client, nothing bound to the channel",
    "sendmail": "what Cyrus SASL brings",
    "opensmtpd 6.8": "takes PLAIN where it is offered",
    "opensmtpd 7": "takes PLAIN where it is offered; as a server it has PLAIN and LOGIN",
    "postfix by Cyrus SASL": "what Cyrus SASL brings",
    "postfix by Dovecot": "the others need a certificate or tokens behind Dovecot",
    "aiosmtpd": NO_OTHERS,
}


def table() -> str:
    """As it stands in the page."""
    head = ["| | TLS | " + " | ".join(MECHANISMS) + " | left out |", "|---|---|" + "---|" * (len(MECHANISMS) + 1)]
    rows = [_row(f"{name} at heloise", name, known) for name, known in AS_CLIENT.items()]
    rows += [_row(f"heloise at {name}", name, known, server=True) for name, known in AS_SERVER.items()]
    return "\n".join([*head, *rows]) + "\n"


def _row(title: str, name: str, known: tuple[str, ...], *, server: bool = False) -> str:
    tls = "STARTTLS" if name in WITHOUT_TLS_FIRST and not server else "both"
    cells = ["yes" if each in known else "" for each in MECHANISMS]
    return f"| {title} | {tls} | {' | '.join(cells)} | {LEFT_OUT[name]} |"


def test_the_page_has_the_table_of_what_is_tested() -> None:
    assert table() in PAGE.read_text(), "python -m tests.interop.test_login_table prints the table for docs/peers.md"


def test_what_is_left_out_has_a_reason() -> None:
    assert set(MECHANISMS) >= set(CLIENT_MECHANISMS)
    for name, known in {**AS_CLIENT, **AS_SERVER}.items():
        assert set(known) <= set(MECHANISMS)
        assert set(known) == set(MECHANISMS) or LEFT_OUT[name], name


if __name__ == "__main__":
    print(table(), end="")
