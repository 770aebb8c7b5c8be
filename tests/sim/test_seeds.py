"""The whole server in simulated weeks, judged. One seed: `python -m tests.sim --seeds 17`."""

import os
import subprocess
import sys

import pytest

from tests.sim.scenario import run, run_seed

CHUNKS = 20
SEEDS = int(os.environ.get("HELOISE_SEEDS", "1000"))


def test_ten_seeds_lose_no_mail_and_change_and_double_none_and_are_worth_it() -> None:
    runs = [run(seed) for seed in range(10)]
    assert sum(each.accepted for each in runs) > 100
    assert sum(each.arrived for each in runs) > 100
    assert sum(each.failed for each in runs) > 10


def test_a_seed_run_twice_does_the_same_to_the_last_octet() -> None:
    assert run_seed(3) == run_seed(3)


@pytest.mark.slow
def test_a_seed_does_the_same_in_another_process_whose_hashes_differ() -> None:
    command = [sys.executable, "-c", "from tests.sim.scenario import run_seed; print(run_seed(3))"]
    path = os.pathsep.join(filter(None, sys.path))
    digests = {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_thousand_seeds_pass(chunk: int) -> None:
    failed = []
    for seed in range(chunk, SEEDS, CHUNKS):
        try:
            run_seed(seed)
        except Exception as error:
            failed.append(f"python -m tests.sim --seeds {seed}   # {type(error).__name__}")
    assert not failed, "\n".join(failed)
