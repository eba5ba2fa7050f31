"""Drift: whether accounts, and what the model says of them, still look like before, and what to do where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import flask

from gnn.drift import ACCOUNT_SCORE, ALARM, CLUSTER_SCORE, MOVED
from graphsvc.jobs.drift import Comparison, Kept, Level, Moved

SCORES = (ACCOUNT_SCORE, CLUSTER_SCORE)
FEATURES_MOST = 20
LEVELS: dict[Level, str] = {"calm": "Calm", "moved": "Moved", "alarm": "Alarm"}
ORDER: tuple[Level, ...] = ("calm", "moved", "alarm")

Read = Callable[[], Kept | None]


@dataclass(frozen=True)
class Watched:
    """One feature or score against `training` and against an `earlier` detection; None where that was not compared."""

    name: str
    training: Moved | None
    earlier: Moved | None

    @property
    def worst(self) -> tuple[int, float]:
        """By which the furthest moved come first: what chance may do is calm, however large its index."""
        found = [one for one in (self.training, self.earlier) if one is not None]
        return max(ORDER.index(one.level) for one in found), max(one.psi for one in found)


@dataclass(frozen=True)
class Side:
    """What the detection was compared with, and how many features and scores are of each level."""

    compared: bool
    with_ms: int | None
    calm: int
    moved: int
    alarm: int


def page(read: Read) -> str:
    """The page, or what to do where no detection has measured anything."""
    kept = read()
    if kept is None:
        return flask.render_template("drift_none.html")
    every = _watched(kept)
    features = [one for one in every if one.name not in SCORES]
    return flask.render_template(
        "drift.html",
        kept=kept,
        level=level(kept),
        sides={"training": _side(kept.training), "earlier": _side(kept.earlier)},
        scores=[one for one in every if one.name in SCORES],
        features=features[:FEATURES_MOST],
        more=len(features) - FEATURES_MOST,
        levels=LEVELS,
        lines=(MOVED, ALARM),
    )


def level(kept: Kept) -> Level:
    """The worst there is."""
    return max((one.level for one in _all(kept)), key=ORDER.index, default="calm")


def alarms(read: Read) -> int:
    """How many features and scores alarm now."""
    kept = read()
    return len({one.name for one in _all(kept) if one.level == "alarm"}) if kept is not None else 0


def _all(kept: Kept) -> Iterable[Moved]:
    return (one for side in (kept.training, kept.earlier) if side is not None for one in side.moved)


def _watched(kept: Kept) -> list[Watched]:
    training, earlier = (
        {one.name: one for one in side.moved} if side else {} for side in (kept.training, kept.earlier)
    )
    names = sorted({*training, *earlier})
    return sorted((Watched(name, training.get(name), earlier.get(name)) for name in names), key=_furthest_first)


def _furthest_first(one: Watched) -> tuple[int, float, str]:
    rank, psi = one.worst
    return -rank, -psi, one.name


def _side(found: Comparison | None) -> Side:
    if found is None:
        return Side(False, None, 0, 0, 0)
    count = {level: sum(one.level == level for one in found.moved) for level in ORDER}
    return Side(True, found.with_ms, **count)
