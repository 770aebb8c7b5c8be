"""Ten thousand sessions open and idle in one process: stable, and cheap."""

import asyncio
import resource
from pathlib import Path

import pytest

from tests.serving import Served, served

SESSIONS = 10_000
AT_ONCE = 200
CONFIGURATION = """\
hostname = "mx.test"
state = "state"
[[listener]]
address = "127.0.0.1:0"
max_connections = 11000
[local]
domains = ["here.test"]
[[user]]
name = "alice"
[limits]
connections = 11000
connections_per_client = 11000
"""


def memory_of(process: int) -> int:
    """Octets that belong to this process alone or in part (PSS)."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss in smaps_rollup")


async def open_session(port: int, gate: asyncio.Semaphore) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"220 ")
        writer.write(b"EHLO client.test\r\n")
        while not (await reader.readline()).startswith(b"250 "):
            pass
    return reader, writer


async def noop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Semaphore) -> None:
    async with gate:
        writer.write(b"NOOP\r\n")
        assert (await reader.readline()).startswith(b"250 ")


async def crowd(server: Served) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    first = await open_session(server.port, gate)
    before = memory_of(server.process.pid)
    sessions = await asyncio.gather(*(open_session(server.port, gate) for _ in range(SESSIONS)))
    after = memory_of(server.process.pid)
    print(f"{SESSIONS} idle sessions: {(after - before) / SESSIONS / 1024:.1f} KB each, {after >> 20} MB in all")
    assert (after - before) / SESSIONS < 64 * 1024
    # One more client is served as if nobody else were there, and nobody was forgotten.
    reader, writer = first
    writer.write(b"MAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n")
    assert [(await reader.readline())[:3] for _ in range(3)] == [b"250", b"250", b"354"]
    writer.write(b"Subject: x\r\n\r\n.\r\n")
    assert (await reader.readline()).startswith(b"250 ")
    await asyncio.gather(*(noop(*session, gate) for session in sessions))
    for _, each in (*sessions, first):
        each.transport.abort()


@pytest.mark.slow
def test_ten_thousand_idle_sessions_are_held(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SESSIONS + 500
    if hard < wanted:
        pytest.fail(f"ten thousand sessions need as many descriptors: ulimit -Hn {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    configuration = tmp_path / "heloise.toml"
    configuration.write_text(CONFIGURATION)
    with served(configuration, tmp_path / "state", log=tmp_path / "log") as server:
        asyncio.run(crowd(server))
