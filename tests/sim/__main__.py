"""Run seeds by hand: `python -m tests.sim --seeds 1000..2000`. Prints those that fail, and how to see them again."""

import argparse
import sys
import time

from tests.sim.scenario import run


def main() -> int:
    """The number of seeds that failed, at most 100."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", default="0..100", help="first..last, the last left out; or one number")
    parser.add_argument("--digests", action="store_true", help="print the digest of each run")
    arguments = parser.parse_args()
    first, dots, last = arguments.seeds.partition("..")
    seeds = range(int(first), int(last) if dots else int(first) + 1)
    failed, begin = 0, time.process_time()
    for seed in seeds:
        try:
            outcome = run(seed)
        except Exception as error:
            failed += 1
            print(f"seed {seed}: {story(error)}\nagain: python -m tests.sim --seeds {seed}\n", flush=True)
        else:
            if arguments.digests:
                print(f"seed {seed}: {outcome}")
    spent = time.process_time() - begin
    print(f"{len(seeds)} seeds, {failed} failed, {len(seeds) / spent:.1f} seeds a second of CPU")
    return min(failed, 100)


def story(error: BaseException) -> str:
    """What went wrong, without the wrapping that task groups put around it."""
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(story(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
