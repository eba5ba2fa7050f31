"""How firmly each account belongs to its cluster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.links.weights import GROUPS

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]

WEAK_TIES = 0.4150375
"""Ties of a member that no pair holds in but weaker evidence does: worth half of one tie."""


def strengths(pairs: pa.Table, clusters: Int32s) -> Float32s:
    """float32[N], 0 to 1; 0 for accounts in no cluster. `pairs` as of `pairs`, `clusters` int32[N] (-1 for none).

    The share of an account's evidence that lies within its cluster, times 1 - 2^-ties: each independent tie halves the
    doubt that it is there by chance. Independent are evidence groups, and mates past the first, each doubling of which
    counts as one tie: forty mates on one address are not forty reasons.
    """
    a, b, bits, groups = (pairs[name].to_numpy() for name in ("a", "b", "bits", "groups"))
    accounts = len(clusters)
    ends = np.concatenate([a, b])
    inside = np.concatenate([(clusters[a] >= 0) & (clusters[a] == clusters[b])] * 2)
    weight = np.concatenate([bits, bits]).astype(np.float64)
    within = np.bincount(ends[inside], weight[inside], accounts)
    without = np.bincount(ends[~inside], weight[~inside], accounts)
    mates = np.bincount(ends[inside], minlength=accounts)
    ties = np.log2(np.maximum(mates, 1)) + _groups(ends[inside], np.concatenate([groups, groups])[inside], accounts)
    held = mates > 0
    share = np.where(held, within / np.maximum(within + without, np.finfo(np.float64).tiny), without == 0)
    strength = share * (1 - np.exp2(-np.where(held, ties, WEAK_TIES)))
    # Thousandths, in which the order of sums is lost.
    return np.where(clusters >= 0, np.round(strength, 3), 0).astype(np.float32)


def _groups(account: Int32s, mask: npt.NDArray[np.int16], accounts: int) -> Float64s:
    """float64[N]: how many bits the masks of an account have together."""
    count = np.zeros(accounts)
    for group in range(len(GROUPS)):
        count[account[(mask >> group) & 1 == 1]] += 1
    return count
