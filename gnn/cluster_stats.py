"""What a cluster's readout sees beside its members: how large it is, how closely woven, what is known of its accounts.

No more than that on purpose. A world has few rings, so that a readout which also sees when a cluster's accounts were
made, or what share of them one identifier covers, learns the rings of its training by heart: on a world of another
making it called rings innocent that the accounts' own evidence gives away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn.labels import Known

CLUSTER_FEATURES: tuple[str, ...] = ("size", "density", "bad", "good")

Floats = npt.NDArray[np.float32]


def cluster_stats(clusters: npt.NDArray[np.int32], pairs: npt.NDArray[np.integer], known: Known) -> Floats:
    """float32[C, len(CLUSTER_FEATURES)] of the clusters int32[N] that accounts are in, -1 for none, by how many `pairs`
    int[N] each account is in and what is `known` of it."""
    count = int(clusters.max(initial=-1)) + 1
    inside = np.flatnonzero(clusters >= 0)
    ordinal = clusters[inside]
    size = np.maximum(np.bincount(ordinal, minlength=count), 1)

    def mean(values: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
        return np.asarray(np.bincount(ordinal, values[inside], minlength=count) / size)

    columns = (np.log1p(size) / 3.0, mean(pairs) / size, mean(known.bad), mean(known.good))
    return np.stack(columns, axis=1, dtype=np.float32)
