"""Measure heloise and its peers in one run and print ratios.

Durable acceptance: clients offer messages over many sessions; the server answers 250 and keeps the message in its
queue. Relay: the same, and the server passes each message on to a sink; time ends when the sink has them all.
Peers take turns within each round, so that a change in the machine's own load meets them all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.experiments import Cell, measure, syncs_per_message
from benchmarks.report import Row, table
from benchmarks.subjects import SUBJECTS
from benchmarks.tools import build
from tests.peers.jail import PeerError

_RESULTS = Path(__file__).with_name("results")
_TROUBLE = (PeerError, RuntimeError, OSError, subprocess.SubprocessError, ValueError)


def main() -> int:
    options = _options().parse_args()
    build()
    cells = _cells(options)
    rows = [
        Row(subject=SUBJECTS[name], cell=cell)
        for cell in cells
        for name in options.peers
        if cell.experiment != "relay" or SUBJECTS[name].relays
    ]
    load = os.getloadavg()[0]
    for cell in cells:
        _run(cell, [row for row in rows if row.cell == cell], options)
    print(table(rows))
    _write(rows, options, load)
    return 1 if any(row.error or not all(sample.honest for sample in row.samples) for row in rows) else 0


def _run(cell: Cell, rows: list[Row], options: argparse.Namespace) -> None:
    for number in range(options.rounds):
        for row in rows:
            if row.error:
                continue
            _say(f"{number + 1}: {row.subject.name}, {cell.experiment} {cell.size} octets, {cell.sessions} sessions")
            try:
                row.samples.append(measure(row.subject, cell, options.seconds))
                if number == 0 and options.syncs:
                    row.syncs = syncs_per_message(row.subject, cell)
            except _TROUBLE as error:
                row.error = f"{type(error).__name__}: {error}"


def _cells(options: argparse.Namespace) -> list[Cell]:
    cells = []
    if "durable" in options.experiments:
        cells += [
            Cell(
                experiment="durable",
                size=size,
                sessions=sessions,
                pipelining=options.pipelining,
                per_connection=options.per_connection,
            )
            for size in options.sizes
            for sessions in options.sessions
        ]
    if "relay" in options.experiments:
        cells.append(
            Cell(experiment="relay", size=4096, sessions=options.relay_sessions, pipelining=options.pipelining)
        )
    return cells


def _options() -> argparse.ArgumentParser:
    def numbers(text: str) -> list[int]:
        return [int(word) for word in text.split(",")]

    def names(known: list[str]) -> Callable[[str], list[str]]:
        def parse(text: str) -> list[str]:
            if unknown := [word for word in text.split(",") if word not in known]:
                raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(known)}")
            return text.split(",")

        return parse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=names([*SUBJECTS]), default=["heloise", "postfix", "aiosmtpd"])
    parser.add_argument("--experiments", type=names(["durable", "relay"]), default=["durable", "relay"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each measurement, about (default 4)")
    parser.add_argument("--sizes", type=numbers, default=[1024, 10240], help="octets of a message (1024,10240)")
    parser.add_argument("--sessions", type=numbers, default=[1, 20, 100], help="concurrent sessions (1,20,100)")
    parser.add_argument("--relay-sessions", type=int, default=20)
    parser.add_argument("--per-connection", type=int, default=0, help="messages for each connection (0: all)")
    parser.add_argument("--pipelining", action="store_true", help="send MAIL, RCPT, DATA as one group")
    parser.add_argument("--no-syncs", dest="syncs", action="store_false", help="leave out the runs under strace")
    return parser


def _write(rows: list[Row], options: argparse.Namespace, load: float) -> None:
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / time.strftime("%Y%m%d-%H%M%S.json", time.gmtime())
    result = {
        "machine": {
            "processors": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load_before": load,
        },
        "options": vars(options),
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(result, indent=1))
    _say(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
