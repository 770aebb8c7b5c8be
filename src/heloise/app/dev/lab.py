"""The lab of a development server for its page: sessions with the server itself, kept while somebody is at them."""

import asyncio
import codecs
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from heloise.app.dev.in_json import line_json
from heloise.app.dev.operation import Operation, number
from heloise.app.dev.server import Catching
from heloise.app.lab import lab_session
from heloise.explain.story import tell
from heloise.faults.magic import EXAMPLES
from heloise.lab.hints import complete, hints, in_words
from heloise.lab.session import Event, Kind, LabSession
from heloise.smtp.registry import discover
from heloise.web.exchange import Answer, HttpProblem, Request, as_json
from heloise.world import ClientTls, Endpoint, LinkError, World

MOST = 20  # at once; the one that was silent for longest makes room
LONGEST_LINE = 4096  # characters
PATIENCE = 20.0  # seconds that a reply is waited for; the page asks again
_KEPT = 2000  # events of a session
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class _Bench:
    """One session of the lab, and what was said in it; events are numbered from 1."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.left_out = 0
        self.stack = AsyncExitStack()
        self.session: LabSession | None = None
        self.news = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Something was said."""
        if len(self.events) == _KEPT:
            del self.events[: _KEPT // 2]
            self.left_out += _KEPT // 2
        self.events.append({"number": self.left_out + len(self.events) + 1, "state": event.state.value, **_line(event)})
        self.news.set()


def _line(event: Event) -> dict[str, Any]:
    told = line_json(event.line)
    if event.line.reply is not None:
        story = tell(event.line.reply)
        if story.cause is None:  # a challenge: transcripts keep none, so it is known by its code
            told |= {"meaning": story.best.meaning, "advice": story.best.advice, "clause": story.best.clause}
    return told


class DevLab:
    """Answers for the lab."""

    def __init__(self, running: Catching, world: World) -> None:
        self._running = running
        self._world = world
        self._registry = discover()
        self._benches: dict[str, _Bench] = {}

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        since = ("after", "only what came after the event of this number")
        return (
            Operation("POST", "/lab", self._open, "Begin a session for commands that are typed.", body="{}"),
            Operation(
                "GET",
                "/lab/{id}",
                self._look,
                "What was said in it, where it stands, and what may be said next.",
                (since, ("wait", "seconds to wait for something new, up to 20")),
            ),
            Operation(
                "POST",
                "/lab/{id}/say",
                self._say,
                "Say a line, or octets with escapes such as \\r\\n, and hear what is answered.",
                (since,),
                body='{"line": "EHLO client.example.test"}',
            ),
            Operation(
                "GET", "/lab/{id}/complete", self._complete, "Whole lines that begin so.", (("typed", "a beginning"),)
            ),
            Operation("DELETE", "/lab/{id}", self._hang_up, "Hang up."),
        )

    async def close(self) -> None:
        """End all sessions."""
        for bench in tuple(self._benches.values()):
            await bench.stack.aclose()
        self._benches.clear()

    async def _open(self, request: Request, _: Mapping[str, str]) -> Answer:
        while len(self._benches) >= MOST:
            oldest = next(iter(self._benches))
            await self._benches.pop(oldest).stack.aclose()
        bench = _Bench()
        running = self._running
        target = Endpoint(_LOOPBACK.get(running.endpoint.host, running.endpoint.host), running.endpoint.port)
        opening = lab_session(
            self._world,
            target,
            hear=bench.hear,
            tls=ClientTls(server_name="localhost"),
            book=running.sessions,
            lmtp=running.lmtp,
        )
        try:
            bench.session = await bench.stack.enter_async_context(opening)
        except LinkError as error:
            raise HttpProblem(503, f"the server does not answer: {error}") from error
        lab_id = self._world.entropy.octets(8).hex()
        self._benches[lab_id] = bench
        await self._settled(bench.session)
        return as_json(self._told(lab_id, bench, 0))

    def _bench(self, where: Mapping[str, str]) -> tuple[_Bench, LabSession]:
        bench = self._benches.pop(where["id"], None)
        if bench is None or bench.session is None:
            raise HttpProblem(404, "there is no such session in the lab (any more)")
        self._benches[where["id"]] = bench  # the last that was used
        return bench, bench.session

    async def _look(self, request: Request, where: Mapping[str, str]) -> Answer:
        bench, session = self._bench(where)
        after, wait = number(request, "after", 0), min(number(request, "wait", 0), int(PATIENCE))
        if wait and not session.is_over and bench.left_out + len(bench.events) <= after:
            bench.news.clear()
            try:
                async with asyncio.timeout(wait):
                    await bench.news.wait()
            except TimeoutError:
                pass
        return as_json(self._told(where["id"], bench, after))

    async def _say(self, request: Request, where: Mapping[str, str]) -> Answer:
        bench, session = self._bench(where)
        line, octets = _read(request)
        if session.is_over:
            raise HttpProblem(409, "the session is over")
        if line is not None:
            session.say(line.encode("utf-8", "surrogatepass"))
        else:
            session.say_octets(octets)
        await self._settled(session)
        return as_json(self._told(where["id"], bench, number(request, "after", 0)))

    async def _settled(self, session: LabSession) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await session.settled()
        except TimeoutError:  # it is told when it comes
            return

    async def _complete(self, request: Request, where: Mapping[str, str]) -> Answer:
        _, session = self._bench(where)
        if session.kind is not Kind.COMMAND:
            return as_json({"lines": []})
        found = complete(
            request.query.get("typed", ""),
            registry=self._registry,
            state=session.state,
            offered=session.offers_now,
            recipients=[path for path, _ in EXAMPLES],
            lmtp=self._running.lmtp,
        )
        return as_json({"lines": found[:20]})

    async def _hang_up(self, request: Request, where: Mapping[str, str]) -> Answer:
        bench, _ = self._bench(where)
        del self._benches[where["id"]]
        await bench.stack.aclose()
        return as_json({})

    def _told(self, lab_id: str, bench: _Bench, after: int) -> dict[str, Any]:
        session = bench.session
        assert session is not None
        state = session.state
        known = hints(self._registry, state, session.offers_now, lmtp=self._running.lmtp)
        return {
            "id": lab_id,
            "state": state.value,
            "kind": session.kind.value,
            "is_waiting": session.is_waiting,
            "chunk_left": session.chunk_left,
            "words": in_words(state),
            "next": [
                {
                    "verb": hint.verb,
                    "line": hint.line,
                    "form": hint.form,
                    "summary": hint.summary,
                    "leads": hint.following.value,
                }
                for hint in (known if session.kind is Kind.COMMAND else ())
            ],
            "events": [each for each in bench.events if each["number"] > after],
        }


def _read(request: Request) -> tuple[str | None, bytes]:
    """A line, or octets. Raises HttpProblem."""
    try:
        body = json.loads(request.body)
        line, octets = body.get("line"), body.get("octets")
        if isinstance(line, str) and len(line) <= LONGEST_LINE and not {"\r", "\n"} & set(line):
            return line, b""
        if isinstance(octets, str) and len(octets) <= LONGEST_LINE:
            read = codecs.escape_decode(octets.encode())[0]
            assert isinstance(read, bytes)
            return None, read
    except (ValueError, AttributeError, RecursionError) as error:
        raise HttpProblem(400, f"this can not be read: {error}") from None
    words = f"without line breaks, up to {LONGEST_LINE} characters"
    raise HttpProblem(400, f'say {{"line": "…"}} {words}, or {{"octets": "…"}}')
