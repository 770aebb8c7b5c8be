"""REQUIRETLS between whole servers over the loopback: verified TLS on the way there, and on the way back. RFC 8689."""

import asyncio
import smtplib
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.config import parse_configuration
from heloise.dsn.parse import parse_report
from heloise.net import real_world
from heloise.world import Endpoint
from tests.certificates import Authority

WAIT = 30.0
LETTER = b"From: alice@near.test\r\nTo: zoe@far.test\r\nSubject: secret\r\n\r\nThe body.\r\n"
CONFIGURATION = """\
hostname = "localhost"
state = "{name}"
[[listener]]
address = "127.0.0.1:{port}"
[local]
domains = ["{name}.test"]
postmaster = "alice"
[[user]]
name = "alice"
[[user]]
name = "zoe"
quota = "{quota}"
[limits]
minimum_free = 0
[passport]
off = true
[delivery]
ca_file = "{ca}"
[[route]]
domains = ["{other}.test"]
to = "smtp:localhost:{to}"
"""


class Log:
    """What a server said it did, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self._changed = asyncio.Event()

    def emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.events.append((event, fields))
        self._changed.set()

    async def attempts(self, count: int) -> list[str]:
        """Recipient, action and reply of so many attempts, once there are so many."""
        while True:
            found = [fields for event, fields in self.events if event == "delivery.attempted"]
            if len(found) >= count:
                return [f"{each['recipient']} {each['action']} {each['reply']}" for each in found]
            self._changed.clear()
            await self._changed.wait()


def submit(port: int, authority: Authority, *options: str) -> None:
    with smtplib.SMTP("localhost", port, timeout=WAIT) as client:
        client.ehlo("client.test")
        assert not client.has_extn("requiretls")
        client.starttls(context=ssl.create_default_context(cafile=authority.ca_file))
        client.ehlo("client.test")
        assert client.has_extn("requiretls")
        client.sendmail("alice@near.test", ["zoe@far.test"], LETTER, mail_options=options)


async def play(
    directory: Path, *, far_names: tuple[str, ...] = ("localhost",), off: bool = False, quota: str = "1 MiB"
) -> list[str]:
    """A message that requires TLS from one server to another; what the first one's attempts came to."""
    authority = Authority(directory)
    near, far = authority.issue("localhost", file="near"), authority.issue(*far_names, file="far")
    async with asyncio.timeout(WAIT), AsyncExitStack() as stack:
        logs: dict[str, Log] = {}
        ports = {"near": 0, "far": 0}

        async def start(name: str, other: str, files: object) -> None:
            text = CONFIGURATION.format(
                name=name, other=other, port=0, to=ports[other] or 1, ca=authority.ca_file, quota=quota
            )
            text += f'[[tls.certificate]]\nchain = "{files.chain}"\nkey = "{files.key}"\n'  # type: ignore[attr-defined]
            text += '[extensions]\nREQUIRETLS = "off"\n' if off and name == "far" else ""
            logs[name] = Log()
            server = MailServer(
                parse_configuration(text, directory=str(directory)), real_world(), Journal(logs[name].emit)
            )
            await server.start()
            stack.push_async_callback(server.stop)
            (endpoint,) = server.endpoints
            assert isinstance(endpoint, Endpoint)
            ports[name] = endpoint.port

        await start("far", "near", far)
        await start("near", "far", near)
        await asyncio.to_thread(submit, ports["near"], authority, "REQUIRETLS", "RET=FULL")
        said = await logs["near"].attempts(1)
        if "failed" in said[0]:
            await logs["near"].attempts(2)  # the report, into the mailbox of the sender
        else:
            await logs["far"].attempts(1)
    return said


def test_it_goes_on_under_verified_tls_to_who_promises_the_same(tmp_path: Path) -> None:
    [said, *_] = asyncio.run(play(tmp_path))
    assert said.startswith("<zoe@far.test> relayed 250 2.0.0")
    (letter,) = (tmp_path / "far").glob("mail/zoe/**/new/*")
    assert "with ESMTPS id" in letter.read_text()


@pytest.mark.parametrize(
    ("names", "off", "status"),
    [(("other.test",), False, "5.7.10"), (("localhost",), True, "5.7.30")],
    ids=["a certificate for another name", "no REQUIRETLS"],
)
def test_it_is_returned_with_its_header_only_where_that_can_not_be(
    names: tuple[str, ...], off: bool, status: str, tmp_path: Path
) -> None:
    [said, *_] = asyncio.run(play(tmp_path, far_names=names, off=off))
    assert said.startswith("<zoe@far.test> failed ")
    assert f" {status} " in said
    (letter,) = (tmp_path / "near").glob("mail/alice/**/new/*")
    report = parse_report(letter.read_bytes())
    assert report is not None
    assert [str(each.status) for each in report.recipients] == [status]
    assert b"Subject: secret" in letter.read_bytes()
    assert b"The body." not in letter.read_bytes()
    assert not list((tmp_path / "far").glob("mail/**/new/*"))
