"""All experiments, by name, in the order of the report. Each module has one question and nothing else."""

from __future__ import annotations

from typing import Any

from benchmarks.experiments.acceptance import Acceptance
from benchmarks.experiments.backlog import Backlog
from benchmarks.experiments.idle import Idle
from benchmarks.experiments.large import Large
from benchmarks.experiments.latency import Latency
from benchmarks.experiments.library import Discard
from benchmarks.experiments.relay import Relay
from benchmarks.experiments.sending import Sending
from benchmarks.shape import Experiment

_ALL: list[Experiment[Any]] = [Acceptance(), Relay(), Latency(), Large(), Idle(), Backlog(), Discard(), Sending()]

EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}
