"""What `heloise probe` does, and how it prints it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from heloise.cli.sending import line_json
from heloise.cli.terminal import STYLES, ExitCode, console, paragraph, rows, visible
from heloise.cli.transcripts import LiveTranscript, Stage
from heloise.config.kinds import write_size
from heloise.net import real_world
from heloise.probe.examination import Examination, Exchanger, Heard, Question, TlsExamined
from heloise.probe.examine import examine, find_exchangers
from heloise.probe.findings import Finding, Weight, findings
from heloise.probe.keywords import meaning
from heloise.probe.relaying import Examined
from heloise.smtp.registry import Registry, discover
from heloise.smtp.transaction import Offers
from heloise.smtp.transcript import Recorder, Transcript
from heloise.world import AnyEndpoint, ClientTls, Endpoint, World

_MARKS = {Weight.PROBLEM: ("✗", "permanent"), Weight.WARNING: ("!", "transient"), Weight.NOTE: ("·", "why")}
_HEARD = 37  # the column where replies begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is asked, and how. `may_be_domain`: no port was given, so exchangers are looked for. `name` is the one that
    the certificate has to be for, when it is not that of the host."""

    endpoint: AnyEndpoint
    hello_name: str
    may_be_domain: bool = False
    name: str | None = None
    domain: str | None = None
    tls_first: bool = False
    lmtp: bool = False
    ca_file: str | None = None
    timeout: float = 30.0


async def run(
    errand: Errand,
    *,
    strict: bool = False,
    transcript: bool = False,
    as_json: bool = False,
    world: World | None = None,
) -> ExitCode:
    """Ask, print, and say how it went."""
    world = world if world is not None else real_world()
    out, recorded = console(), Transcript()
    stage = Stage(out)
    live: Recorder | None = LiveTranscript(lambda entry: stage.say("", entry)) if transcript else None
    try:
        found = await _examined(world, errand, recorded if as_json else live)
        made = findings(found, world.clock.now())
    finally:
        await world.blocking.close()
    if as_json:
        click.echo(json.dumps(_json(found, made, recorded), indent=2, ensure_ascii=False))
    else:
        if transcript:
            out.print()
        _print(out, found, made, discover())
    return exit_code(found, made, strict=strict)


def exit_code(found: Examination, made: tuple[Finding, ...], *, strict: bool) -> ExitCode:
    """0 when all is well, or as well as it has to be."""
    if found.trouble:
        return ExitCode.TROUBLE
    bad = {Weight.PROBLEM, Weight.WARNING} if strict else {Weight.PROBLEM}
    return ExitCode.REFUSED if any(each.weight in bad for each in made) else ExitCode.OK


async def _examined(world: World, errand: Errand, recorder: Recorder | None) -> Examination:
    endpoint: AnyEndpoint = errand.endpoint
    exchangers: tuple[Exchanger, ...] = ()
    domain = errand.domain
    if errand.may_be_domain and isinstance(endpoint, Endpoint):
        exchangers = await find_exchangers(world, endpoint.host)
        best = next((each for each in exchangers if each.addresses), None)
        if best is not None:
            domain = domain or endpoint.host
            endpoint = replace(endpoint, host=best.host)
    host = endpoint.host if isinstance(endpoint, Endpoint) else "localhost"
    name = errand.name or (f"[{host}]" if host.replace(".", "").isdigit() or ":" in host else host)
    tls = ClientTls(server_name=name.strip("[]"), ca_file=errand.ca_file) if errand.tls_first else None
    server = Examined(
        endpoint, errand.hello_name, timeout=errand.timeout, tls=tls, lmtp=errand.lmtp, ca_file=errand.ca_file
    )
    return await examine(world, server, name=name.strip("[]"), domain=domain, exchangers=exchangers, recorder=recorder)


# Printing


def _print(out: Console, found: Examination, made: tuple[Finding, ...], registry: Registry) -> None:
    called = f", which calls itself {found.host}" if found.host and found.host not in str(found.endpoint) else ""
    paragraph(out, Text.assemble((str(found.endpoint), "name"), called))
    for title, pairs in _sections(found, registry):
        shown = list(pairs)
        if shown:
            out.print()
            out.print(Text(title, style="name"))
            rows(out, shown, indent=2)
    _print_heard(out, found)
    _print_findings(out, made)


def _sections(found: Examination, registry: Registry) -> Iterator[tuple[str, Iterator[tuple[Text | str, Text | str]]]]:
    yield "Mail exchangers", _exchangers(found)
    yield "Greeting", _greeting(found)
    yield "Offers in answer to EHLO", _offers(found.offers, registry)
    yield "TLS", _tls(found.tls)
    yield "Offers under TLS, besides", _offers(_new(found.offers_under_tls, found.offers), registry)
    gone = [keyword for keyword in found.offers.keywords if keyword not in found.offers_under_tls.keywords]
    if found.offers_under_tls.keywords and gone:
        yield "No more under TLS", iter([(Text(", ".join(gone)), Text(""))])


def _exchangers(found: Examination) -> Iterator[tuple[Text | str, Text | str]]:
    for each in found.exchangers:
        asked = isinstance(found.endpoint, Endpoint) and found.endpoint.host == each.host
        lead = Text.assemble((f"{each.preference:5d} ", "why"), (each.host, "name"))
        words = ", ".join(each.addresses) or each.trouble or "no address"
        yield lead, words + ("   this one is asked" if asked else "")


def _greeting(found: Examination) -> Iterator[tuple[Text | str, Text | str]]:
    if found.greeting is not None:
        style = STYLES[found.greeting.severity]
        yield Text(str(found.greeting.code), style=style), visible(" / ".join(found.greeting.lines))
        yield Text("after", style="why"), f"{found.greeted_after:.2f} seconds"


def _new(later: Offers, before: Offers) -> Offers:
    changed = {key: value for key, value in later.keywords.items() if before.argument(key) != value}
    return Offers(changed, later.is_esmtp)


def _offers(offers: Offers, registry: Registry) -> Iterator[tuple[Text | str, Text | str]]:
    for keyword, argument in offers.keywords.items():
        words = meaning(registry, keyword)
        if keyword == "SIZE":
            limit = offers.size_limit
            words = f"takes messages up to {write_size(limit)}" if limit else "has no fixed limit for a message"
            words += " (RFC 1870)"
        shown = Text(visible(keyword), style="name")
        if argument:
            shown.append(f" {visible(argument)}", style="place")
        yield shown, Text(words, style="why")


def _tls(tls: TlsExamined | None) -> Iterator[tuple[Text | str, Text | str]]:
    if tls is None:
        return
    if tls.trouble:
        yield "handshake", Text(visible(tls.trouble), style="permanent")
    if tls.encryption is not None:
        how = "from the beginning" if tls.is_implicit else "by STARTTLS"
        yield "handshake", f"{tls.encryption.version} with {tls.encryption.cipher}, {how}"
    shown = tls.certificate
    if shown is not None:
        issuer = "itself" if shown.is_self_issued else visible(shown.issuer) or "nobody it names"
        yield "certificate", f"{visible(shown.subject) or 'without a name'}, issued by {issuer}, {shown.key}"
        yield "names", visible(", ".join(shown.names)) or "none"
        yield "valid", f"from {_date(shown.not_before)} until {_date(shown.not_after)}"
    if tls.encryption is not None:
        believed = Text(visible(tls.unverified), style="transient") if tls.unverified else Text("yes", style="success")
        yield "believed", believed


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def _print_heard(out: Console, found: Examination) -> None:
    if not found.heard:
        return
    out.print()
    out.print(Text("Answers", style="name"))
    for question, heard in found.heard.items():
        lead = Text.assemble("  ", question.value)
        paragraph(out, _said(question, heard), indent=_HEARD, lead=lead)
    if found.pipelines is not None:
        words = Text("answered in order", style="success") if found.pipelines else Text("not answered", "permanent")
        paragraph(out, words, indent=_HEARD, lead="  a group of commands")


def _said(question: Question, heard: Heard) -> Text:
    if heard.reply is not None:
        first, *more = heard.reply.lines
        status = f" {heard.reply.status}" if heard.reply.status is not None else ""
        words = f"{heard.reply.code}{status} {visible(first.strip())}"
        return Text(words + (f" … and {len(more)} more lines" if more else ""), style=STYLES[heard.reply.severity])
    if question is Question.BARE_LF and not heard.trouble:
        return Text("no answer: only CRLF ends a line", style="success")
    return Text(heard.trouble or "no answer", style="transient")


def _print_findings(out: Console, made: tuple[Finding, ...]) -> None:
    out.print()
    out.print(Text("Findings" if made else "Nothing is wrong with it.", style="name" if made else "success"))
    for each in made:
        mark, style = _MARKS[each.weight]
        words = Text.assemble((visible(each.text), style if each.weight is not Weight.NOTE else ""), ". ")
        words.append(each.why, style="why")
        paragraph(out, words, indent=4, lead=Text(f"  {mark}", style=style))
    counts = [sum(each.weight is weight for each in made) for weight in Weight]
    if made:
        out.print()
        shown = [
            f"{count} {weight.value}{'' if count == 1 else 's'}" for weight, count in zip(Weight, counts, strict=True)
        ]
        paragraph(out, f"{', '.join(shown)}.")


# JSON


def _json(found: Examination, made: tuple[Finding, ...], recorded: Transcript) -> dict[str, Any]:
    return {
        "server": str(found.endpoint),
        "name": found.name,
        "host": found.host,
        "domain": found.domain,
        "trouble": found.trouble or None,
        "exchangers": [
            {"host": each.host, "preference": each.preference, "addresses": list(each.addresses)}
            for each in found.exchangers
        ],
        "greeting": None if found.greeting is None else str(found.greeting),
        "offers": dict(found.offers.keywords),
        "offers_under_tls": dict(found.offers_under_tls.keywords),
        "tls": None if found.tls is None else _tls_json(found.tls),
        "pipelines": found.pipelines,
        "answers": {
            question.name.lower(): {
                "said": heard.said,
                "reply": None if heard.reply is None else str(heard.reply),
                "trouble": heard.trouble or None,
            }
            for question, heard in found.heard.items()
        },
        "findings": [{"weight": each.weight.value, "id": each.id, "text": each.text, "why": each.why} for each in made],
        "transcript": [line_json(entry) for entry in recorded],
    }


def _tls_json(tls: TlsExamined) -> dict[str, Any]:
    shown = tls.certificate
    return {
        "implicit": tls.is_implicit,
        "version": None if tls.encryption is None else tls.encryption.version,
        "cipher": None if tls.encryption is None else tls.encryption.cipher,
        "trouble": tls.trouble or None,
        "unverified": tls.unverified or None,
        "answers_plaintext": tls.answers_plaintext,
        "certificate": None
        if shown is None
        else {
            "subject": shown.subject,
            "issuer": shown.issuer,
            "names": list(shown.names),
            "not_before": shown.not_before,
            "not_after": shown.not_after,
            "key": shown.key,
            "self_issued": shown.is_self_issued,
        },
    }
