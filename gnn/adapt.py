"""A trained model adapted to a few labels of a deployment's own: calibration, and a correction over its features.

Each label is judged by what the model says with the labels of its fold hidden, folds being whole rings, clusters and
organisations. The strength of the correction is what does best out of fold; to leave the model as it is, is among the
choices. Held against this, on logs of other makings, were a correction over embeddings, more boosted trees, and a few
more steps of the networks: see FIGURES.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn.attributes import with_attributes
from gnn.calibrate import Interval, Platt, sigmoid
from gnn.code import code_version
from gnn.correction import Correction
from gnn.dataset import build, relabelled
from gnn.drift import ACCOUNT_SCORE, CLUSTER_SCORE, profile, to_json, watched
from gnn.ensemble import Model, run
from gnn.evaluate import auroc, average_precision, calibration_error
from gnn.labels import ABUSIVE, BENIGN, UNLABELLED, known
from gnn.network import column
from gnn.reference import names_of
from gnn.targets import Example, Targets, blocks_and_folds, outcomes_of, targets_of

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]
Progress = Callable[[str, float], None]

FOLDS = 5
STRENGTHS = (1e9, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3)
"""How strongly the correction is drawn to zero. The first is calibration alone."""
PRIOR = (100.0, 20.0)
"""How strongly slope and shift are drawn to those in use, in labels: who is reviewed is no fair sample of all."""
UNLABELLED_WEIGHT = 0.1
"""An unlabelled account that nothing ties to abuse beside a labelled one, as in training."""
UNLABELLED_MOST = 400.0
"""What all of those weigh together at most: what they did on the logs of 4,000 accounts where the rest was chosen. In
a larger population they would drown the labels."""
ROWS_MAX = 20_000
"""More unlabelled accounts than this teach so few weights nothing more; they are drawn blindly."""
REVIEW_ERRORS = 0.03
"""Of what people dismiss, about so much is abusive after all."""
_STEPS = 30
_SLOPE_LEAST = 0.1
"""What the model says is never turned round."""
_OF_THE_FORMER = ("groups", "intervals", "network_alone")
"""What was measured of the model that it was made from and does not hold of this one."""


@dataclass(frozen=True)
class Adapted:
    """`model` adapted, or None where nothing did better than the one in use. Of what was held out: the log loss of the
    one in use and of the best choice, `labels` in all, `abusive` among them, and `rings` that these lie in."""

    model: Model | None
    before: float
    after: float
    labels: int
    abusive: int
    rings: int


@dataclass(frozen=True)
class _Rows:
    """What is learnt from, M rows: `columns` float64[M, 2 + F] (calibrated log odds, 1, standardised features), truth,
    weight, fold, and the block of each account that a person called innocent, -1 of others."""

    columns: Doubles
    abusive: Bools
    weight: Doubles
    fold: Longs
    cleared: Longs

    def loss(self, said: Doubles) -> float:
        """The mean log loss of log odds float64[M]."""
        surprise = np.logaddexp(0.0, np.where(self.abusive, -said, said))
        return float((self.weight * surprise).sum() / self.weight.sum())

    def choice(self, strength: float | None, said: Doubles) -> _Choice:
        accused = self.cleared[(self.cleared >= 0) & (said >= 0.0)]
        return _Choice(strength, said, self.loss(said), len(np.unique(accused)))

    @property
    def errors(self) -> int:
        """So many blocks that a person called innocent may newly be accused: as many as reviewers err on."""
        return int(REVIEW_ERRORS * len(np.unique(self.cleared[self.cleared >= 0])))


@dataclass(frozen=True)
class _Choice:
    """A strength, None for the model as it is; what it says of held-out rows, as log odds float64[M], the loss of that,
    and in how many blocks it accuses somebody whom a person called innocent."""

    strength: float | None
    said: Doubles
    loss: float
    accused: int


def rings_of(example: Example) -> int:
    """In how many blocks, of those that are held out whole, abusive labels lie."""
    ((block, _),) = blocks_and_folds([example], FOLDS, 0)
    return len(np.unique(block[outcomes_of(example).verdict == ABUSIVE]))


def adapt(model: Model, example: Example, seed: int, progress: Progress, since_ms: int = 0) -> Adapted:
    """The model, itself not yet adapted, adapted to what was decided of the accounts of one look; of blocks of which
    something was decided by `since_ms` nothing is learnt, as the model may have seen that. The same input gives the
    same model. `progress` is told what is being done and how far it is."""
    example = replace(example, network=with_attributes(example.network, model.attributes))
    verdicts = outcomes_of(example)
    ((block, fold),) = blocks_and_folds([example], FOLDS, seed)
    fresh = ~np.isin(block, block[_decided_by(example, since_ms)])
    labelled, abusive = verdicts.verdict != UNLABELLED, verdicts.verdict == ABUSIVE
    x, logit, nothing = _held_out(model, example, fold, progress)
    targets = targets_of(example, verdicts)
    drawn = _drawn(targets, fresh, seed)
    rows = _Rows(
        columns=np.column_stack([model.account.logit(logit[drawn]), np.ones(len(drawn)), nothing.spread(x[drawn])]),
        abusive=targets.abusive[drawn],
        weight=_weights(targets, block, drawn, model.account.probability(logit[drawn])),
        fold=fold[drawn],
        cleared=np.where(verdicts.verdict == BENIGN, block, -1)[drawn],
    )
    progress("choosing what does best on what was held out", 0.8)
    as_it_is = rows.choice(None, rows.columns[:, 0])
    learnt = labelled & fresh
    # Innocents alone say how much is too much, and nothing of what abuse looks like here.
    strengths = STRENGTHS if (learnt & abusive).any() else STRENGTHS[:1]
    choices = [as_it_is, *(rows.choice(one, _out_of_fold(rows, one)) for one in strengths)]
    fair = [one for one in choices if one.accused <= as_it_is.accused + rows.errors]
    best = min(fair, key=lambda one: one.loss)
    found = Adapted(
        model=None,
        before=round(as_it_is.loss, 6),
        after=round(best.loss, 6),
        labels=int(learnt.sum()),
        abusive=int((learnt & abusive).sum()),
        rings=len(np.unique(block[learnt & abusive])),
    )
    if best.strength is None:
        return found
    adapted = _adapted(model, _fit(rows, best.strength, np.ones(len(drawn), dtype=np.bool_)), nothing)
    progress("looking at the whole", 0.95)
    return replace(found, model=replace(adapted, notes=_notes(model, adapted, example, found, best, rows)))


def _decided_by(example: Example, at_ms: int) -> Bools:
    """bool[N]: accounts of which something was decided by then."""
    out = np.zeros(example.network.account_count, dtype=np.bool_)
    for table in (example.outcomes, example.network.labels):
        out[column(table, "account", np.int64)[column(table, "decided_ms", np.int64) <= at_ms]] = True
    return out


def _held_out(model: Model, example: Example, fold: Longs, progress: Progress) -> tuple[Floats, Floats, Correction]:
    """Features float32[N, F] and log odds float32[N] of each account with the labels of its fold hidden; and no
    correction, over features as they are spread with all labels in sight."""
    network = example.network
    progress("reading the network", 0.0)
    graph = build(network, known(network))
    nothing = Correction.nothing(graph.x.numpy())
    x, logit = np.zeros(graph.x.shape, dtype=np.float32), np.zeros(len(fold), dtype=np.float32)
    for number in range(FOLDS):
        progress(f"judging fold {number + 1} of {FOLDS}", 0.1 + 0.7 * number / FOLDS)
        mine = fold == number
        hidden = relabelled(graph, network, known(network, hidden=mine))
        logit[mine] = run(model.networks, model.trees, hidden).account_logit[mine]
        x[mine] = hidden.x.numpy()[mine]
    return x, logit, nothing


def _drawn(targets: Targets, fresh: Bools, seed: int) -> Longs:
    """Rows that are learnt from."""
    used = fresh & (targets.confidence > 0)
    labelled, others = np.flatnonzero(used & targets.labelled), np.flatnonzero(used & ~targets.labelled)
    if len(others) > ROWS_MAX:
        others = np.random.default_rng(seed).choice(others, ROWS_MAX, replace=False)
    return np.sort(np.concatenate([labelled, others]))


def _weights(targets: Targets, block: Longs, rows: Longs, said: Floats) -> Doubles:
    """float64[M]. Those of a block count as the root of their number: they are not independent. An unlabelled account
    counts as innocent as far as the model, by what is `said` float32[M] of it, does not think otherwise: of rings that
    nobody found yet is not to be learnt that they are none."""
    labelled = targets.labelled[rows]
    unlabelled = min(UNLABELLED_WEIGHT, UNLABELLED_MOST / max(int((~labelled).sum()), 1))
    together = np.bincount(block[rows])[block[rows]]
    return np.asarray(targets.confidence[rows] * np.where(labelled, 1.0, unlabelled * (1.0 - said)) / np.sqrt(together))


def _out_of_fold(rows: _Rows, strength: float) -> Doubles:
    """float64[M]: log odds of each row by what the others' folds teach."""
    said = rows.columns[:, 0].copy()
    for fold in np.unique(rows.fold).tolist():
        held = rows.fold == fold
        said[held] = rows.columns[held] @ _fit(rows, strength, ~held)
    return np.asarray(said)


def _fit(rows: _Rows, strength: float, chosen: Bools) -> Doubles:
    """float64[2 + F]: logistic regression by Newton's method, drawn to the model as it is."""
    x, abusive, weight = rows.columns[chosen], rows.abusive[chosen], rows.weight[chosen]
    prior = np.concatenate([PRIOR, np.full(x.shape[1] - len(PRIOR), strength)])
    start = np.zeros(x.shape[1])
    start[0] = 1.0
    beta = start.copy()
    for _ in range(_STEPS):
        p = sigmoid(x @ beta)
        gradient = x.T @ (weight * (p - abusive)) + prior * (beta - start)
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(prior)
        step = np.linalg.solve(hessian, gradient)
        beta -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return np.asarray(np.append(max(float(beta[0]), _SLOPE_LEAST), beta[1:]))


def _adapted(model: Model, beta: Doubles, nothing: Correction) -> Model:
    """The model with slope, shift and weights float64[2 + F] over its calibrated log odds."""
    account, cluster = (
        Platt(float(beta[0]) * one.slope, float(beta[0]) * one.shift + float(beta[1]))
        for one in (model.account, model.cluster)
    )
    weight = beta[2:] / np.sqrt(max(nothing.used, 1)) / max(account.slope, 1e-3)
    low, high = (_moved(bound, beta) for bound in (model.interval.low, model.interval.high))
    correction = replace(nothing, weight=weight.astype(np.float32))
    return replace(
        model, account=account, cluster=cluster, interval=Interval(low, high), correction=correction, version=""
    )


def _moved(bound: Floats, beta: Doubles) -> Floats:
    """Bounds of probabilities float32[P] under the new calibration."""
    p = np.clip(bound.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(sigmoid(beta[0] * np.log(p / (1 - p)) + beta[1]), dtype=np.float32)


def _notes(
    model: Model, adapted: Model, example: Example, found: Adapted, best: _Choice, rows: _Rows
) -> dict[str, Any]:
    """What is noted of the model that it was made from, with what holds of the adapted one in place of that."""
    network = example.network
    graph = build(network, known(network))
    raw = run(adapted.networks, adapted.trees, graph, adapted.correction)
    scores = {
        ACCOUNT_SCORE: adapted.account.probability(raw.account_logit),
        CLUSTER_SCORE: adapted.cluster.probability(raw.cluster_logit),
    }
    kept = {name: value for name, value in model.notes.items() if name not in _OF_THE_FORMER}
    decided = [column(table, "decided_ms", np.int64) for table in (example.outcomes, network.labels)]
    return {
        **kept,
        "code": code_version(),
        "window": {
            "first_as_of_ms": network.as_of_ms,
            "last_as_of_ms": network.as_of_ms,
            "networks": 1,
            "accounts": network.account_count,
            "labels": found.labels,
            "labels_until_ms": max(int(one.max(initial=0)) for one in decided),
        },
        "metrics": _metrics(rows, best.said),
        "reference": to_json(profile(watched(names_of(model.attributes), graph.x.numpy()) | scores)),
        "adapted": {
            "from": model.version,
            "labels": found.labels,
            "abusive": found.abusive,
            "rings": found.rings,
            "strength": best.strength,
            "log_loss_before": found.before,
            "log_loss": found.after,
        },
    }


def _metrics(rows: _Rows, said: Doubles) -> dict[str, float]:
    """Of what was held out, an unlabelled account being as innocent as it counts."""
    found = {
        "account_average_precision": average_precision(rows.abusive, said),
        "account_auroc": auroc(rows.abusive, said),
        "account_calibration_error": calibration_error(rows.abusive, sigmoid(said)),
    }
    return {name: round(value, 4) for name, value in found.items() if np.isfinite(value)}
