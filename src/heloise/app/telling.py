"""The history of a message in words: for each event of its passport some lines, for terminals and pages alike. Pure.

A line has a topic and some words; each word has a kind, by which it is coloured or linked: "reply" is a reply of SMTP,
"cause" the id of a cause, the others are "" or names of looks (why, name, success, transient, permanent, note).
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from heloise.config.kinds import write_duration, write_size
from heloise.mail.causes import CATALOGUE, PEER_SAID

Json: TypeAlias = dict[str, Any]
Words: TypeAlias = tuple[tuple[str, str], ...]
"""Texts, each with its kind."""
Lines: TypeAlias = Iterator[tuple[str, Words | str]]
"""Of one event: what a line is about, and what there is to say; plain text where there is one kind of words."""

_COMMANDS = {
    "hold": "held",
    "release": "released, to be tried at once",
    "retry": "to be tried at once",
    "redirect": "redirected",
    "remove": "removed, without a report",
}


def without_repetition(events: Sequence[Json]) -> Iterator[tuple[Json, list[Json]]]:
    """Each event, with those right after it that differ from it in nothing but time."""
    for _, alike in groupby(events, key=_timeless):
        first, *repeated = alike
        yield first, repeated


def _timeless(event: Json) -> str:
    if event["event"] != "attempted":
        return json.dumps(event)
    outcomes = [{**outcome, "next_try": None} for outcome in event["outcomes"]]
    return json.dumps({**event, "at": None, "begun": None, "outcomes": outcomes})


def told_json(events: Sequence[Json]) -> list[Json]:
    """The events in words, for pages; those that repeat one are its `again`."""
    return [
        {
            "at": event["at"],
            "event": event["event"],
            "lines": _lines_json(event),
            "again": [each["at"] for each in again],
        }
        for event, again in without_repetition(events)
    ]


def _lines_json(event: Json) -> list[Json]:
    return [
        {"topic": topic.strip(), "words": [[words, ""]] if isinstance(words, str) else [list(each) for each in words]}
        for topic, words in event_lines(event)
    ]


def since(seconds: float) -> str:
    """The time since the beginning: exact as long as that is short."""
    if seconds < 60:
        return f"{seconds:.3f}s"
    return f"{write_duration(int(seconds))}"


def event_lines(event: Json) -> Lines:
    """What there is to say about an event."""
    match event["event"]:
        case "opened":
            yield "connected", _from(event["peer"])
        case "hello":
            yield "hello", f"{event['verb']} {event['name']}"
            if event["offered"]:
                yield "  offered", ", ".join(event["offered"])
        case "answered":
            yield event["command"], event["argument"].strip() or "-"
            yield from _said(event)
        case "brought":
            yield "message", f"{event['message']} was accepted"
        case "accepted":
            yield from _accepted(event)
        case "attempted":
            yield from _attempted(event)
        case "commanded":
            yield from _commanded(event)
        case "ended":
            yield "ended", "without QUIT" if event["lost"] else "by QUIT"
        case "faulted":
            yield "fault", ((event["error"], "permanent"),)
        case other:
            yield other, "(written by another version)"


def _from(peer: str) -> str:
    return "by a Unix socket" if peer == "unix" else f"from {peer}"


def _accepted(event: Json) -> Lines:
    if event["session"]:
        yield "accepted", f"{write_size(event['size'])} by {event['protocol']}, session {event['session']}"
    else:
        yield "made here", f"{write_size(event['size'])}, a report of this server"
    if "mended" in event:
        lines = "line that ended" if event["mended"] == 1 else "lines that ended"
        yield "  mended", f"{event['mended']} {lines} with a bare LF: made CRLF, as [[network]] line_endings says"
    if "forwarded" in event:
        yield "  forwarded", event["forwarded"]
    if "parameters" in event:
        yield "  MAIL", f"{event['sender']} {event['parameters']}"
    for each in event["recipients"]:
        yield "  for", f"{each['recipient']} {each.get('parameters', '')}".rstrip() + f" by {each['route']}"


def _attempted(event: Json) -> Lines:
    took = event["at"] - event["begun"]
    yield "attempt", event["route"] + (f", took {since(took)}" if took >= 1 else "")
    found, tried = event.get("found"), event.get("tried", ())
    yield from _found(found, event["route"])
    for each in tried:
        yield from _tried(each)
    if not tried and isinstance(found, list):
        yield "  tried", "nobody: the destination is left alone for now"
    alike: dict[str, list[Json]] = {}
    for outcome in event["outcomes"]:
        alike.setdefault(f"{outcome['action']} {outcome['reply']}", []).append(outcome)
    for outcomes in alike.values():
        yield from _outcome(outcomes, event["at"])
    for report in event.get("reports", ()):
        yield "  report", f"{report} tells the sender"


def _found(found: Any, route: str) -> Lines:
    if found is None:
        return
    if not isinstance(found, list):  # why there is no next hop
        yield "  DNS", ((found["reply"], "reply"),)
    elif route.startswith("mx:"):
        for host in found:
            yield "  MX", f"{host['preference']} {host['host']}: {', '.join(host['addresses'])}"


def _tried(tried: Json) -> Lines:
    name = tried["address"] if tried["address"].startswith(tried["host"]) else f"{tried['host']} {tried['address']}"
    how = {
        "connected": "connected",
        "reused": "an open session",
        "skipped": "left out, it was in trouble a moment ago",
        "failed": f"no conversation at {tried.get('stage', '')}",
    }[tried["how"]]
    yield "  tried", f"{name}: {how}" + (f", {tried['tls']}" if "tls" in tried else "")
    if tried["how"] == "failed":
        yield "", ((tried["reply"], "reply"),)


def _outcome(outcomes: Sequence[Json], at: float) -> Lines:
    first = outcomes[0]
    style = {"delayed": "transient", "failed": "permanent"}.get(first["action"], "success")
    names = ", ".join(each["recipient"] for each in outcomes)
    stage = f" at {first['stage']}" if first["action"] in ("delayed", "failed") else ""
    yield "  outcome", ((f"{names}  ", ""), (f"{first['action']}{stage}", style))
    yield from _said(first)
    due = [each["next_try"] for each in outcomes if "next_try" in each]
    if due:
        yield "  next try", f"{since(min(due) - at)} later"


def _commanded(event: Json) -> Lines:
    yield "operator", f"{', '.join(event['recipients'])} {_COMMANDS[event['command']]}"
    if "recipient" in event:
        yield "  to", f"{event['recipient']} by {event['route']}"
    elif "route" in event:
        yield "  to", event["route"]


def _said(facts: Json) -> Lines:
    """A reply, who said it, why, and where that is written."""
    who = f"  (said by {facts['remote_mta']})" if "remote_mta" in facts else ""
    yield "  reply", ((facts["reply"], "reply"), (who, "why"))
    kind = CATALOGUE.get(facts["cause"])
    rule = f"  [{facts['rule']}]" if "rule" in facts else ""
    if facts["cause"] == PEER_SAID.id:
        return  # which the reply has told already
    if facts["reply"] >= "4":
        meaning = "" if kind is None else f": {kind.meaning}"
    else:
        route = facts.get("inputs", {}).get("route")
        meaning = "" if route is None else f", route {route}"
    yield "  cause", ((facts["cause"], "cause"), (f"{meaning}{rule}", "why"))
