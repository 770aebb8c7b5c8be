"""All checks and filters of a listener, and one session's way through them.

Each is asked with a deadline. Trouble never ends a session: the client gets 451 with a cause, or the one in trouble is
passed over, as the operator has said; the log has it under an id in both cases.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply
from heloise.observe.counts import BOUNDS, Durations
from heloise.policy.applying import after
from heloise.policy.changes import NO_CHANGES
from heloise.policy.check import Answer, ConfiguredCheck, Doors, NobodyToAsk, OnTrouble, Step
from heloise.policy.filter import Filter, Follower
from heloise.policy.meters import Metering
from heloise.policy.stage import OF_TRANSACTION, Stage
from heloise.policy.verdict import CONTINUE, Verdict, combine
from heloise.policy.views import ListenerRole, MessageView, RcptView, SessionView, View
from heloise.smtp import replies

Tell = Callable[[str, str, str], None]
"""(session, name of the check, trouble with its id) → the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """So many points are too many; where that is written."""

    refuse_at: float | None = None
    rule: Rule | None = None

    def refusal(self, verdict: Verdict) -> Reply | None:
        """The 550, or None while there are fewer."""
        if self.refuse_at is None or not verdict.points or verdict.total < self.refuse_at:
            return None
        told = "; ".join([f"{each.value:+g} {each.why}" for each in verdict.points])
        cause = causes.POLICY_POINTS.because(self.rule, points=f"{verdict.total:g}", limit=self.refuse_at, told=told)
        return replies.too_many_points(cause)


class PolicyPipeline:
    """What there is to be asked on one listener.

    `took` counts how long who was asked took, by name and stage. `spool_directory` is where contents wait that are too
    large for memory, when somebody has to look at them.
    """

    def __init__(
        self,
        *,
        checks: Sequence[ConfiguredCheck[Any]] = (),
        filters: Sequence[Filter] = (),
        doors: Doors,
        tell: Tell,
        threshold: Threshold = Threshold(),
        role: ListenerRole = ListenerRole.MX,
        listener: str = "",
        spool_directory: str | None = None,
        metering: Metering | None = None,
        took: MutableMapping[tuple[str, str], Durations] | None = None,
    ) -> None:
        self.metering = metering
        self._took = defaultdict[tuple[str, str], Durations](Durations) if took is None else took
        self.role = role
        self.listener = listener
        self.spool_directory = spool_directory
        self._steps: dict[Stage, tuple[Step, ...]] = {}
        for stage in Stage:
            steps = tuple([step for each in checks if (step := each.step(stage, doors)) is not None])
            if steps:
                self._steps[stage] = steps
        self.filters = tuple(filters)
        self._doors = doors
        self._tell = tell
        self.threshold = threshold

    @property
    def stages(self) -> frozenset[Stage]:
        """Those at which anybody is to be asked now: a file of hooks may change."""
        stages = {*self._steps, *[stage for each in self.filters for stage in each.stages]}
        # Points are counted at RCPT, whoever has given them.
        return frozenset(stages | {Stage.RCPT} if stages and self.threshold.refuse_at is not None else stages)

    @property
    def asks_unknown(self) -> bool:
        """Does somebody want to hear of commands that there are not?"""
        return Stage.UNKNOWN in self._steps or any(Stage.UNKNOWN in each.stages for each in self.filters)

    def follow(self, session: str) -> "Following":
        """The way of one session."""
        return Following(self, session)

    async def ask_checks(self, view: View, tell: Callable[[str, str], None]) -> Verdict:
        """All checks of the stage: first those that need not wait, up to the first refusal, then the others at once."""
        is_spared = view.session.is_trusted or (isinstance(view, RcptView) and view.is_for_postmaster)
        said: list[Verdict] = []
        waiting: list[tuple[Step, Answer]] = []
        for step in self._steps.get(view.stage, ()):
            if is_spared and not step.for_all:
                continue
            try:
                answer = step.judge(view)
            except Exception as error:
                answer = self.trouble(step.name, step.on_trouble, error, tell)
            if not isinstance(answer, Verdict):
                waiting.append((step, answer))
                continue
            said.append(answer)
            if answer.refusal is not None:
                _drop(waiting)
                return combine(said)
        if waiting:
            said += await asyncio.gather(*[self._ask(step, answer, view.stage, tell) for step, answer in waiting])
        return combine(said)

    async def _ask(self, step: Step, answer: Answer, stage: Stage, tell: Callable[[str, str], None]) -> Verdict:
        return await self.timed(step.name, answer, stage, step.deadline, step.on_trouble, tell)

    async def timed(
        self,
        name: str,
        answer: Answer,
        stage: Stage,
        deadline: float,
        on_trouble: OnTrouble,
        tell: Callable[[str, str], None],
    ) -> Verdict:
        """As `bounded`, and how long it took is counted."""
        clock = self._doors.world.clock
        begun = clock.monotonic()
        verdict = await self.bounded(name, answer, deadline, on_trouble, tell)
        seconds = clock.monotonic() - begun
        durations = self._took[name, stage.value]
        durations.buckets[bisect_left(BOUNDS, seconds)] += 1
        durations.total += seconds
        return verdict

    async def bounded(
        self, name: str, answer: Answer, deadline: float, on_trouble: OnTrouble, tell: Callable[[str, str], None]
    ) -> Verdict:
        """The answer, or what its trouble means."""
        assert isawaitable(answer)
        try:
            async with asyncio.timeout(deadline):
                verdict = await answer
        except TimeoutError:
            tell(name, f"took longer than {deadline:g} seconds")
            return _for_trouble(on_trouble, replies.policy_overrun(name, deadline))
        except NobodyToAsk:
            return CONTINUE
        except Exception as error:
            return self.trouble(name, on_trouble, error, tell)
        # A hook that somebody wrote without a type checker may give anything.
        given: object = verdict
        if isinstance(given, Verdict):
            return given
        return self.trouble(name, on_trouble, TypeError(f"the answer is no Verdict but {given!r}"), tell)

    def trouble(self, name: str, on_trouble: OnTrouble, error: Exception, tell: Callable[[str, str], None]) -> Verdict:
        """An exception of a check: told under an id, which the client gets to quote."""
        fault = self._doors.world.entropy.octets(4).hex()
        tell(name, f"{type(error).__name__}: {error} (fault {fault})")
        return _for_trouble(on_trouble, replies.policy_fault(name, fault))

    def tell(self, session: str, name: str, trouble: str) -> None:
        """To the log."""
        self._tell(session, name, trouble)


class Following:
    """One session's way. The calls come one at a time."""

    def __init__(self, pipeline: PolicyPipeline, session: str) -> None:
        self._pipeline = pipeline
        self._session = session
        self.stages = pipeline.stages
        self._followers: dict[str, Follower] = {}
        self._standing: dict[Stage, Verdict] = {}

    @property
    def standing(self) -> Verdict:
        """What was said so far about this session and transaction, without refusals."""
        return combine(self._standing.values())

    async def judge(self, view: View) -> Verdict:
        """The word of all at one stage; its `refusal` is what is to be said. For MESSAGE there is `judge_message`."""
        verdict, _ = await self._ask_all(view)
        return self._settled(view, verdict)

    async def judge_message(self, view: MessageView) -> tuple[Verdict, MessageView]:
        """The word at MESSAGE, and the message as those who were asked have changed it."""
        verdict, changed = await self._ask_all(view)
        assert isinstance(changed, MessageView)
        return self._settled(view, verdict), changed

    async def forget(self) -> None:
        """The transaction is over."""
        for stage in OF_TRANSACTION:
            self._standing.pop(stage, None)
        for name, follower in self._followers.items():
            await self._told(name, follower.forget())

    async def restart(self) -> None:
        """It was somebody else's session all the time: what was said so far is forgotten."""
        await self.close()
        self._standing.clear()

    async def close(self) -> None:
        """The session is over."""
        followers, self._followers = self._followers, {}
        for name, follower in followers.items():
            await self._told(name, follower.close())

    async def _ask_all(self, view: View) -> tuple[Verdict, View]:
        pipeline = self._pipeline
        view = _with(view, self.standing)
        verdict = await pipeline.ask_checks(view, self._tell)
        said = [verdict]
        view = _after(view, verdict)
        for each in pipeline.filters:
            if verdict.refusal is not None:
                break
            if view.stage in each.stages:
                verdict = await self._ask(each, view)
                said.append(verdict)
                view = _after(view, verdict)
        return combine(said), view

    async def _ask(self, each: Filter, view: View) -> Verdict:
        follower = self._followers.get(each.name)
        if follower is None:
            follower = self._followers[each.name] = each.follow(self._session)
        answer = follower.judge(view)
        return await self._pipeline.timed(each.name, answer, view.stage, each.deadline, each.on_trouble, self._tell)

    def _settled(self, view: View, verdict: Verdict) -> Verdict:
        """Remember it; and when there are too many points by now, say no at a stage where that is heard."""
        if verdict.refusal is not None:
            return verdict
        stage = view.stage
        kept = verdict if stage is not Stage.RCPT else combine((self._standing.get(stage, CONTINUE), verdict))
        # The message has its changes already: they are not wishes for what is yet to come.
        self._standing[stage] = replace(kept, changes=NO_CHANGES) if stage is Stage.MESSAGE else kept
        # At RCPT the log can tell whose mail it was, and Postmaster is spared.
        if stage not in (Stage.RCPT, Stage.MESSAGE) or (isinstance(view, RcptView) and view.is_for_postmaster):
            return verdict
        refusal = self._pipeline.threshold.refusal(self.standing)
        return verdict if refusal is None else replace(verdict, refusal=refusal)

    def _tell(self, name: str, trouble: str) -> None:
        self._pipeline.tell(self._session, name, trouble)

    async def _told(self, name: str, answer: Any) -> None:
        try:
            async with asyncio.timeout(_LEAVING_TIME):
                await answer
        except Exception as error:
            self._tell(name, f"{type(error).__name__}: {error}")


_LEAVING_TIME = 5.0  # seconds to hear that a transaction or session is over


def _with(view: View, standing: Verdict) -> View:
    session: SessionView = view.session
    if standing is CONTINUE:
        return view
    return replace(view, session=replace(session, tags=standing.tags, points=standing.total))


def _after(view: View, said: Verdict) -> View:
    """The view for the next one: a message as `said` has changed it."""
    return after(view, said.changes) if isinstance(view, MessageView) and said.changes else view


def _for_trouble(on_trouble: OnTrouble, reply: Reply) -> Verdict:
    return Verdict(refusal=reply) if on_trouble is OnTrouble.LATER else CONTINUE


def _drop(waiting: Iterable[tuple[Step, Answer]]) -> None:
    for _, answer in waiting:
        close = getattr(answer, "close", None)  # a coroutine that nobody will wait for
        if close is not None:
            close()
