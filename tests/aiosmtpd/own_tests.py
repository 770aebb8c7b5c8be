"""How many of aiosmtpd's own tests pass on the adapter: `python -m tests.aiosmtpd.own_tests [NAME…]`, in some minutes.

A measure and no test of ours, since they use a fixed port and wait for times. They run in a network of their own (it
takes root, or a kernel that gives namespaces to users), from the package that `scripts/install-peers aiosmtpd` brings.
What can not pass is what looks into aiosmtpd's insides, expects its words where the engine refuses, or mail that the
engine does not take (docs/migration.md).
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.peers import require

ROOT = Path(__file__).parents[2]
FILES = ("handlers", "lmtp", "main", "misc", "server", "smtp", "smtps", "smtpsmuggling", "starttls")
_MARKERS = "markers=client_data\ncontroller_data\nhandler_data"
_OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED) \S*tests/(test_\w+\.py\S*)", re.MULTILINE)


def outcomes(name: str) -> dict[str, str]:
    """What became of each test in the file."""
    packages = next(require("aiosmtpd").parents[1].glob("lib/python*/site-packages"))
    tests = packages / "aiosmtpd" / "tests"
    run = [sys.executable, "-m", "pytest", "-rA", "-p", "tests.aiosmtpd.standing_in", "-p", "no:cacheprovider"]
    run += [
        "-c",
        "/dev/null",
        "--rootdir",
        str(tests.parent),
        "-o",
        _MARKERS,
        "--tb=no",
        str(tests / f"test_{name}.py"),
    ]
    ended = subprocess.run(
        ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *run],
        cwd="/tmp",
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}:{packages}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return {test: outcome for outcome, test in _OUTCOME.findall(ended.stdout)}


def main(names: list[str]) -> None:
    """Tell them."""
    total: Counter[str] = Counter()
    for name in names:
        found = outcomes(name)
        counted = Counter(found.values())
        total += counted
        print(f"{name}: {counted['PASSED']} of {len(found)}")
        for test, outcome in found.items():
            if outcome not in ("PASSED", "SKIPPED"):
                print(f"    {test}")
    print(f"together: {total['PASSED']} of {total.total()}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(FILES))
