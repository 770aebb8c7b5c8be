"""The result of a run as JSON: complete in itself, so that a report needs nothing but the file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.peers_heloise import program_version
from benchmarks.shape import Experiment, Row, best_peer
from tests.peers.require import PEERS

DIRECTORY = Path(__file__).with_name("results")


class Result:
    """One run, while it grows."""

    def __init__(self, head: dict[str, Any]) -> None:
        self._content: dict[str, Any] = {**head, "experiments": []}
        self._started = time.strftime("%Y%m%d-%H%M%S", time.gmtime())

    def add(self, experiment: Experiment[Any], rows: Sequence[Row]) -> None:
        """An experiment is over."""
        self._content["experiments"].append(
            {
                "name": experiment.name,
                "title": experiment.title,
                "text": experiment.text,
                "more_is_better": experiment.more_is_better,
                "figures": [asdict(figure) for figure in experiment.figures],
                "rows": [row.as_json(experiment, best_peer(experiment, rows, row.cell)) for row in rows],
            }
        )
        self._content["machine"]["load_after"] = os.getloadavg()[0]

    def of(self, name: str) -> dict[str, Any]:
        """The part of one experiment."""
        found: dict[str, Any] = next(each for each in self._content["experiments"] if each["name"] == name)
        return found

    def write(self, name: str) -> Path:
        """Write what there is so far."""
        DIRECTORY.mkdir(exist_ok=True)
        path = DIRECTORY / f"{name or self._started}.json"
        path.write_text(json.dumps(self._content, indent=1, ensure_ascii=False) + "\n")
        return path


def begin(options: argparse.Namespace) -> Result:
    """The machine, the date, the versions, the settings."""
    return Result(
        {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "machine": {
                "processor": _processor(),
                "processors": len(os.sched_getaffinity(0)),
                "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
                "file_system": _file_system(Path("/tmp")),
                "kernel": platform.release().partition("-")[0],
                "load_before": os.getloadavg()[0],
            },
            "versions": {"heloise": program_version(), "Python": platform.python_version(), **_peer_versions()},
            "settings": {name: getattr(options, name) for name in ("rounds", "seconds", "quick")},
        }
    )


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _file_system(path: Path) -> str:
    """The type of the file system that `path` is on: a sync costs nothing in memory."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, this, *_ = line.split()
        if path.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, this
    return kind


_PACKAGES = {"postfix": "postfix", "exim": "exim4-base", "opensmtpd": "opensmtpd", "sendmail": "sendmail-bin"}


def _peer_versions() -> dict[str, str]:
    """What scripts/install-peers wrote down."""
    versions = {}
    for peer, package in _PACKAGES.items():
        path = PEERS / peer / "versions"
        text = path.read_text() if path.exists() else ""
        found = re.search(rf"^{re.escape(package)} (\S+)$", text, re.MULTILINE)
        versions[peer] = found[1] if found else "not recorded"
    for peer in ("haraka", "aiosmtpd", "senders"):
        path = PEERS / peer / "stamp"
        words = path.read_text().split() if path.exists() else []
        for word in words:
            name, _, number = word.replace("==", "@").partition("@")
            versions[name.lower()] = number
    return versions
