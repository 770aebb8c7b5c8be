"""Measure heloise and its peers in one run: ratios on one machine say more than figures from two.

Peers take turns within each round, so that a change in the machine's own load meets them all. The tables are printed,
and everything is written to benchmarks/results/ as JSON, from which benchmarks/report makes docs/performance.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.experiments import EXPERIMENTS
from benchmarks.shape import Experiment, Row
from benchmarks.tables import text_table
from benchmarks.tools import build
from tests.peers.jail import PeerError

_TROUBLE = (PeerError, RuntimeError, OSError, subprocess.SubprocessError, ValueError)
_QUICK_SECONDS = 0.5


def main() -> int:
    options = _options().parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, min(options.seconds, _QUICK_SECONDS)
    build()
    result = results.begin(options)
    everything: list[Row] = []
    stopped = False
    for experiment in (EXPERIMENTS[name] for name in options.experiments):
        rows = _rows(experiment, options)
        try:
            _run(experiment, rows, options)
        except KeyboardInterrupt:
            stopped = True
        # After each experiment, and of one that was stopped as far as it came: it shall not have been for nothing.
        result.add(experiment, [row for row in rows if row.samples or row.error])
        path = result.write(options.name)
        print(text_table(result.of(experiment.name)), end="\n\n", flush=True)
        everything += rows
        if stopped:
            break
    _say(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 1 if stopped or any(row.error or not row.is_honest for row in everything) else 0


def _rows(experiment: Experiment[Any], options: argparse.Namespace) -> list[Row]:
    wanted = options.cells.split(";")
    cells = [
        cell
        for cell in experiment.cells()
        if (cell.quick or not options.quick) and any(text in f"{cell.name}." for text in wanted)
    ]
    subjects = [each for each in experiment.subjects() if not options.peers or each.name in options.peers]
    return [
        Row(subject=subject, cell=cell) for cell in cells for subject in subjects if experiment.takes(subject, cell)
    ]


def _run(experiment: Experiment[Any], rows: Sequence[Row], options: argparse.Namespace) -> None:
    try:
        for name in dict.fromkeys(row.cell.name for row in rows):
            for number in range(options.rounds):
                _round(experiment, number, [row for row in rows if row.cell.name == name], options)
    finally:
        experiment.close()


def _round(experiment: Experiment[Any], number: int, rows: Sequence[Row], options: argparse.Namespace) -> None:
    # Who goes first meets another machine than who goes last; so the order is another in each round.
    turn = number % len(rows) if rows else 0
    for row in [*rows[turn:], *rows[:turn]]:
        if row.error:
            continue
        _say(f"{experiment.name}, {row.cell.name}, round {number + 1}: {row.subject.name}")
        try:
            row.samples.append(experiment.measure(row.subject, row.cell, options.seconds))
            if number == 0 and options.syncs:
                row.syncs = experiment.syncs(row.subject, row.cell)
        except _TROUBLE as error:
            row.error = f"{type(error).__name__}: {error}"
            _say(row.error)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = {subject.name for experiment in EXPERIMENTS.values() for subject in experiment.subjects()}

    def peers(text: str) -> list[str]:
        return [_known(word.strip(), sorted(known)) for word in text.split(";" if ";" in text else ",")]

    def experiments(text: str) -> list[str]:
        return [_known(word, [*EXPERIMENTS]) for word in text.split(",")]

    parser.add_argument(
        "--experiments", type=experiments, default=[*EXPERIMENTS], help=f"some of {','.join(EXPERIMENTS)} (all)"
    )
    parser.add_argument(
        "--peers", type=peers, default=[], help="only these, with ; between names that have a comma (all)"
    )
    parser.add_argument(
        "--cells",
        default="",
        help='only cells with one of these texts, parted by ;, in their name ("1 session.": its end)',
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each measurement, about (default 4)")
    parser.add_argument("--quick", action="store_true", help="one short round of a few cells: does all of it work?")
    parser.add_argument("--name", default="", help="the name of the result file (the date)")
    parser.add_argument("--no-syncs", dest="syncs", action="store_false", help="leave out the runs under strace")
    return parser


def _known(word: str, names: Sequence[str]) -> str:
    if word not in names:
        raise argparse.ArgumentTypeError(f"{word!r} is none of {'; '.join(names)}")
    return word


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
