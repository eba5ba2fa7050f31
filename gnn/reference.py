"""What a model keeps of the data it learnt from, so that drift away from it can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn.attributes import Attribute
from gnn.drift import ACCOUNT_SCORE, CLUSTER_SCORE, profile, to_json, watched
from gnn.features import FEATURES
from gnn.views import View

Floats = npt.NDArray[np.float32]


def names_of(attributes: Sequence[Attribute]) -> tuple[str, ...]:
    """Names of the columns that a model with these attributes reads, in their order."""
    return (*FEATURES, *(name for attribute in attributes for name in attribute.columns))


def reference(
    views: Sequence[View], attributes: Sequence[Attribute], accounts: Sequence[Floats], clusters: Sequence[Floats]
) -> dict[str, Any]:
    """How features were spread over all examples, and the probabilities of accounts and clusters that networks gave
    which had held them out; as a manifest keeps it. Of a network learnt in parts an account counts once a part."""
    x = np.concatenate([view.graph.x.numpy() for view in _once(views)])
    columns = watched(names_of(attributes), x)
    scores = {ACCOUNT_SCORE: np.concatenate(accounts), CLUSTER_SCORE: np.concatenate(clusters)}
    return to_json(profile(columns | scores))


def _once(views: Sequence[View]) -> list[View]:
    """One view, or all parts of one view, of each example: what is watched is the same in all of them."""
    first: dict[int, View] = {}
    for view in views:
        first.setdefault(view.example, view)
    return [view for view in views if view is first[view.example] or _same(view, first[view.example])]


def _same(view: View, other: View) -> bool:
    return view.whole is not None and view.whole is other.whole
