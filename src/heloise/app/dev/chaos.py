"""Mailpit's chaos and MailHog's Jim as fault rules: named, so that they can be told and taken back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from heloise.faults.book import FaultBook
from heloise.faults.rule import Cut, FaultReply, FaultRule, Per, Stage

_STAGES = {"Sender": Stage.MAIL, "Recipient": Stage.RCPT, "Authentication": Stage.AUTH}
_CODES = {"Sender": 451, "Recipient": 451, "Authentication": 535}
_CHAOS, _JIM = "chaos: ", "jim: "


@dataclass(frozen=True, slots=True)
class Trigger:
    """Fail with this code so often; `probability` in percent."""

    code: int
    probability: int

    @classmethod
    def read(cls, name: str, wanted: Any) -> Self:
        """One of `_STAGES` as Mailpit's API tells it; what is not told fails never. Raises ValueError."""
        wanted = {} if wanted is None else wanted
        if not isinstance(wanted, Mapping):
            raise ValueError(f"{name} is an object with ErrorCode and Probability")
        code, probability = wanted.get("ErrorCode") or _CODES[name], wanted.get("Probability") or 0
        if not (isinstance(code, int) and 400 <= code <= 599):
            raise ValueError("error code must be between 400 and 599")
        if not (isinstance(probability, int) and 0 <= probability <= 100):
            raise ValueError("probability must be between 0 and 100")
        return cls(code, probability)

    @property
    def shape(self) -> dict[str, int]:
        """As Mailpit's API tells it."""
        return {"ErrorCode": self.code, "Probability": self.probability}


def chaos_of(book: FaultBook) -> dict[str, Trigger]:
    """What is set."""
    found = {name: Trigger(code, 0) for name, code in _CODES.items()}
    for rule in book.rules:
        name = rule.name.removeprefix(_CHAOS)
        if rule.name.startswith(_CHAOS) and name in found and rule.reply is not None:
            found[name] = Trigger(rule.reply.code, round(rule.probability * 100))
    return found


def set_chaos(book: FaultBook, triggers: Mapping[str, Trigger]) -> None:
    """Have these, and no others of the kind."""
    rules = [
        FaultRule(
            stage=_STAGES[name],
            reply=FaultReply.parse(str(trigger.code)),
            probability=trigger.probability / 100,
            per=Per.RULE,
            name=f"{_CHAOS}{name}",
        )
        for name, trigger in triggers.items()
        if trigger.probability
    ]
    book.use([*(rule for rule in book.rules if not rule.name.startswith(_CHAOS)), *rules])


# Jim, with the chances that MailHog gives him where nothing else is said.
_JIM_DEFAULTS = {
    "DisconnectChance": 0.005,
    "AcceptChance": 0.99,
    "LinkSpeedAffect": 0.1,
    "LinkSpeedMin": 1024.0,
    "LinkSpeedMax": 10240.0,
    "RejectSenderChance": 0.05,
    "RejectRecipientChance": 0.05,
    "RejectAuthChance": 0.05,
}
_JIM_REPLIES = {
    "RejectSenderChance": (Stage.MAIL, 550),
    "RejectRecipientChance": (Stage.RCPT, 550),
    "RejectAuthChance": (Stage.AUTH, 535),
}
_JIM_CUTS = (Stage.HELLO, Stage.MAIL, Stage.RCPT, Stage.DATA)


def jim_of(book: FaultBook) -> dict[str, float] | None:
    """The chances that he takes; None when he is not there. Link speeds are told, but nothing is slowed by them."""
    chances = {name.partition(" ")[0]: rule.probability for rule in book.rules if (name := _jims(rule))}
    if not chances:
        return None
    found = dict.fromkeys(_JIM_DEFAULTS, 0.0) | {"LinkSpeedMin": 1024.0, "LinkSpeedMax": 10240.0} | chances
    return {**found, "AcceptChance": 1 - chances.get("AcceptChance", 0.0)}


def set_jim(book: FaultBook, wanted: Mapping[str, Any] | None) -> None:
    """Have him with these chances, or no more. Raises ValueError."""
    others = [rule for rule in book.rules if not _jims(rule)]
    if wanted is None:
        book.use(others)
        return
    chances = _JIM_DEFAULTS | {name: _chance(name, wanted[name]) for name in _JIM_DEFAULTS if name in wanted}
    rules = [_jim(Stage.CONNECT, "AcceptChance", 1 - chances["AcceptChance"], cut=Cut.DROP)]
    rules += [_jim(stage, "DisconnectChance", chances["DisconnectChance"], cut=Cut.DROP) for stage in _JIM_CUTS]
    rules += [_jim(stage, name, chances[name], code=code) for name, (stage, code) in _JIM_REPLIES.items()]
    book.use([*others, *rules])


def _jim(stage: Stage, name: str, chance: float, *, cut: Cut | None = None, code: int = 0) -> FaultRule:
    return FaultRule(
        stage=stage,
        cut=cut,
        reply=FaultReply.parse(str(code)) if code else None,
        probability=chance,
        per=Per.RULE,
        name=f"{_JIM}{name} {stage.value}",
    )


def _jims(rule: FaultRule) -> str:
    return rule.name.removeprefix(_JIM) if rule.name.startswith(_JIM) else ""


def _chance(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} is a number")
    if not name.startswith("Link") and value > 1:
        raise ValueError(f"{name} is from 0 to 1")
    return float(value)
