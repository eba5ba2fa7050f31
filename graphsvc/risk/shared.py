"""What an account shares with others, identifier by identifier: the rows that the model's head reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gnn.groups import group_index
from gnn.head import SharedRows
from graphsvc.risk.kernels import Array

_group = lru_cache(maxsize=4096)(group_index)


@dataclass(frozen=True)
class Shared:
    """Identifiers that others have too: `types`, the head's `rows`, and `cluster` ordinals that more than half of the
    holders are in, or -1."""

    types: tuple[str, ...]
    rows: SharedRows
    cluster: tuple[int, ...]


NOTHING = Shared((), SharedRows.empty(), ())


def shared(names: Sequence[str], found: Array) -> Shared:
    """The same from rows of graphsvc.risk.kernels.SHARED, types by their places in `names`."""
    if not len(found):
        return NOTHING
    types = tuple(names[code] for code in found["type"].tolist())
    rows = SharedRows(
        group=np.array([_group(name) for name in types], np.int64),
        bits=found["bits"].copy(),
        others=found["others"].copy(),
        mean_probability=found["mean"].copy(),
        max_probability=found["highest"].copy(),
        confirmed_abusive=found["abusive"].copy(),
        confirmed_benign=found["benign"].copy(),
    )
    return Shared(types, rows, tuple(found["cluster"].tolist()))
