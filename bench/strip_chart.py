"""A result as an SVG: one row for each series, a dot for each sample, on a logarithmic axis.

By hand, because a plotting library would be the largest dependency of the project, for one kind of picture.
"""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from bench.result import Result, Series

WIDTH, LEFT, RIGHT, TOP, ROW = 960, 300, 40, 56, 44
INK, GREY, DOTS, FLOOR, GOAL = "#1d2733", "#8894a2", "#2563a8", "#9aa4af", "#b3261e"
SPREAD = 9


def draw(result: Result) -> str:
    """The whole document. Long marks are p50, short ones p99; the dashed lines are the goals."""
    low, high = _range(result)
    height = TOP + ROW * len(result.series) + 48
    bottom = height - 40

    def x(value: float) -> float:
        share = (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="15">{escape(result.question)}</text>',
    ]
    for tick in _ticks(low, high):
        parts.append(_line(x(tick), TOP, x(tick), bottom, "#e4e8ec"))
        parts.append(f'<text x="{x(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
    unit = escape(result.unit)
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{bottom + 32}" text-anchor="end">{unit}</text>')
    for goal in result.goals:
        if goal.unit == result.unit and goal.limit >= low:
            parts.append(_line(x(goal.limit), TOP, x(goal.limit), bottom, GOAL, ' stroke-dasharray="4 3"'))
    for row, series in enumerate(result.series):
        middle = TOP + ROW * row + ROW / 2
        colour = FLOOR if series.floor else DOTS
        parts += _labels(series, middle)
        for index, value in enumerate(series.values):
            # Samples side by side hide each other: spread them, the same way each time.
            offset = (index * 7 % (2 * SPREAD + 1)) - SPREAD
            parts.append(
                f'<circle cx="{x(value):.1f}" cy="{middle + offset:.1f}" r="2" fill="{colour}" '
                'fill-opacity="0.45"/>'
            )
        parts.append(_line(x(series.p50), middle - 16, x(series.p50), middle + 16, INK, ' stroke-width="2"'))
        parts.append(_line(x(series.p99), middle - 9, x(series.p99), middle + 9, INK))
    return "\n".join([*parts, "</svg>", ""])


def _labels(series: Series, middle: float) -> list[str]:
    name = series.name + (" (floor)" if series.floor else "")
    numbers = f"p50 {series.p50:.3g}   p99 {series.p99:.3g}   n {len(series.values)}"
    return [
        f'<text x="16" y="{middle - 2}">{escape(name)}</text>',
        f'<text x="16" y="{middle + 13}" fill="{GREY}" font-size="11">{numbers}</text>',
    ]


def _range(result: Result) -> tuple[float, float]:
    seen = [value for series in result.series for value in series.values if value > 0]
    seen += [goal.limit for goal in result.goals if goal.unit == result.unit and goal.limit > 0]
    if not seen:
        seen = [1.0]
    return min(seen) / 1.3, max(seen) * 1.3


def _ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for power in decades for step in (1, 2, 5) if low <= (tick := step * 10.0**power) <= high]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{more}/>'
