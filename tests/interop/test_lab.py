"""The lab with real servers: what they say is explained, and where the session stands is known."""

import pytest
from click.testing import CliRunner

from heloise.cli.main import main
from tests.interop.nexthops import Mta, every_mta

pytestmark = [pytest.mark.interop, pytest.mark.slow]

LINES = (
    "EHLO client.test",
    "DATA",
    "MAIL FROM:<a@client.test>",
    "RCPT TO:<bob@there.test>",
    "RSET",
    "NONSENSE",
    "QUIT",
)


@every_mta
def test_the_session_with_a_real_server_is_followed(mta: type[Mta]) -> None:
    with mta(local_domains=["there.test"]) as peer:
        said = "".join(f"{line}\n" for line in LINES)
        result = CliRunner().invoke(main, ["lab", f"127.0.0.1:{peer.port}"], input=said)
    assert result.exit_code == 0, result.output
    told = [line.rpartition(": ")[2] for line in result.stdout.splitlines() if line.startswith("-- the session is now")]
    assert told == ["greeted", "ready", "mail", "recipients", "ready", "closed"]
    assert "│ 503 · Bad sequence of commands · RFC 5321 §4.1.4" in result.stdout
    assert "│ 250 · Requested mail action okay, completed" in result.stdout
