"""Sees what a model reads and says in one detection, and holds it against training and against an earlier one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphsvc.jobs.drift import Comparison, Kept, Moved, Past, to_compare, with_one

if TYPE_CHECKING:
    from gnn.drift import Shift
    from gnn.ensemble import Model
    from gnn.predict import Prediction

Floats = npt.NDArray[np.float32]


class Watch:
    """Sees what a model reads and says in one detection as of `as_of_ms`; `kept` is what the last one left."""

    def __init__(self, model: Model, kept: Kept | None, as_of_ms: int) -> None:
        from gnn.drift import from_json

        self._model = model
        self._as_of_ms = as_of_ms
        self._past = to_compare(kept, model.version, as_of_ms)
        before = self._past[0].spread if self._past else {}
        self._sides = {"training": from_json(model.notes.get("reference", {})), "earlier": from_json(before)}
        self._found: dict[str, list[Shift]] = {side: [] for side in self._sides}
        self._spread: dict[str, Any] = {}
        self._unlike = np.zeros(0, np.bool_)

    def see(self, x: Floats) -> None:
        """Looks at features float32[N, F], which are not kept."""
        from gnn.drift import outside, watched
        from gnn.reference import names_of

        columns = watched(names_of(self._model.attributes), x)
        self._count(columns)
        self._unlike = outside(self._sides["training"], columns)

    def said(self, prediction: Prediction) -> Prediction:
        """Looks at what was said, and gives it with intervals that are wider where accounts are unlike training's."""
        from gnn.drift import ACCOUNT_SCORE, CLUSTER_SCORE, widened

        scores = {ACCOUNT_SCORE: prediction.account_probability, CLUSTER_SCORE: prediction.cluster_probability}
        self._count(scores)
        if not self._unlike.any():
            return prediction
        low, high = widened(prediction.cluster_low, prediction.cluster_high, self._unlike, prediction.clusters)
        return dataclasses.replace(prediction, cluster_low=low, cluster_high=high)

    def kept(self) -> Kept:
        """What is to be kept of this detection."""
        return Kept(
            as_of_ms=self._as_of_ms,
            model_version=self._model.version,
            training=self._comparison("training", None),
            earlier=self._comparison("earlier", self._past[0].as_of_ms if self._past else None),
            unlike=float(self._unlike.mean()) if len(self._unlike) else 0.0,
            past=with_one(self._past, Past(self._as_of_ms, self._spread)),
        )

    def _count(self, columns: Mapping[str, Floats]) -> None:
        from gnn.drift import profile, shifts, to_json

        for side, known in self._sides.items():
            self._found[side] += shifts(known, columns)
        self._spread |= to_json(profile(columns))

    def _comparison(self, side: str, with_ms: int | None) -> Comparison | None:
        if not self._sides[side]:
            return None
        found = sorted(self._found[side], key=lambda one: (-one.psi, one.name))
        return Comparison(with_ms, tuple(Moved(one.name, round(one.psi, 4), one.level) for one in found))
