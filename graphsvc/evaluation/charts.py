"""Statistical graphics as inline SVG, without a script: values in, `Markup` out.

All are `svg.WIDTH` units wide, so that their type keeps its size on a phone and several stand side by side on a desk.
Colours come from the page (classes). Every text that comes in is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from graphsvc.evaluation import svg
from graphsvc.evaluation.axes import Axis, Scale, apart, ticks
from graphsvc.evaluation.figures import Bin, Estimate, Point, RingFound
from graphsvc.evaluation.words import NONE, compact, estimate, number, percent, span, trimmed

LEFT, RIGHT, TOP, BOTTOM = 42.0, 18.0, 28.0, 42.0
COLUMN = 54.0
COLOURS = 6
HOURS = (1.0, 6.0, 24.0, 72.0, 168.0, 720.0, 2_160.0, 8_760.0)
LABEL_CHARACTERS, STEP_CHARACTERS = 34, 16
COUNT_WIDTH = 26.0
LEAST_RADIUS, MORE_RADIUS = 2.4, 4.0
NAME_WIDTH, NAMES_WIDTH = 20.0, 104.0


@dataclass(frozen=True)
class Row:
    """A line of a dot chart: a figure with its interval, a name before it and a note below. `why` it is not defined."""

    name: str
    figure: Estimate
    note: str = ""
    why: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Line:
    """A curve and what is written of it in the key."""

    name: str
    points: Sequence[Point]
    value: str = ""


@dataclass(frozen=True)
class Step:
    """A step of a staircase at x: a figure and what it is called."""

    name: str
    x: float
    figure: Estimate


def dots(title: str, about: str, rows: Sequence[Row], axis: Axis) -> Markup:
    """A figure a row, with its interval, on one axis; names and values are written above each line."""
    scale = Scale(axis, 6.0, svg.WIDTH - 10.0)
    parts, y = [], 4.0
    for row in rows:
        parts.append(_row(row, scale, y))
        y += 52.0 if row.note else 38.0
    return svg.drawing(y + 24.0, title, about, *_columns(scale, 2.0, y), *parts)


def reliability(title: str, about: str, bins: Sequence[Bin], of_what: str) -> Markup:
    """The share that was true against the probability said; the area of a dot goes with the number of its cases, which
    is written below it."""
    frame = Frame(Axis("probability said"), Axis("share that was abusive"), 350.0, bottom=92.0)
    places = [(frame.x(one.predicted), frame.y(one.observed)) for one in bins]
    most = max((one.count for one in bins), default=1)
    return frame.around(
        title,
        about,
        svg.line("ideal", frame.x(0), frame.y(0), frame.x(1), frame.y(1)),
        svg.path("curve joins", "L", places),
        *(
            svg.dot("dot c0", *place, _of_bin(one, of_what), LEAST_RADIUS + MORE_RADIUS * math.sqrt(one.count / most))
            for one, place in zip(bins, places, strict=True)
        ),
        *_counted([one.count for one in bins], [across for across, _ in places], of_what, frame),
    )


def curves(title: str, about: str, lines: Sequence[Line], x: Axis, y: Axis, *, falling: bool = False) -> Markup:
    """Step lines in one frame, the first in front, with a key in the corner that such curves leave empty: low at the
    right, or (`falling`) low at the left. Between two points a line is at the lower one: it promises no more than was
    measured."""
    frame, way = Frame(x, y, 310.0), "VH" if falling else "HV"
    paths = [
        svg.path(f"curve c{n % COLOURS}", way, [(frame.x(point.x), frame.y(point.y)) for point in line.points])
        for n, line in enumerate(lines)
    ]
    return frame.around(title, about, *reversed(paths), *_key(lines, frame.y.start, falling))


def found_when(title: str, about: str, rings: Sequence[RingFound]) -> Markup:
    """Each ring as a dot: hours since its first account (logarithmic) and its accounts when it was found; those never
    found stand in a column of their own at the right, at their whole size."""
    most = 1.2 * max([10, *(ring.size for ring in rings)])
    y = Axis("accounts it had by then (logarithmic)", 1.0, most, True, number, _counts(most))
    frame = Frame(_hours(rings), y, 310.0, right=RIGHT + COLUMN)
    never = svg.WIDTH - RIGHT - COLUMN / 2 + 6.0
    missed = [ring for ring in rings if ring.hours is None]
    return frame.around(
        title,
        about,
        svg.rect("never", never - 20.0, frame.y.end, 40.0, frame.y.start - frame.y.end),
        svg.text("tick", never, frame.y.start + 15.0, "never", "middle"),
        *(
            svg.dot("dot c0 seen", frame.x(ring.hours), frame.y(ring.accounts), _of_ring(ring))
            for ring in rings
            if ring.hours is not None and ring.accounts is not None
        ),
        *(
            svg.dot("dot bad seen", never + (n % 5 - 2) * 6.0, frame.y(ring.size), _of_ring(ring))
            for n, ring in enumerate(missed)
        ),
    )


def found_by(title: str, about: str, rings: Sequence[RingFound]) -> Markup:
    """The share of all rings that was found by each number of hours since their first account."""
    hours = sorted(ring.hours for ring in rings if ring.hours is not None)
    frame = Frame(_hours(rings), Axis("share of all rings"), 310.0)
    share = [n / max(len(rings), 1) for n in range(len(hours) + 1)]
    places = [(frame.x(at), frame.y(of)) for at, of in zip([frame.x.axis.low, *hours], share, strict=True)]
    end = (frame.x.end, places[-1][1])
    found = svg.text("key c0", end[0], end[1] - 7.0, f"{len(hours)} of {len(rings)} found", "end")
    return frame.around(title, about, svg.path("curve c0", "HV", [*places, end]), found)


def staircase(title: str, about: str, steps: Sequence[Step], x: Axis, y: Axis) -> Markup:
    """Figures with intervals at rising x, joined as stairs, each with its name aslant above it."""
    frame = Frame(x, y, 370.0, top=86.0, right=NAMES_WIDTH)
    places = [(frame.x(step.x), frame.y(step.figure.value)) for step in steps]
    names = apart([across for across, _ in places], NAME_WIDTH, LEFT, frame.x.end + NAME_WIDTH / 2)
    parts = [svg.path("curve c0", "HV", places)]
    for step, (across, up), name in zip(steps, places, names, strict=True):
        low, high = frame.y(step.figure.low), frame.y(step.figure.high)
        above = min(up, high)
        parts.append(svg.line("leader", across, above, name, above - 9.0))
        parts.append(svg.interval("c0", across, low, across, high))
        parts.append(svg.dot("dot c0", across, up, f"{step.name}: {estimate(step.figure, y.say)}"))
        parts.append(svg.slanted(name + 2.0, above - 11.0, _clipped(step.name, STEP_CHARACTERS)))
    return frame.around(title, about, *parts)


class Frame:
    """Two scales with their grid, ticks and names, `height` units high; `top`, `right`, `bottom` are its margins."""

    def __init__(
        self, x: Axis, y: Axis, height: float, *, top: float = TOP, right: float = RIGHT, bottom: float = BOTTOM
    ) -> None:
        self.height = height
        self.x = Scale(x, LEFT, svg.WIDTH - right)
        self.y = Scale(y, height - bottom, top)

    def around(self, title: str, about: str, *parts: Markup) -> Markup:
        """The whole drawing: the frame, and the parts over it."""
        return svg.drawing(self.height, title, about, *self._grid(), *parts)

    def _grid(self) -> list[Markup]:
        x, y = self.x, self.y
        parts = [
            svg.text("axis", x.end, y.start + 33.0, x.axis.name, "end"),
            svg.text("axis", 2.0, y.end - 14.0, y.axis.name),
        ]
        for value in ticks(x.axis):
            parts.append(svg.line("grid", x(value), y.end, x(value), y.start))
            parts.append(svg.text("tick", x(value), y.start + 15.0, trimmed(x.axis.say(value)), "middle"))
        for value in ticks(y.axis):
            parts.append(svg.line("grid", x.start, y(value), x.end, y(value)))
            parts.append(svg.text("tick", x.start - 6.0, y(value) + 4.0, trimmed(y.axis.say(value)), "end"))
        return parts


def _row(row: Row, scale: Scale, y: float) -> Markup:
    figure, line = row.figure, y + 26.0
    written = svg.text("name strong" if row.strong else "name", 2.0, y + 14.0, _clipped(row.name))
    note = svg.text("note", 2.0, y + 43.0, row.note) if row.note else Markup()
    if math.isnan(figure.value):
        why = f"{NONE} {row.why}".strip()
        return written + note + svg.text("note", svg.WIDTH - 4.0, y + 14.0, why, "end")
    return Markup("").join(
        (
            written,
            note,
            svg.text("value", svg.WIDTH - 4.0, y + 14.0, estimate(figure, scale.axis.say), "end"),
            svg.line("track", scale.start, line, scale.end, line),
            svg.interval("c0" if row.strong else "plain", scale(figure.low), line, scale(figure.high), line),
            svg.dot("dot c0" if row.strong else "dot plain", scale(figure.value), line, row.name),
        )
    )


def _columns(scale: Scale, top: float, bottom: float) -> list[Markup]:
    parts = []
    for value in ticks(scale.axis):
        at = scale(value)
        parts.append(svg.line("grid", at, top, at, bottom))
        parts.append(svg.text("tick", at, bottom + 15.0, trimmed(scale.axis.say(value)), _anchor(at)))
    return parts


def _counted(counts: Sequence[int], places: Sequence[float], of_what: str, frame: Frame) -> list[Markup]:
    """The counts below their places, in two rows where one has no room."""
    room = svg.WIDTH - LEFT - 6.0
    gap = min(COUNT_WIDTH, room / max(len(counts) - 1, 1))
    rows = 2 if gap < COUNT_WIDTH else 1
    at = apart(places, gap, LEFT, LEFT + room)
    return [
        svg.text("axis", LEFT, frame.y.start + 54.0, f"number of {of_what} in each dot, left to right:"),
        *(
            svg.text("count", across, frame.y.start + 70.0 + 13.0 * (n % rows), compact(count), "middle")
            for n, (count, across) in enumerate(zip(counts, at, strict=True))
        ),
    ]


def _key(lines: Sequence[Line], bottom: float, left: bool) -> list[Markup]:
    at, anchor = (LEFT + 10.0, "start") if left else (svg.WIDTH - RIGHT - 8.0, "end")
    first = bottom - 12.0 - 17.0 * (len(lines) - 1)
    return [
        svg.text(f"key c{n % COLOURS}", at, first + 17.0 * n, f"{_clipped(line.name)} {line.value}", anchor)
        for n, line in enumerate(lines)
    ]


def _hours(rings: Sequence[RingFound]) -> Axis:
    """From an hour to a little after the last ring was found."""
    late = max([24.0, *(ring.hours * 1.3 for ring in rings if ring.hours is not None)])
    return Axis("since the ring's first account (logarithmic)", 1.0, late, True, _span_tick, HOURS)


def _anchor(x: float) -> str:
    return "start" if x < 20.0 else "end" if x > svg.WIDTH - 24.0 else "middle"


def _clipped(text: str, most: int = LABEL_CHARACTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _counts(most: float) -> tuple[float, ...]:
    """Ticks of a logarithmic axis of counts: 1, 3, 10, 30, …"""
    powers = range(math.ceil(math.log10(max(most, 10.0))) + 1)
    return tuple(part * 10.0**power for power in powers for part in (1, 3))


def _span_tick(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 24 else f"{hours / 24:.0f} d"


def _of_bin(one: Bin, of_what: str) -> str:
    return f"{one.count:,} {of_what}: {percent(one.predicted)} said, {percent(one.observed)} true"


def _of_ring(ring: RingFound) -> str:
    if ring.hours is None or ring.accounts is None:
        return f"{ring.ring}: never found, {ring.size} accounts"
    return f"{ring.ring}: found after {span(ring.hours)} with {ring.accounts} of {ring.size} accounts"
