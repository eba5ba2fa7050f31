"""Does a world give itself away? How well each trait of single accounts tells operators from innocents by itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct
from scipy.stats import rankdata

from graphsvc.simulate.traits import Floats, traits

BOUND = 0.80
"""No trait of one account may tell operators from innocents better than this, by AUROC in either direction."""
TREE_DEPTH, TREE_LEAF, TREE_FOLDS, TREE_ACCOUNTS = 4, 20, 5, 100_000
Bools = npt.NDArray[np.bool_]


class Trait(Struct, frozen=True):
    """A trait of single accounts. `auroc`: chance that an operator's account has more of it than an innocent's, ties
    half; the means are of the two sides."""

    name: str
    auroc: float
    abusive_mean: float
    innocent_mean: float

    @property
    def tells(self) -> float:
        """AUROC in whichever direction is better."""
        return max(self.auroc, 1 - self.auroc)


class Audit(Struct, frozen=True):
    """`traits`: the most telling first. `tree`: AUROC of a shallow tree over all of them, on operators and innocents it
    has not seen; None where there are few operators, or scikit-learn is not installed. It is told, not bounded."""

    traits: tuple[Trait, ...]
    tree: float | None
    bound: float = BOUND

    @property
    def giveaways(self) -> tuple[Trait, ...]:
        return tuple(trait for trait in self.traits if trait.tells > self.bound)


def audit(events: Path, truth: pa.Table, report: Callable[[str, float], None]) -> Audit:
    """Audits a world by its event log and the truth that its making left in memory; no file of truth is read.

    `truth` has a row an account: account_id, abusive, and the columns that say what belongs together. A world without
    operators, or with nobody else, has nothing that could be told apart: no traits.
    """
    abusive: Bools = np.asarray(truth["abusive"].to_pylist(), bool)
    if abusive.all() or not abusive.any():
        return Audit((), None)
    names, kept, found = [], [], []
    sample = np.random.default_rng(0).permutation(abusive.size)[:TREE_ACCOUNTS]
    report("audit: reading the events", 0.0)
    with TemporaryDirectory(prefix=".audit-", dir=events.parent) as folder:
        for name, values in traits(events, truth["account_id"].combine_chunks(), Path(folder)):
            found.append(_trait(name, values, abusive))
            names.append(name)
            kept.append(values[sample].astype(np.float32))
            report(f"audit: {name}", min(0.95, len(found) / 200))
    tree = _tree(np.column_stack(kept), abusive[sample], _units(truth)[sample])
    return Audit(tuple(sorted(found, key=lambda trait: (-trait.tells, trait.name))), tree)


def auroc(values: Floats, abusive: Bools) -> float:
    """Area under the ROC curve, by ranks (Mann and Whitney 1947); ties count half."""
    positives = int(abusive.sum())
    pairs = positives * (abusive.size - positives)
    return float((rankdata(values)[abusive].sum() - positives * (positives + 1) / 2) / pairs)


def _trait(name: str, values: Floats, abusive: Bools) -> Trait:
    return Trait(name, auroc(values, abusive), float(values[abusive].mean()), float(values[~abusive].mean()))


def _units(truth: pa.Table) -> npt.NDArray[np.int64]:
    """A number for each operator, and for each account of the innocents."""
    names = np.asarray([operator or name for operator, name in zip(
        truth["operator"].to_pylist(), truth["account_id"].to_pylist(), strict=True)])  # fmt: skip
    return np.unique(names, return_inverse=True)[1]


def _tree(table: npt.NDArray[np.float32], abusive: Bools, units: npt.NDArray[np.int64]) -> float | None:
    """Out-of-fold AUROC of a tree; no operator lies on both sides of a fold."""
    if find_spec("sklearn") is None or np.unique(units[abusive]).size < TREE_FOLDS:
        return None
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=TREE_DEPTH, min_samples_leaf=TREE_LEAF, random_state=0)
    folds = StratifiedGroupKFold(TREE_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(tree, table, abusive, groups=units, cv=folds, method="predict_proba")
    return auroc(scores[:, 1], abusive)
