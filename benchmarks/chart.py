"""Bar charts as SVG: groups of bars with their range, readable on light and dark ground, nothing but text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_LABEL = 250  # pixels, as all of these
_PLOT = 520
_VALUE = 90
_BAR = 15
_GAP = 4
_HEAD = 26
_MARGIN = 12
_OURS = "#0b7a75"
_OURS_LIGHT = "#58b5b0"
_PEER = "#8a8f98"
_RANGE = "#d1495b"

_STYLE = """\
text { font: 12px sans-serif; fill: #333; }
.head { font-weight: bold; }
.grid { stroke: #8888; stroke-width: .5; }
@media (prefers-color-scheme: dark) { text { fill: #ddd; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: the median, and the range of the samples as a thin line."""

    label: str
    value: float
    low: float
    high: float
    text: str

    @property
    def colour(self) -> str:
        """heloise stands out; its variants are lighter."""
        if self.label in ("heloise", "heloise.Server", "heloise client"):
            return _OURS
        return _OURS_LIGHT if self.label.startswith("heloise") else _PEER


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Bars that are compared with each other, on a scale of their own."""

    title: str
    bars: Sequence[Bar]


def bar_chart(title: str, groups: Sequence[Group]) -> str:
    """The whole picture. A group whose values lie far apart has a logarithmic scale, and says so."""
    parts: list[str] = []
    y = _MARGIN + 16
    for group in groups:
        parts.append(_group(group, y))
        y += _HEAD + len(group.bars) * (_BAR + _GAP) + _MARGIN
    width = _LABEL + _PLOT + _VALUE + 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f'<text class="head" x="{_MARGIN}" y="{_MARGIN + 4}">{escape(title)}</text>\n' + "".join(parts) + "</svg>\n"
    )


def _group(group: Group, top: int) -> str:
    high = max((bar.high for bar in group.bars), default=0) or 1
    low = min((bar.value for bar in group.bars if bar.value > 0), default=high)
    logarithmic = high / low > 200
    base = 10 ** math.floor(math.log10(low)) if logarithmic else 0

    def length(value: float) -> float:
        if logarithmic:
            return _PLOT * math.log(value / base) / math.log(high / base) if value > base else 0
        return _PLOT * max(value, 0) / high

    title = f"{group.title} (logarithmic)" if logarithmic else group.title
    parts = [f'<text class="head" x="{_MARGIN}" y="{top + 14}">{escape(title)}</text>\n']
    left = _MARGIN + _LABEL
    for number, bar in enumerate(group.bars):
        y = top + _HEAD + number * (_BAR + _GAP)
        middle = y + _BAR / 2
        end = left + length(bar.value)
        parts.append(
            f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">{escape(bar.label)}</text>'
            f'<rect x="{left}" y="{y}" width="{max(end - left, 1):.1f}" height="{_BAR}" fill="{bar.colour}"/>'
            f'<line x1="{left + length(bar.low):.1f}" x2="{left + length(bar.high):.1f}" y1="{middle}" y2="{middle}" '
            f'stroke="{_RANGE}" stroke-width="2"/>'
            f'<text x="{max(end, left + length(bar.high)) + 6:.1f}" y="{y + 12}">{escape(bar.text)}</text>\n'
        )
    bottom = top + _HEAD + len(group.bars) * (_BAR + _GAP)
    parts.append(f'<line class="grid" x1="{left}" x2="{left}" y1="{top + _HEAD - 2}" y2="{bottom}"/>\n')
    return "".join(parts)
