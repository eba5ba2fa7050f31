"""SVG as `Markup`: every text that comes in is escaped; colours are classes that the page knows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

WIDTH = 360.0
SLANT = 38.0
RADIUS = 4.2


def drawing(height: float, title: str, about: str, *parts: Markup) -> Markup:
    """A whole picture, WIDTH units wide, with what a screen reader says of it."""
    return Markup(
        '<svg class="chart" viewBox="0 0 {:g} {:g}" role="img"><title>{}</title><desc>{}</desc>{}</svg>'
    ).format(WIDTH, height, title, about, Markup("").join(parts))


def path(kind: str, way: str, places: Sequence[tuple[float, float]]) -> Markup:
    """Places joined by straight lines (`L`), or by steps that go across first (`HV`) or up first (`VH`)."""
    if not places:
        return Markup()
    steps = [f"M{places[0][0]:.1f} {places[0][1]:.1f}"]
    for x, y in places[1:]:
        to = {"H": f"H{x:.1f}", "V": f"V{y:.1f}", "L": f"L{x:.1f} {y:.1f}"}
        steps += [to[letter] for letter in way]
    return Markup('<path class="{}" d="{}"/>').format(kind, "".join(steps))


def text(kind: str, x: float, y: float, written: str, anchor: str = "start") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, written
    )


def slanted(x: float, y: float, written: str) -> Markup:
    """Text that rises from its place to the right."""
    return Markup('<text class="name" transform="translate({:.1f} {:.1f}) rotate(-{:g})">{}</text>').format(
        x, y, SLANT, written
    )


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, x1, y1, x2, y2)


def interval(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """A thick line; nothing where an end is nan."""
    return Markup() if math.isnan(x1 + y1 + x2 + y2) else line(f"interval {kind}", x1, y1, x2, y2)


def rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def dot(kind: str, x: float, y: float, about: str, radius: float = RADIUS) -> Markup:
    """`about` shows where a pointer rests on it."""
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>').format(
        kind, x, y, radius, about
    )
