"""The passport of caught mail: what happened to a message or in a session, and what is to come next."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from heloise.app.dev.inbox_asking import caught
from heloise.app.dev.operation import Operation
from heloise.app.dev.rows import attempts
from heloise.app.dev.server import Catching
from heloise.app.telling import told_json
from heloise.inbox.sessions import CaughtSession
from heloise.mail.cause import Cause
from heloise.mail.causes import FAULT_RULE
from heloise.mail.status import Severity
from heloise.passport.entries import Facts
from heloise.passport.timeline import read
from heloise.web.exchange import Answer, HttpProblem, Request, as_json

Where = Mapping[str, str]
_WAITING = ("waiting", "delayed")
_OF_A_TRY = ("opened", "answered", "ended")  # of an earlier session that is all there is to say


class DevPassport:
    """Answers for one that is running."""

    def __init__(self, running: Catching) -> None:
        self._running = running

    def operations(self) -> tuple[Operation, ...]:
        """All of them."""
        return (
            Operation("GET", "/messages/{id}/told", self._message, "What happened to a message, and its next attempt."),
            Operation("GET", "/sessions/{id}/told", self._session, "What happened in a session, and what comes next."),
        )

    async def _message(self, request: Request, where: Where) -> Answer:
        running, message = self._running, caught(self._running.inbox, where)
        own = read(running.passports, message.message_id)
        session = running.sessions.get(message.origin.session)
        events = [] if own is None else list(own.events)
        events += self._tries_before(session)
        for release in self._releases(message.message_id):
            events += running.passports.entries(release.release_id)
        return as_json(_told(events, {} if own is None else own.recipients, list(self._due(message.message_id))))

    async def _session(self, request: Request, where: Where) -> Answer:
        session = self._running.sessions.get(where["id"])
        if session is None:
            raise HttpProblem(404, f"there is no session {where['id']} (any more)")
        events = self._running.passports.entries(session.session_id) + self._tries_before(session)
        return as_json(_told(events, {}, self._to_come(session)))

    def _tries_before(self, session: CaughtSession | None) -> list[Facts]:
        """What was said in the sessions before, in which the same sender tried the same recipient."""
        if session is None:
            return []
        found: list[Facts] = []
        tries = attempts(self._running, session)
        before = next((place for place, each in enumerate(tries) if each["is_this"]), 0)  # the last ones are told only
        for each in tries[:before]:
            found += [facts for facts in self._running.passports.entries(each["id"]) if _is_of_a_try(facts)]
        return found

    def _releases(self, message_id: str) -> list[Any]:
        release = self._running.release
        return [] if release is None else [each for each in release.releases if each.message_id == message_id]

    def _due(self, message_id: str) -> Iterator[dict[str, Any]]:
        for release in self._releases(message_id):
            for recipient, state in release.states.items():
                if state in _WAITING:
                    yield {"who": recipient, "due": release.due.get(recipient), "words": "tried again"}

    def _to_come(self, session: CaughtSession) -> list[dict[str, Any]]:
        """When the client comes again, which is for it to say: what the rules that have struck will do then."""
        following = attempts(self._running, session)
        if following and not following[-1]["is_this"]:
            place = next((place for place, each in enumerate(following) if each["is_this"]), -1)
            again = following[place + 1]
            words = "came again, and was taken" if again["taken"] else "came again"
            return [{"who": session.address, "due": None, "at": again["started_at"], "words": words, "id": again["id"]}]
        last: dict[str, Cause] = {}
        for line in session.transcript:
            if line.reply is not None and line.reply.severity is Severity.TRANSIENT:
                last[str(line.reply.cause)] = line.reply.cause
        return [{"who": session.address, "due": None, "words": self._outlook(cause)} for cause in last.values()]

    def _outlook(self, cause: Cause) -> str:
        if cause.kind is not FAULT_RULE:
            return "may come again: the reply says that it is for now"
        if cause.rule is None:
            return "may come again: the address it names says how often it is refused"
        book = self._running.faults
        rule = next((each for each in book.rules if each.rule == cause.rule), None)
        if rule is None:
            return f"may come again: the rule {cause.rule} is not there any more"
        left = book.left_to_strike(rule, dict(cause.inputs).get(rule.counted_per.value, ""))
        if left is None:
            return f"may come again: {cause.rule} says whether it is taken then"
        if left == 0:
            return f"may come again, and passes {cause.rule} then"
        return f"may come again, and is refused {left} more time{'' if left == 1 else 's'} by {cause.rule}"


def _is_of_a_try(facts: Facts) -> bool:
    return facts["event"] in _OF_A_TRY and not (facts["event"] == "answered" and facts["reply"] < "4")


def _told(events: Iterable[Facts], recipients: Mapping[str, str], following: list[dict[str, Any]]) -> dict[str, Any]:
    told = sorted(events, key=lambda facts: facts["at"])  # sorted keeps the order of what is told at once
    begun = told[0]["at"] if told else None
    return {"begun": begun, "recipients": dict(recipients), "events": told_json(told), "next": following}
