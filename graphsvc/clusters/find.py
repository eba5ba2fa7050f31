"""Clusters: groups of accounts that pairs of strong evidence connect.

Connected components of the pairs; a large component that is thinly woven is a chain of chances and not one group, and
is taken apart by asking more bits of its pairs, step by step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graphsvc.links.view import LinkView

Bools = npt.NDArray[np.bool_]
Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True)
class FindConfig:
    """A component of more than `large` accounts with less than `density_min` of its possible pairs is taken apart, with
    `step_bits` more a time, up to `bits_max`."""

    large: int = 500
    density_min: float = 0.02
    step_bits: float = 0.5
    bits_max: float = 24.0


def find_clusters(view: LinkView, pairs: pa.Table, config: FindConfig = FindConfig()) -> Int32s:
    """Cluster of each account, int32[N]: ordinals in the order of the first member, -1 for accounts in none.

    The result depends on the accounts and pairs alone, not on the order of either.
    """
    accounts = len(view.accounts)
    a, b, bits = (pairs[name].to_numpy() for name in ("a", "b", "bits"))
    kept = np.ones(len(a), bool)
    asked = float(bits.min()) if len(bits) else config.bits_max
    component = _components(a, b, accounts)
    while asked < config.bits_max:
        loose = _loose(component, a[kept], config)
        if not loose.any():
            break
        asked += config.step_bits
        kept &= ~(loose[component[a]] & (bits < asked))
        component = _components(a[kept], b[kept], accounts)
    return _ordinals(component)


def _components(a: Int32s, b: Int32s, accounts: int) -> Int32s:
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(accounts, accounts))
    component: Int32s = connected_components(graph, directed=False)[1].astype(np.int32)
    return component


def _loose(component: Int32s, a: Int32s, config: FindConfig) -> Bools:
    """Which components are large and thinly woven."""
    size = np.bincount(component).astype(np.float64)
    woven = np.bincount(component[a], minlength=len(size))
    possible = np.maximum(size * (size - 1) / 2, 1)
    loose: Bools = (size > config.large) & (woven / possible < config.density_min)
    return loose


def _ordinals(component: Int32s) -> Int32s:
    """Numbers components of two and more in the order of their first account."""
    size = np.bincount(component)
    _, first = np.unique(component, return_index=True)
    heads = np.sort(first[size[component[first]] > 1])
    ordinal = np.full(len(size), -1, np.int32)
    ordinal[component[heads]] = np.arange(len(heads), dtype=np.int32)
    found: Int32s = ordinal[component]
    return found
