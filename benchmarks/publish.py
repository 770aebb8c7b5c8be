"""docs/performance.md and its plots, from a result file of benchmarks/run and benchmarks/performance.template.md.

    benchmarks/report benchmarks/results/final.json [MORE.json …]

The template has what people write; `{{machine}}`, `{{versions}}`, `{{settings}}`, `{{caution}}` and `{{experiments}}`
in it are replaced. A result of a quick run, or of a loaded machine, is marked as what it is at the top of the document.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.chart import Bar, Group, bar_chart
from benchmarks.tables import cells, markdown_table, number, subject

_ROOT = Path(__file__).resolve().parents[1]
_TEMPLATE = Path(__file__).with_name("performance.template.md")
_CALM = 0.5  # load average, for each processor, at the start of a run that may be published


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, nargs="+", help="of one run, or of several of the same day")
    parser.add_argument("--docs", type=Path, default=_ROOT / "docs", help="where to write (docs)")
    options = parser.parse_args()
    result = joined([json.loads(path.read_text()) for path in options.result])
    plots = options.docs / "performance"
    plots.mkdir(parents=True, exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    for experiment in result["experiments"]:
        (plots / f"{experiment['name']}.svg").write_text(plot(experiment))
    (options.docs / "performance.md").write_text(document(result, _TEMPLATE.read_text()))
    return 0


def joined(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One result of several, in the order in which they were made: all experiments, and the worst of the settings. The
    load before is that of the first: what comes behind it finds the load of its own benchmark.

    Raises:
        ValueError: they are not of the same programs on the same machine.
    """
    first, *others = results
    for other in others:
        same = other["versions"] == first["versions"] and other["machine"]["processor"] == first["machine"]["processor"]
        if not same:
            raise ValueError("the results are of other versions, or of another machine")
    machines, settings = ([each[name] for each in results] for name in ("machine", "settings"))
    return {
        **first,
        "machine": {
            **first["machine"],
            "load_after": max(each["load_after"] for each in machines),
        },
        "settings": {
            "rounds": min(each["rounds"] for each in settings),
            "seconds": min(each["seconds"] for each in settings),
            "quick": any(each["quick"] for each in settings),
        },
        "experiments": [experiment for each in results for experiment in each["experiments"]],
    }


def document(result: dict[str, Any], template: str) -> str:
    """The text, with everything filled in."""
    values = {
        "machine": _machine(result),
        "versions": ", ".join(f"{name} {word}" for name, word in result["versions"].items()),
        "settings": _settings(result),
        "caution": _caution(result),
        "experiments": "\n\n".join(_section(experiment) for experiment in result["experiments"]),
    }
    for name, text in values.items():
        template = template.replace(f"{{{{{name}}}}}", text)
    return template


def plot(experiment: dict[str, Any]) -> str:
    """The first figure of each subject in each cell."""
    figure = experiment["figures"][0]
    direction = "more is better" if experiment["more_is_better"] else "less is better"
    return bar_chart(
        f"{experiment['title']}: {figure['heading']}, {direction}",
        [Group(title=cell, bars=_bars(experiment, cell)) for cell in cells(experiment)],
    )


def _bars(experiment: dict[str, Any], cell: str) -> list[Bar]:
    figure = experiment["figures"][0]
    rows = [row for row in experiment["rows"] if row["cell"] == cell and figure["key"] in row["figures"]]
    return [
        Bar(
            label=subject(experiment, row),
            value=(value := row["figures"][figure["key"]])["median"],
            low=value["low"],
            high=value["high"],
            text=number(value["median"], figure["digits"]),
        )
        for row in rows
    ]


def _section(experiment: dict[str, Any]) -> str:
    parts = [f"## {experiment['title']}", experiment["text"]]
    parts.append(f"![{experiment['title']}](performance/{experiment['name']}.svg)")
    for cell in cells(experiment):
        parts.append(f"### {cell}\n\n{markdown_table(experiment, cell)}")
    for row in experiment["rows"]:
        if row["error"]:
            first = row["error"].splitlines()[0]
            parts.append(f"{row['subject']} failed with {row['cell']}: {first}")
    return "\n\n".join(parts)


def _machine(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['processors']} processors ({machine['processor']}), {machine['memory_gb']} GB of memory, "
        f"file system {machine['file_system']}, Linux {machine['kernel']}; load average {machine['load_before']:.1f} "
        f"before and {machine['load_after']:.1f} after; {result['date']}"
    )


def _settings(result: dict[str, Any]) -> str:
    settings = result["settings"]
    rounds = f"{settings['rounds']} round{'s' * (settings['rounds'] > 1)}"
    return f"{rounds}, {settings['seconds']:g} seconds for each measurement"


def _caution(result: dict[str, Any]) -> str:
    """What keeps these figures from being final."""
    machine, settings, reasons = result["machine"], result["settings"], []
    if settings["quick"] or settings["rounds"] < 3:
        reasons.append("the run was a quick one")
    if machine["load_before"] > _CALM * machine["processors"]:
        reasons.append("the machine had other work")
    if not reasons:
        return ""
    return f"> **These figures are not final**: {', and '.join(reasons)}. They show the form, not the speed.\n"
