"""The server that is attacked, what it takes of memory, and an honest client beside the attack."""

import asyncio
import json
import os
import smtplib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heloise.reception.users import new_login
from tests.attacks.attackers import ATTACKS
from tests.certificates import Authority
from tests.serving import Served, served

BUDGET = 96 << 20  # octets of memory that an attack may cost at most, whatever it is
CONFIGURATION = """\
hostname = "mx.here.test"
state = "state"
processes = 1
[[listener]]
address = "127.0.0.1:0"
max_connections = {connections}
allow_plaintext_auth = true
[local]
domains = ["here.test"]
[[user]]
name = "alice"
[relay]
networks = []
[auth]
users = "users"
[[tls.certificate]]
chain = "{chain}"
key = "{key}"
[limits]
message_size = "1 MiB"
connections = {connections}
connections_per_client = 100
recipients = 100
command_timeout = "{patience}s"
data_timeout = "{patience}s"
[log]
format = "json"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attack has come to: the replies, the most memory (PSS, octets) above what it was before, seconds."""

    codes: Counter[str]
    grown: int
    seconds: float


@contextmanager
def target(directory: Path, *, connections: int = 400, patience: int = 3) -> Iterator[Served]:
    """A running server with its files in `directory`, which has the log as `log` too."""
    (directory / "users").write_text(new_login("alice", "a good password", (), b"salt-of-alice-16").encode() + "\n")
    configuration = directory / "heloise.toml"
    files = Authority(directory).issue("mx.here.test")
    configuration.write_text(
        CONFIGURATION.format(connections=connections, patience=patience, chain=files.chain, key=files.key)
    )
    with served(configuration, directory / "state", log=directory / "log") as server:
        yield server


def memory_of(process: int) -> int:
    """Octets that belong to this process alone or in part (PSS)."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss in smaps_rollup")


def processor_time_of(process: int) -> float:
    """Seconds that it has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def attack(server: Served, name: str, count: int) -> Outcome:
    """Run one attack to its end, looking at the memory meanwhile."""
    before = most = memory_of(server.process.pid)
    begun, codes = time.monotonic(), Counter[str]()
    task = asyncio.ensure_future(ATTACKS[name](server.port, count, codes))
    while not task.done():
        await asyncio.wait({task}, timeout=0.1)
        most = max(most, memory_of(server.process.pid))
    await task
    return Outcome(codes=codes, grown=most - before, seconds=time.monotonic() - begun)


def refusals(log: Path) -> Iterator[dict[str, object]]:
    """What the server has logged of refused commands."""
    for line in log.read_text().splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("event") == "command.refused":
            yield entry


def honest_messages(port: int, *, seconds: float, address: str = "127.0.0.9") -> int:
    """So many messages does an honest client get taken, one after the other, in this time; one at least."""
    taken, end = 0, time.monotonic() + seconds
    with smtplib.SMTP("127.0.0.1", port, timeout=60, source_address=(address, 0)) as client:
        client.ehlo("honest.test")
        while not taken or time.monotonic() < end:
            client.sendmail("bob@honest.test", ["alice@here.test"], b"Subject: x\r\n\r\nHonest.\r\n")
            taken += 1
    return taken
