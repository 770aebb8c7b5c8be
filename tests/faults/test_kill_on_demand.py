"""kill -9 in the middle of a relay on demand, on either side: every message arrives, the customer's 250 is kept."""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from heloise.link.converse import Conversation
from heloise.link.dial import dial
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from heloise.world import Endpoint
from tests.serving import PROGRAM, Served, start, until_empty

MESSAGES = 400
PROVIDER = """\
hostname = "provider.test"
state = "provider"
[[listener]]
address = "127.0.0.1:0"
[extensions]
ATRN = "any"
[[odmr]]
networks = ["127.0.0.1"]
domains = ["site.test"]
[limits]
minimum_free = 0
"""
CUSTOMER = """\
hostname = "mail.site.test"
state = "customer"
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["site.test"]
[[user]]
name = "alice"
[limits]
minimum_free = 0
"""


class Town:
    """A provider and a customer, each a process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "provider.toml").write_text(PROVIDER)
        (directory / "customer.toml").write_text(CUSTOMER)
        self.provider = self.start("provider")
        self.customer = self.start("customer")

    def start(self, name: str) -> Served:
        return start(self.directory / f"{name}.toml", self.directory / name, log=self.directory / f"{name}.log")

    def fetching(self) -> "subprocess.Popen[bytes]":
        command = [PROGRAM, "atrn", "-c", "customer.toml", f"127.0.0.1:{self.provider.port}", "--json"]
        return subprocess.Popen(command, cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def fetch(self) -> dict[str, Any]:
        out, errors = self.fetching().communicate(timeout=120)
        fetched: dict[str, Any] = json.loads(out or errors)
        return fetched

    def arrived(self) -> Counter[int]:
        """How often each message is in the mailbox, by the number in its subject."""
        new = self.directory / "customer" / "mail" / "alice" / "Maildir" / "new"
        letters = [path.read_bytes() for path in new.iterdir()] if new.exists() else []
        return Counter(int(octets.partition(b"Subject: ")[2].partition(b"\r\n")[0]) for octets in letters)

    def some_arrive(self, fetching: "subprocess.Popen[bytes]") -> None:
        while sum(self.arrived().values()) < MESSAGES // 10:
            with suppress(subprocess.TimeoutExpired):
                fetching.wait(0.01)
                raise AssertionError("everything was fetched before anything could be killed")


async def bring(port: int) -> None:
    world = real_world()
    dialled = await dial(world, Endpoint("127.0.0.1", port), ClientOptions(hello_name="x.test"), discover())
    assert isinstance(dialled, Conversation)
    envelope = Envelope.parse(b"<x@y.test>\r\n<alice@site.test>\r\n")
    for number in range(MESSAGES):
        octets = b"Subject: %d\r\n\r\n%s\r\n" % (number, b"x" * 500)
        (answer,) = await dialled.deliver(envelope, MemoryContent(octets), content_facts(octets))
        assert answer.is_taken
    await dialled.quit()
    await world.blocking.close()


def kill_provider(town: Town) -> None:
    town.provider.kill()
    town.provider = town.start("provider")


def kill_customer(town: Town) -> None:
    town.customer.kill()
    town.customer = town.start("customer")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "twice"),
    [
        pytest.param(kill_provider, 1, id="provider"),  # the one message that was being handed over
        pytest.param(kill_customer, 1 + 100, id="customer"),  # and what was being written into the mailbox
    ],
)
def test_what_waits_at_a_provider_arrives_although_one_of_both_is_killed(
    kill: Callable[[Town], None], twice: int, tmp_path: Path
) -> None:
    town = Town(tmp_path)
    try:
        asyncio.run(bring(town.provider.port))
        fetching = town.fetching()
        town.some_arrive(fetching)
        kill(town)
        fetching.communicate(timeout=120)
        left = town.provider.waiting_messages()
        assert 0 < left < MESSAGES
        taken = 0
        for _ in range(10):  # what was leased when the provider died may be in hand there when we come again
            taken += town.fetch()["taken"]
            if not town.provider.waiting_messages():
                break
        assert taken == left
        assert town.provider.waiting_messages() == 0
        until_empty(town.customer, seconds=60)
        arrived = town.arrived()
        assert set(arrived) == set(range(MESSAGES))  # nothing is lost
        assert sum(arrived.values()) <= MESSAGES + twice  # and only what was in between may come twice
    finally:
        town.customer.stop()
        town.provider.stop()
