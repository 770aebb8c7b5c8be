"""How much something counts: points, or everything."""

from dataclasses import dataclass
from typing import Self

from heloise.mail.reply import Reply
from heloise.policy.verdict import CONTINUE, Verdict, points


@dataclass(frozen=True, slots=True)
class Weight:
    """`points` to be added; with `refuses` it is refused for this alone."""

    points: float = 0.0
    refuses: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "off", "refuse", or a number. Raises ValueError."""
        if text in ("off", "refuse"):
            return cls(refuses=text == "refuse")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not -1000 <= value <= 1000:
            raise ValueError('is no weight; write "refuse", "off", or a number of points such as 2.5')
        return cls(value)

    @property
    def is_off(self) -> bool:
        """Does it count for nothing?"""
        return not self.points and not self.refuses

    def of(self, why: str, refusal: Reply) -> Verdict:
        """The verdict for what weighs so much."""
        if self.refuses:
            return Verdict(refusal=refusal)
        return points(self.points, why) if self.points else CONTINUE

    def __str__(self) -> str:
        return "refuse" if self.refuses else f"{self.points:g}" if self.points else "off"


OFF = Weight()
