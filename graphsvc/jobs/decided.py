"""What people decided of accounts, as constraints on the clusters of a view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.cases.relations import Pair
from graphsvc.clusters.constraints import Constraints
from graphsvc.links.view import LinkView


def constraints_in(view: LinkView, pairs: Sequence[Pair]) -> Constraints:
    """The decisions on accounts that are in view."""
    ids = view.accounts["account_id"]
    ends = [pc.index_in(pa.array([getattr(p, end) for p in pairs], pa.string()), value_set=ids) for end in ("a", "b")]
    rows = np.stack([pc.fill_null(end, -1).to_numpy(zero_copy_only=False).astype(np.int32) for end in ends], axis=1)
    seen = (rows >= 0).all(axis=1)
    together = np.array([pair.relation == "together" for pair in pairs], np.bool_)
    return Constraints(must=rows[seen & together], cannot=rows[seen & ~together])
