"""Who stays in a cluster that is called abusive: those whose own evidence speaks against them, and whom nobody cleared.

A cluster is found before anything is judged, so that a neighbour who shares one address with a ring lies in it too. To
be shown in a flagged cluster is an accusation; it takes more than a chance link.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn.labels import KNOWN_BAD, KNOWN_GOOD, known
from gnn.network import Network

FLAGGED = 0.5
"""The probability from which an account or a cluster counts as accused."""
FLOOR = 0.25
"""Below this probability of its own a member leaves. On simulated worlds and on logs of another generator more of those
below it were innocent than of the rings, and more of those between it and one half were of the rings."""

Floats = npt.NDArray[np.float32]


def members(
    network: Network, clusters: npt.NDArray[np.int32], account: Floats, cluster: Floats
) -> npt.NDArray[np.int32]:
    """int32[N]: of the `clusters` int32[N] the one in which each account is shown, -1 for none, by the probabilities of
    accounts [N] and of clusters [C].

    Who is known to be abusive stays, and who was decided to be innocent leaves: a decision of people outweighs the
    company that an account keeps. Where fewer than two would stay the doubt is about the whole cluster, which its own
    probability tells, and all do.
    """
    count = len(cluster)
    flagged = np.append(cluster >= FLAGGED, False)[clusters]
    seen = known(network)
    weak = flagged & (((account < FLOOR) & (seen.bad < KNOWN_BAD)) | (seen.good >= KNOWN_GOOD))
    inside = clusters >= 0
    leaving = np.bincount(clusters[inside], weak[inside], minlength=count)
    left = np.append(leaving + 2 <= np.bincount(clusters[inside], minlength=count), False)[clusters]
    return np.where(weak & left, -1, clusters).astype(np.int32)
