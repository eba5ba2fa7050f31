"""Axes: values onto drawing units, round ticks, labels that keep apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphsvc.evaluation.words import Say, percent

STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Axis:
    """What an axis shows, from `low` to `high` (`log`: both above 0). `at`: where its ticks are, by itself if empty."""

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    say: Say = percent
    at: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scale:
    """Values of an axis onto drawing units; what lies beyond an end is put on it."""

    axis: Axis
    start: float
    end: float

    def __call__(self, value: float) -> float:
        axis, warp = self.axis, math.log10 if self.axis.log else float
        low, high = warp(axis.low), warp(axis.high)
        at = warp(min(max(value, axis.low), axis.high))
        return self.start + (self.end - self.start) * (at - low) / (high - low)


def top_of(values: Iterable[float], least: float = 0.01) -> float:
    """A round number that is not below any of the values (nan left out), for the end of an axis."""
    most = max([least, *(value for value in values if not math.isnan(value))])
    size = float(10.0 ** math.floor(math.log10(most)))
    return next(step * size for step in STEPS if step * size >= most * (1 - 1e-9))


def ticks(axis: Axis) -> list[float]:
    """Round values within an axis: powers of ten on a logarithmic one, else five or fewer steps from its low end."""
    if axis.at:
        return [value for value in axis.at if axis.low <= value <= axis.high]
    if axis.log:
        powers = range(math.ceil(math.log10(axis.low) - 1e-9), math.floor(math.log10(axis.high) + 1e-9) + 1)
        return [10.0**power for power in powers]
    wide = axis.high - axis.low
    size = 10.0 ** math.floor(math.log10(wide))
    step = next(part * size for part in (0.2, 0.25, 0.5, 1, 2) if wide / (part * size) <= 5 + 1e-9)
    return [axis.low + step * n for n in range(int(wide / step + 1e-9) + 1)]


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The places (ascending) moved as little as a sweep each way needs for `gap` between them, within low and high."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap if moved else low))
    for n in reversed(range(len(moved))):
        moved[n] = min(moved[n], moved[n + 1] - gap if n + 1 < len(moved) else high)
    return moved
