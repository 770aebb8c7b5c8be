"""The development server while it runs: what is printed of its sessions and of the mail it caught."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from importlib.metadata import version
from itertools import groupby

from rich.console import Console
from rich.text import Text

from heloise.app.dev.api import serving_api
from heloise.app.dev.in_json import violation_json
from heloise.app.dev.pop3_inbox import serving_pop3
from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.app.server.stopping import signalled
from heloise.cli.terminal import console, paragraph
from heloise.cli.transcripts import INDENT, LiveTranscript, Stage
from heloise.config.kinds import write_size
from heloise.faults.magic import EXAMPLES
from heloise.inbox.inbox import CaughtMessage
from heloise.mail.reply import printable
from heloise.mail.violation import Violation
from heloise.net import real_world
from heloise.observe.log import Log, LogFormat, LogLevel, standard_error
from heloise.reception.admission import Admission
from heloise.smtp.transcript import Recorder
from heloise.world import Endpoint, LinkError, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is printed. `body` shows messages whole, `as_json` prints events instead of dialogues, and
    `lint` at the end what clients did against the rules. Where `api` and `pop3` listen, if they can."""

    explain: bool = False
    body: bool = False
    as_json: bool = False
    lint: bool = False
    api: Endpoint | None = None
    pop3: Endpoint | None = None


async def develop(
    options: CatchOptions,
    *,
    showing: Showing,
    world: World | None = None,
    until: Callable[[], Awaitable[None]] = signalled,
) -> Sequence[Violation]:
    """Run until Ctrl-C, or whatever `until` waits for; what clients did against the rules. Raises LinkError when the
    address can not be listened on."""
    world = world if world is not None else real_world()
    out = console()
    stage = Stage(out, explain_all=showing.explain)

    def recorder_for(session_id: str, admission: Admission) -> Recorder | None:
        name = f"session {session_id} from {admission.address}"
        return None if showing.as_json else LiveTranscript(lambda entry: stage.say(name, entry))

    if showing.as_json:
        log = Log(_standard_output, world.clock, level=LogLevel.DEBUG, format=LogFormat.JSON)
    else:
        log = Log(standard_error, world.clock, level=LogLevel.ERROR)
    try:
        async with catching(world, options, Journal(log), recorder_for) as running, AsyncExitStack() as besides:
            api = await _begin_api(besides, world, running, showing.api)
            pop3 = await _begin_pop3(besides, world, running, options, showing.pop3)
            if not showing.as_json:
                _print_welcome(out, running.endpoint, lmtp=options.lmtp)
                _print_faults(out, options)
                _print_api(out, showing.api, api)
                _print_pop3(out, showing.pop3, pop3)
                if options.relay is not None:
                    to, where = ", ".join(options.relay.allowed), options.relay.route
                    paragraph(out, f"Mail is released, when you say so, to {to} by {where}, and to nobody else.")
                running.inbox.on_caught(lambda message: _print_caught(out, message, body=showing.body))
            await until()
    finally:
        await world.blocking.close()
    if not showing.as_json:
        count = len(running.inbox.messages)
        out.print()
        paragraph(out, f"Stopped. {count} message{'' if count == 1 else 's'} had been caught.")
    if showing.lint:
        _print_violations(out, running.violations, as_json=showing.as_json)
    return running.violations


def _print_violations(out: Console, violations: Sequence[Violation], *, as_json: bool) -> None:
    """What clients did against the rules, by session."""
    if as_json:
        for each in violations:
            _standard_output(json.dumps({"event": "client.violation", **violation_json(each)}).encode() + b"\n")
        return
    out.print()
    count = len(violations)
    paragraph(
        out, f"{count} violation{'' if count == 1 else 's'} of the rules by clients." if count else "No violations."
    )
    for session, together in groupby(violations, key=lambda each: each.session):
        out.print(Text(f"── session {session}", style="name"), soft_wrap=True)
        for each in together:
            head = Text.assemble((each.kind.id, "cause"), (f" · {each.kind.clause} · command {each.command}", "why"))
            paragraph(out, head, indent=INDENT)
            paragraph(out, Text(f"{each.kind.meaning} {each.kind.advice}", style="why"), indent=INDENT + 2)
            paragraph(out, Text(repr(each.octets)[1:], style="client"), indent=INDENT + 2)


async def _begin_api(
    besides: AsyncExitStack, world: World, running: Catching, endpoint: Endpoint | None
) -> Endpoint | None:
    """Where the API is; None where there is none, also since another one has the port: mail is taken all the same."""
    if endpoint is None:
        return None
    try:
        return await besides.enter_async_context(serving_api(world, running, endpoint, version("heloise")))
    except LinkError:
        return None


async def _begin_pop3(
    besides: AsyncExitStack, world: World, running: Catching, options: CatchOptions, endpoint: Endpoint | None
) -> Endpoint | None:
    """Where POP3 is; None where there is none, also since another one has the port."""
    if endpoint is None:
        return None
    try:
        return await besides.enter_async_context(serving_pop3(world, running.inbox, options, endpoint))
    except LinkError:
        return None


def _print_pop3(out: Console, wanted: Endpoint | None, pop3: Endpoint | None) -> None:
    if wanted is None:
        return
    if pop3 is None:
        paragraph(out, f"POP3 is not there: {wanted} is in use. --pop3-port takes another port, 0 a free one.")
    else:
        place = Text(f"pop3://{pop3}", style="place")
        paragraph(out, Text.assemble("Mail is read by POP3 at ", place, "; the user is an address, or * for all mail"))


def _print_api(out: Console, wanted: Endpoint | None, api: Endpoint | None) -> None:
    if wanted is None:
        return
    out.print()
    if api is None:
        paragraph(out, f"The API is not there: {wanted} is in use. --api-port takes another port, 0 a free one.")
    else:
        url = Text(f"http://{api}/api/heloise/v1/openapi.json", style="place")
        paragraph(out, Text.assemble("Programs wait for mail, search it and set faults at ", url))


def _print_welcome(out: Console, endpoint: Endpoint, *, lmtp: bool) -> None:
    protocol = "LMTP" if lmtp else "SMTP"
    name, address = Text("heloise dev", style="name"), Text(str(endpoint), style="place")
    rest = f" ({protocol}) and sends nothing anywhere. Ctrl-C stops it."
    paragraph(out, Text.assemble(name, " takes all mail on ", address, rest))
    out.print()
    paragraph(out, "To see it work:")
    server = "" if endpoint == CatchOptions().endpoint else f" --server {endpoint}"  # that is also where send goes
    command = f"heloise send{' --lmtp' if lmtp else ''}{server} --from me@example.test --to you@example.test"
    out.print(Text(f"  {command}", style="place"), soft_wrap=True)


def _print_faults(out: Console, options: CatchOptions) -> None:
    """How to see it fail."""
    out.print()
    if options.faults:
        count = len(options.faults)
        paragraph(out, f"It fails by {count} rule{'' if count == 1 else 's'}, from {options.faults[0].rule} on.")
    paragraph(out, "To see it fail, write to such a recipient (heloise dev --help):")
    for path, what in EXAMPLES:
        out.print(Text.assemble((f"  {path:<30}", "place"), (f"  {what}", "why")), soft_wrap=True)


def _print_caught(out: Console, message: CaughtMessage, *, body: bool) -> None:
    """What was caught, right after its session said so."""
    parsed = BytesParser(policy=policy.default).parsebytes(message.octets, headersonly=True)
    subject = printable(str(parsed.get("Subject", "(no subject)")), 200)
    lead = Text(" " * INDENT + "✉ ", style="success")
    text = Text.assemble((subject, "name"), (f"  {write_size(message.facts.size)}, {message.message_id}", "why"))
    paragraph(out, text, indent=INDENT + 2, lead=lead)
    if body:
        for line in message.octets.decode("utf-8", "replace").splitlines():
            out.print(Text(" " * (INDENT + 2) + printable(line, 1000), style="why"), soft_wrap=True)


def _standard_output(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
