"""What a model keeps of the data it learnt from, so that drift away from it can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from gnn.attributes import Attribute
from gnn.calibrate import Platt
from gnn.drift import ACCOUNT_SCORE, CLUSTER_SCORE, profile, to_json, watched
from gnn.ensemble import run
from gnn.features import FEATURES
from gnn.model import AccountNetwork
from gnn.targets import Example
from gnn.views import View

Floats = npt.NDArray[np.float32]


def names_of(attributes: Sequence[Attribute]) -> tuple[str, ...]:
    """Names of the columns that a model with these attributes reads, in their order."""
    return (*FEATURES, *(name for attribute in attributes for name in attribute.columns))


@dataclass(frozen=True)
class Voice:
    """What says the scores: all networks and trees, and their calibration."""

    networks: tuple[AccountNetwork, ...]
    trees: tuple[xgboost.Booster, ...]
    account: Platt
    cluster: Platt

    def of(self, view: View) -> tuple[Floats, Floats]:
        """Probabilities of a view's accounts and clusters, as detection gives them at first look."""
        raw = run(self.networks, self.trees, view.graph)
        return self.account.probability(raw.account_logit), self.cluster.probability(raw.cluster_logit)


def reference(
    examples: Sequence[Example], views: Sequence[View], attributes: Sequence[Attribute], voice: Voice
) -> dict[str, Any]:
    """How features, and what the whole model says, are spread over the last look at each world, as a manifest keeps it.
    Earlier looks are of younger logs than those that the model is to judge. A network learnt in parts is taken part by
    part, an account that is in two of them twice."""
    last = _last(examples)
    chosen = _once([view for view in views if view.example in last])
    x = np.concatenate([view.graph.x.numpy() for view in chosen])
    accounts, clusters = zip(*map(voice.of, chosen), strict=True)
    scores = {ACCOUNT_SCORE: np.concatenate(accounts), CLUSTER_SCORE: np.concatenate(clusters)}
    return to_json(profile(watched(names_of(attributes), x) | scores))


def _last(examples: Sequence[Example]) -> set[int]:
    """Numbers of the examples that are the last look at their world."""
    end: dict[str, int] = {}
    for one in examples:
        end[one.world] = max(one.network.as_of_ms, end.get(one.world, one.network.as_of_ms))
    return {number for number, one in enumerate(examples) if one.network.as_of_ms == end[one.world]}


def _once(views: Sequence[View]) -> list[View]:
    """Of each example the view that shows most labels, as detection sees them, or all parts of it."""
    best = {view.example: view for view in views}
    return [view for view in views if view is best[view.example] or _same(view, best[view.example])]


def _same(view: View, other: View) -> bool:
    return view.whole is not None and view.whole is other.whole
