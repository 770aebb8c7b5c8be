"""Runs a target guided by coverage: `python -m tests.fuzz TARGET --seconds N`, from the root of the checkout.

It needs atheris, in an environment of its own: `scripts/fuzz TARGET --seconds N` makes one and does all of this. Inputs
that reach something new are collected in .peers/fuzz-corpus; `--keep` adds the short ones that reach all of it to
tests/fuzz/corpus. A finding is written to .peers/fuzz-findings and ends the run; `python -m tests.fuzz TARGET FILE`
replays it.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz import targets
from tests.fuzz.keeping import keep

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
FOUND = ROOT / ".peers" / "fuzz-corpus"
FINDINGS = ROOT / ".peers" / "fuzz-findings"
INPUT_SECONDS = 5  # one input may take so long


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=targets.NAMES)
    parser.add_argument("files", nargs="*", type=Path, help="run these inputs only")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="keep what was found, the least that reaches all of it")
    return parser.parse_args()


def written(tokens: tuple[bytes, ...]) -> str:
    """A dictionary as libFuzzer reads it."""
    return "".join('"' + "".join(f"\\x{octet:02x}" for octet in token) + '"\n' for token in tokens)


def main() -> None:
    """Run; libFuzzer ends the process itself."""
    wanted = arguments()
    name = wanted.target
    if wanted.keep:
        keep(name, FOUND / name, CORPUS / name)
        return
    if wanted.files:
        target = targets.load(name)
        for path in wanted.files:
            target.run(path.read_bytes())
        return
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    with atheris.instrument_imports(include=["heloise"]):
        target = targets.load(name)
    for folder in (FOUND / name, CORPUS / name, FINDINGS):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False) as dictionary:
        dictionary.write(written(target.tokens))
    options = [
        f"-max_total_time={wanted.seconds}",
        f"-dict={dictionary.name}",
        f"-max_len={target.longest}",
        f"-timeout={INPUT_SECONDS}",
        f"-artifact_prefix={FINDINGS}/{name}-",
        "-len_control=20",  # long inputs soon: a session has many lines
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    ]
    folders = [str(FOUND / name), str(CORPUS / name)]
    atheris.Setup([sys.argv[0], *options, *folders], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
