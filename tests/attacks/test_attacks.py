"""Each attack, small: the server's memory stays within its budget, it says why, and an honest client is served."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.attacks.attackers import ATTACKS
from tests.attacks.target import BUDGET, attack, honest_messages, refusals, target

SIZES = {
    "connections": 2000,
    "slow senders": 60,
    "endless lines": 40,
    "endless recipients": 2000,
    "memory bombs": 60,
    "guesses": 55,
    "huge chunks": 20,
    "floods": 20,
    "chatter": 40,
    "tiny chunks": 20,
    "handshakes": 60,
    "many guesses": 40,
}
# What it has to come to: at least so many of these replies.
EXPECTED = {
    "connections": Counter({"220": 300, "421": 1000}),
    "slow senders": Counter({"421": 60}),
    "endless lines": Counter({"421": 20, "552": 20}),
    "endless recipients": Counter({"250": 100, "452": 1800}),
    "memory bombs": Counter({"354": 60}),
    "guesses": Counter({"535": 20, "454": 3}),
    "huge chunks": Counter({"501": 12}),
    "floods": Counter({"421": 5}),  # a reset connection may lose the last word
    "chatter": Counter({"550": 800}),
    "tiny chunks": Counter({"421": 5}),
    "handshakes": Counter({"220": 100}),
    "many guesses": Counter({"535": 40}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_costs_no_more_memory_than_its_budget(name: str, tmp_path: Path) -> None:
    with target(tmp_path) as server:
        outcome = asyncio.run(attack(server, name, SIZES[name]))
        print(f"{name}: {dict(outcome.codes)}, {outcome.grown >> 20} MB, {outcome.seconds:.1f} s")
        assert outcome.grown < BUDGET
        assert not EXPECTED[name] - outcome.codes, outcome.codes
        assert honest_messages(server.port, seconds=0.5) > 0
        assert server.stop() == 0
    for refused in refusals(tmp_path / "log"):
        assert refused["cause"], refused


@pytest.mark.slow
def test_all_of_them_at_once_leave_an_honest_client_served(tmp_path: Path) -> None:
    async def everything(port: int) -> int:
        codes: Counter[str] = Counter()
        attacks = [asyncio.ensure_future(each(port, SIZES[name] // 4, codes)) for name, each in ATTACKS.items()]
        taken = await asyncio.to_thread(honest_messages, port, seconds=3)
        await asyncio.gather(*attacks)
        return taken

    with target(tmp_path, connections=1000) as server:
        assert asyncio.run(everything(server.port)) >= 3
        assert server.stop() == 0
    shutil.rmtree(tmp_path / "state")
