"""What a run says: medians and ratios, who is durable, what was lost; the tables and plots made of it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.chart import Bar, Group, bar_chart
from benchmarks.publish import document, joined, plot
from benchmarks.results import Result
from benchmarks.shape import Cell, Experiment, Figure, Row, Sample, best_peer
from benchmarks.tables import markdown_table, text_table

CELL = Cell(name="1 KB", settings={})


@dataclass(frozen=True)
class Server:
    name: str
    durable: bool = True


class Speed(Experiment[Server]):
    name = "speed"
    title = "Speed"
    text = "How fast?"
    figures = (Figure(key="rate", heading="messages/s", digits=0), Figure(key="cpu", heading="CPU ms"))


class Slowness(Speed):
    more_is_better = False


def row(name: str, *rates: float, syncs: float | None = 1.0, kept: int | None = 10, durable: bool = True) -> Row:
    samples = [Sample(figures={"rate": rate, "cpu": 1.5}, acknowledged=10, kept=kept) for rate in rates]
    return Row(subject=Server(name, durable), cell=CELL, samples=samples, syncs=syncs)


def result(rows: Sequence[Row], experiment: Experiment[Any] | None = None) -> dict[str, Any]:
    whole = Result({"machine": {}})
    whole.add(experiment or Speed(), rows)
    return whole.of("speed")


def test_the_median_of_the_rounds_stands_with_its_range() -> None:
    table = markdown_table(result([row("postfix", 900, 1200, 1000)]), "1 KB")
    assert "| postfix | 1,000 | 900–1,200 | 1.00 | 1.50 | 1.00 | all |" in table


def test_the_ratio_is_to_the_best_durable_peer_that_is_not_heloise() -> None:
    rows = [row("heloise", 3000), row("postfix", 1000), row("exim", 1500), row("aiosmtpd", 9000, durable=False)]
    assert best_peer(Speed(), rows, CELL) == 1500
    assert result(rows)["rows"][0]["ratio"] == 2.0


def test_where_less_is_better_the_best_is_the_least() -> None:
    rows = [row("heloise", 1), row("postfix", 10), row("exim", 4)]
    assert best_peer(Slowness(), rows, CELL) == 4


def test_a_server_that_never_syncs_is_not_durable_whatever_it_claims() -> None:
    rows = [row("heloise", 1000), row("forgetful", 5000, syncs=0.0), row("postfix", 500)]
    assert best_peer(Speed(), rows, CELL) == 500
    assert "forgetful (not durable)" in text_table(result(rows))


def test_mail_that_was_acknowledged_and_is_gone_is_told() -> None:
    lost = row("postfix", 900, kept=7)
    assert lost.kept() == "LOST 3"
    assert not lost.is_honest


def test_results_of_several_runs_are_one_with_the_worst_of_their_settings() -> None:
    def run(name: str, rounds: int, load: float) -> dict[str, Any]:
        machine = {"processor": "one", "load_before": load, "load_after": 0.5}
        settings = {"rounds": rounds, "seconds": 4.0, "quick": False}
        return {"versions": {"heloise": "1"}, "machine": machine, "settings": settings, "experiments": [{"name": name}]}

    whole = joined([run("acceptance", 3, 0.2), run("relay", 2, 9.0)])
    assert [each["name"] for each in whole["experiments"]] == ["acceptance", "relay"]
    assert whole["settings"]["rounds"] == 2
    assert whole["machine"]["load_before"] == 0.2
    with pytest.raises(ValueError, match="other versions"):
        joined([run("acceptance", 3, 0.2), {**run("relay", 2, 0.4), "versions": {"heloise": "2"}}])


def test_a_server_that_failed_stands_in_the_table_with_the_reason() -> None:
    failed = Row(subject=Server("exim"), cell=CELL, error="PeerError: it did not greet")
    text = text_table(result([row("postfix", 900), failed]))
    assert "failed" in text
    assert "exim, 1 KB: PeerError: it did not greet" in text


def test_a_plot_is_well_formed_and_has_a_bar_for_each_server() -> None:
    picture = ElementTree.fromstring(plot(result([row("heloise", 3000), row("<odd> & peer", 10)])))
    space = "{http://www.w3.org/2000/svg}"
    words = [text.text for text in picture.iter(f"{space}text")]
    assert "<odd> & peer" in words
    assert len(list(picture.iter(f"{space}rect"))) == 2


def test_values_that_lie_far_apart_get_a_logarithmic_scale_that_says_so() -> None:
    def bar(value: float) -> Bar:
        return Bar(label="x", value=value, low=value, high=value, text=str(value))

    assert "(logarithmic)" in bar_chart("t", [Group(title="far", bars=[bar(1), bar(10_000)])])
    assert "(logarithmic)" not in bar_chart("t", [Group(title="near", bars=[bar(1), bar(100)])])


def test_figures_of_a_quick_run_or_a_loaded_machine_are_marked_as_not_final() -> None:
    def page(load: float, *, quick: bool, rounds: int) -> str:
        words = {"processor": "P", "file_system": "ext4", "kernel": "6"}
        machine = {**words, "processors": 2, "memory_gb": 4, "load_before": load, "load_after": 1.0}
        settings = {"rounds": rounds, "seconds": 4, "quick": quick}
        whole = {"date": "2026-01-01", "machine": machine, "versions": {}, "settings": settings, "experiments": []}
        return document(whole, "{{caution}}{{machine}}")

    assert "not final" not in page(0.2, quick=False, rounds=3)
    assert "the run was a quick one" in page(0.2, quick=True, rounds=3)
    assert "the machine had other work" in page(5.0, quick=False, rounds=3)
