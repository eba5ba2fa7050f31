"""Whether accounts, and what a model says of them, still look like training's, and like those of a day before.

Each published detection is compared with the reference that its model keeps, where it keeps one, and with an earlier
detection by the same model. The last comparison lies in the data folder, for pages, metrics and the next one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import structlog

from graphsvc.config import Places
from graphsvc.errors import NotFound

log = structlog.get_logger("drift")
DAY_MS = 86_400_000
NAMED = 5
"""So many features an alarm names; the rest are counted."""

Level = Literal["calm", "moved", "alarm"]


class Moved(msgspec.Struct, frozen=True):
    """One feature or score: its population stability index, and whether that is calm, moved or an alarm."""

    name: str
    psi: float
    level: Level


class Comparison(msgspec.Struct, frozen=True):
    """A detection held against `with_ms`, the moment of an earlier one, or against training where that is None; the
    furthest moved first."""

    with_ms: int | None
    moved: tuple[Moved, ...]

    @property
    def alarms(self) -> tuple[Moved, ...]:
        return tuple(one for one in self.moved if one.level == "alarm")


class Past(msgspec.Struct, frozen=True):
    """How features and scores were spread in a detection, see gnn.drift.to_json."""

    as_of_ms: int
    spread: dict[str, Any]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the last published detection. `training` is None where the model keeps no reference, `earlier`
    where the model judged nothing before; `unlike` is the share of accounts unlike those of training. `past` are
    detections to compare later ones with, a day or more apart, the earliest first."""

    as_of_ms: int
    model_version: str
    training: Comparison | None
    earlier: Comparison | None
    unlike: float
    past: tuple[Past, ...]


def read(places: Places) -> Kept | None:
    """What the last published detection left; None where there is none, or it cannot be read and is made anew."""
    try:
        return msgspec.json.decode(_path(places).read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        log.warning("drift_unreadable", file=_path(places).name)
        return None


def of_model(places: Places, version: str) -> Kept:
    """What the last published detection by this model left. Raises NotFound where another one, or none, judged it."""
    kept = read(places)
    if kept is None or kept.model_version != version:
        raise NotFound("No detection by this model is known.", hint="Drift is measured by `graphsvc detect`.")
    return kept


def told(kept: Kept) -> dict[str, Any]:
    """What a person or a program is told of it: all but the spreads."""
    facts = msgspec.to_builtins(kept)
    return {name: value for name, value in facts.items() if name != "past"}


def keep(places: Places, kept: Kept) -> None:
    """Replaces what the last detection left, in one step, and logs what alarms."""
    path = _path(places)
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(msgspec.json.encode(kept))
    draft.replace(path)
    for against, found in (("training", kept.training), ("an earlier detection", kept.earlier)):
        if found is not None and found.alarms:
            named = ", ".join(f"{one.name} {one.psi:.2f}" for one in found.alarms[:NAMED])
            log.warning("drift_alarm", against=against, alarms=len(found.alarms), furthest=named)


def to_compare(kept: Kept | None, version: str, as_of_ms: int) -> tuple[Past, ...]:
    """The past from the detection on that one as of `as_of_ms` is held against: the last one that is a day older, or
    the first there is, so that a service that looks each minute still sees what moves in days."""
    if kept is None or kept.model_version != version:
        return ()
    old = [number for number, one in enumerate(kept.past) if as_of_ms - one.as_of_ms >= DAY_MS]
    return kept.past[max(old, default=0) :]


def with_one(past: tuple[Past, ...], one: Past) -> tuple[Past, ...]:
    """The past with a detection more, where the last one is a day older."""
    return past if past and one.as_of_ms - past[-1].as_of_ms < DAY_MS else (*past, one)


def _path(places: Places) -> Path:
    return places.root / "drift.json"
