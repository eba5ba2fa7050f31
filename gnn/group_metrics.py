"""How a model fares by group on operators that it held out: each innocent kind and each abusive one, with intervals.

Intervals are drawn over clusters and single accounts, never over the accounts of one cluster (Field and Welsh 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.evaluate import wilson
from gnn.groups import KINDS
from gnn.labels import BENIGN, Verdicts
from gnn.membership import FLAGGED

DRAWS = 100
SEED = 20_260_101
TAILS = (0.025, 0.975)
NAMES = (*KINDS, "benign, no kind given", "unlabelled")
NO_KIND, UNLABELLED = len(KINDS), len(KINDS) + 1

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """N accounts as looks judged them: `group` int64[N], the ordinal of its name in NAMES, -1 for none; `unit`
    int64[N], what is drawn together; `abusive` bool[N]; probabilities float32[N] of the account and of its cluster (0
    in none)."""

    group: Longs
    unit: Longs
    abusive: Bools
    account: Floats
    cluster: Floats

    @staticmethod
    def together(parts: Sequence[Judged]) -> Judged:
        """All rows, one part after another."""
        columns = zip(*((p.group, p.unit, p.abusive, p.account, p.cluster) for p in parts), strict=True)
        return Judged(*(np.concatenate(column) for column in columns))


def groups_of(verdicts: Verdicts, labelled: Bools) -> Longs:
    """int64[N]: by the kind that was decided; `labelled` bool[N] tells who has a label, be it by their cluster."""
    plain = np.where(verdicts.verdict == BENIGN, NO_KIND, np.where(labelled, -1, UNLABELLED))
    return np.where(verdicts.kind >= 0, verdicts.kind, plain).astype(np.int64)


def by_group(judged: Judged) -> dict[str, dict[str, float]]:
    """For each group `accused`, the share of its accounts that are called abusive or lie in a cluster that is, with
    `low` and `high` of its 95 % interval, over so many `units`."""
    accused = np.maximum(judged.account, judged.cluster) >= FLAGGED
    rows = {name: judged.group == number for number, name in enumerate(NAMES)}
    return {name: _share(accused[chosen], judged.unit[chosen]) for name, chosen in rows.items() if chosen.any()}


def _share(accused: Bools, unit: Longs) -> dict[str, float]:
    unit = np.unique(unit, return_inverse=True)[1]
    hits, sizes = np.bincount(unit, accused), np.bincount(unit)
    share, units = float(hits.sum() / sizes.sum()), len(sizes)
    low, high = wilson(share * units, units)
    if units > 1 and 0 < share < 1:
        dice = np.random.default_rng(SEED)
        picked = (dice.integers(units, size=units) for _ in range(DRAWS))
        low, high = np.quantile([hits[drawn].sum() / sizes[drawn].sum() for drawn in picked], TAILS)
    return {"units": units, "accused": round(share, 5), "low": round(float(low), 5), "high": round(float(high), 5)}


def precision_interval(judged: Judged) -> tuple[float, float]:
    """The 95 % interval of the average precision of accounts; 0 to 1 where nothing can be drawn."""
    order = np.argsort(-judged.account, kind="stable")
    truth, unit = judged.abusive[order], np.unique(judged.unit[order], return_inverse=True)[1]
    units = int(unit.max(initial=-1)) + 1
    dice, found = np.random.default_rng(SEED), []
    for _ in range(DRAWS if units > 1 else 0):
        times = np.bincount(dice.integers(units, size=units), minlength=units)[unit]
        hits, everybody = np.cumsum(times * truth), np.cumsum(times)
        if hits[-1]:
            found.append(float(np.sum(times * truth * hits / np.maximum(everybody, 1)) / hits[-1]))
    return tuple(np.quantile(found, TAILS).tolist()) if found else (0.0, 1.0)
