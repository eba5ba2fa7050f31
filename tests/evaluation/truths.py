"""Truths of made-up accounts, for tests of what is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphsvc.evaluation.truth import Truth


def truth_of(
    abusive: Sequence[bool],
    *,
    ring: Sequence[int] | None = None,
    unit: Sequence[int] | None = None,
    person: Sequence[int] | None = None,
    kind: Sequence[str] | None = None,
    group: Sequence[str] | None = None,
    known: Sequence[bool] | None = None,
) -> Truth:
    """Units may carry the same numbers on both sides here; accounts stand for themselves where nothing is said."""
    n = len(abusive)
    rings = np.array(ring if ring is not None else [-1] * n, np.int64)
    units = np.array(unit if unit is not None else range(n), np.int64)
    sides = np.array(abusive, np.bool_)
    return Truth(
        abusive=sides,
        ring=rings,
        ring_names=tuple(f"ring-{number}" for number in range(int(rings.max(initial=-1)) + 1)),
        unit=np.where(sides, units, units + 1_000),
        person=np.array(person if person is not None else range(n), np.int64),
        kind=np.array(kind if kind is not None else [""] * n, np.str_),
        group=np.array(group if group is not None else ["all"] * n, np.str_),
        known=np.array(known if known is not None else [True] * n, np.bool_),
    )
