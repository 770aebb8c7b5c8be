"""Metrics as others read them: families with names, put together from several processes, in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/ , version 0.0.4. Labels have few values, ever: codes,
causes, versions, stages; never an address or an id.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from heloise.observe.counts import BOUNDS, Counts, Durations

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Family: TypeAlias = dict[str, Any]
"""name, kind (counter, gauge, histogram), help, samples: [[suffix, {label: value}, number], …]; JSON, so that it goes
from one process to another. A gauge with "put_together": "largest" is not added up."""

Labels: TypeAlias = Mapping[str, str]


def family(name: str, kind: str, meaning: str, samples: Iterable[tuple[Labels, float]], **more: str) -> Family:
    """One family."""
    made = [["", dict(labels), number] for labels, number in samples]
    return {"name": f"heloise_{name}", "kind": kind, "help": meaning, "samples": made, **more}


def histogram(name: str, meaning: str, durations: Durations) -> Family:
    """The family of some durations."""
    return histograms(name, meaning, [({}, durations)])


def histograms(name: str, meaning: str, found: Iterable[tuple[Labels, Durations]]) -> Family:
    """The family of durations of several kinds, told apart by labels."""
    ends = [*[f"{bound:g}" for bound in BOUNDS], "+Inf"]
    samples: list[list[Any]] = []
    for labels, durations in found:
        sums = list(accumulate(durations.buckets))
        samples += [["_bucket", {**labels, "le": end}, count] for end, count in zip(ends, sums, strict=True)]
        samples += [["_sum", dict(labels), durations.total], ["_count", dict(labels), sums[-1]]]
    return {"name": f"heloise_{name}", "kind": "histogram", "help": meaning, "samples": samples}


def counted(counts: Counts) -> list[Family]:
    """What `counts` has, with names and meanings."""
    refusals = [({"code": str(code), "cause": cause}, number) for (code, cause), number in counts.refusals.items()]
    attempts = [({"action": action, "stage": stage}, number) for (action, stage), number in counts.attempts.items()]
    open_now = counts.sessions - counts.sessions_ended
    return [
        family("sessions_total", "counter", "Sessions of clients.", [({}, counts.sessions)]),
        family("sessions_open", "gauge", "Sessions that are open.", [({}, open_now)]),
        family("sessions_lost_total", "counter", "Sessions that ended without QUIT.", [({}, counts.sessions_lost)]),
        family("messages_total", "counter", "Messages that were accepted.", [({}, counts.messages)]),
        family("recipients_total", "counter", "Recipients of accepted messages.", [({}, counts.recipients)]),
        family("octets_total", "counter", "Octets of accepted messages.", [({}, counts.octets)]),
        family("refusals_total", "counter", "Replies 4yz and 5yz, by code and cause.", refusals),
        family("tls_sessions_total", "counter", "Sessions under TLS, by version.", _by("version", counts.tls)),
        family("tls_failures_total", "counter", "Handshakes that failed.", [({}, counts.not_secured)]),
        family(
            "authentications_total",
            "counter",
            "Clients that have shown who they are, by mechanism.",
            _by("mechanism", counts.authenticated),
        ),
        family("attempts_total", "counter", "Attempts for one recipient, by outcome and stage.", attempts),
        histogram("attempt_seconds", "How long an attempt to deliver takes.", counts.attempt_seconds),
        histogram("commit_seconds", "How long a commit of the queue takes.", counts.commit_seconds),
        histograms(
            "policy_seconds",
            "How long a check, filter or hook takes that has to wait, by name and stage.",
            [({"check": check, "stage": stage}, each) for (check, stage), each in counts.policy_seconds.items()],
        ),
        family("committed_total", "counter", "Operations in commits of the queue.", [({}, counts.committed)]),
        family("faults_total", "counter", "Troubles of our own.", _by("where", counts.faults)),
    ]


def _by(label: str, numbers: Mapping[str, int]) -> list[tuple[Labels, float]]:
    return [({label: value}, number) for value, number in numbers.items()]


def put_together(processes: Sequence[Sequence[Family]]) -> list[Family]:
    """The families of all processes as one server has them."""
    whole: dict[str, Family] = {}
    for one in [each for families in processes for each in families]:
        known = whole.setdefault(one["name"], {**one, "samples": []})
        numbers = {(suffix, tuple(labels.items())): number for suffix, labels, number in known["samples"]}
        for suffix, labels, number in one["samples"]:
            key = (suffix, tuple(labels.items()))
            if one.get("put_together") == "largest":
                numbers[key] = max(numbers.get(key, number), number)
            else:
                numbers[key] = numbers.get(key, 0) + number
        known["samples"] = [[suffix, dict(labels), number] for (suffix, labels), number in numbers.items()]
    return list(whole.values())


def render(families: Iterable[Family]) -> str:
    """The text."""
    lines: list[str] = []
    for each in families:
        lines.append(f"# HELP {each['name']} {_escaped(each['help'], quotes=False)}")
        lines.append(f"# TYPE {each['name']} {each['kind']}")
        for suffix, labels, number in each["samples"]:
            shown = ",".join([f'{name}="{_escaped(value)}"' for name, value in labels.items()])
            lines.append(f"{each['name']}{suffix}{'{' + shown + '}' if shown else ''} {number:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text
