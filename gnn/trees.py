"""Boosted trees over the account features: the half of the ensemble that does not extrapolate.

On logs of another making than the training worlds, features take values that a neural network has not seen and
answers wildly for; a tree treats them as the largest that it knows (Chen and Guestrin 2016; on fraud graphs trees over
neighbour aggregates are as good as graph networks, Tang et al. 2023).

More of some evidence never speaks for an account: the trees are held to that where it is so by reason (`direction`),
whatever a training world happened to show. On logs of another generator that raised average precision, at a small cost
on worlds of the training's own making.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xgboost

from gnn.features import FEATURES
from gnn.views import View

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_RISING_GROUPS = ("device_", "conversation_", "pair_")
_RISING_ENDS = ("_bad", "_burst_day", "_burst_week")
_RISING_BEST = ("payment_best", "mail_best", "phone_best", "referral_best", "key_best", "prompt_best", "own_best")


def direction(feature: str) -> int:
    """1 where more of a feature may only raise the odds of abuse, -1 where it may only lower them, else 0.

    Rising: neighbours known as abusive, ties by devices, by conversations and in sum, rare things shared, and bursts.
    Falling: neighbours known as innocent. Networks and organisations are left free: much of them is a campus.
    """
    if feature.endswith("_good"):
        return -1
    rising = feature.startswith(_RISING_GROUPS) or feature.endswith(_RISING_ENDS) or feature in _RISING_BEST
    return int(rising)


DEPTHS = (2, 3)
"""Tried beside the configured depth where few labels may not carry it."""


@dataclass(frozen=True)
class TreeConfig:
    """Boosted trees: how many, how deep, and how they learn. `stopping`: no more of them, and in folds no deeper, than
    is best for those who are held out, where few labels would else be learnt by heart."""

    trees: int = 150
    depth: int = 5
    learning_rate: float = 0.1
    subsample: float = 0.7
    columns: float = 0.5
    threads: int = 0
    seed: int = 0
    stopping: bool = False


def fit_trees(
    x: Floats,
    abusive: Bools,
    weight: Floats,
    config: TreeConfig,
    directions: Sequence[int] = (),
    held: Floats | None = None,
) -> xgboost.Booster:
    """Trees on features [N, F] with a weight for each account; `directions` [F] as `direction` gives them, or none.
    `held` [N] weighs those that say how many trees are best."""
    return _grown(x, abusive, weight, config, directions, held)[0]


def _grown(
    x: Floats, abusive: Bools, weight: Floats, config: TreeConfig, directions: Sequence[int], held: Floats | None
) -> tuple[xgboost.Booster, float]:
    """The trees, and their loss on those who are held out; 0 where nobody is."""
    parameters = {
        "objective": "binary:logistic",
        "max_depth": config.depth,
        "eta": config.learning_rate,
        "subsample": config.subsample,
        "colsample_bytree": config.columns,
        "nthread": config.threads,
        "seed": config.seed,
        "verbosity": 0,
        "monotone_constraints": tuple(directions),
    }
    if held is None or not held.any():
        return xgboost.train(parameters, _rows(x, abusive, weight), num_boost_round=config.trees), 0.0
    losses: dict[str, dict[str, list[float]]] = {}
    grown = xgboost.train(
        parameters,
        _rows(x, abusive, weight),
        num_boost_round=config.trees,
        evals=[(_rows(x, abusive, held), "held")],
        evals_result=losses,
        verbose_eval=False,
    )
    best = int(np.argmin(losses["held"]["logloss"]))
    return grown[: best + 1], losses["held"]["logloss"][best]


def _rows(x: Floats, abusive: Bools, weight: Floats) -> xgboost.DMatrix:
    """Those that count."""
    used = weight > 0
    return xgboost.DMatrix(x[used], label=abusive[used], weight=weight[used])


def score_trees(trees: xgboost.Booster, x: Floats) -> Floats:
    """Probability of each row, float32[N]."""
    return np.asarray(trees.inplace_predict(x), dtype=np.float32)


def tree_logits(trees: xgboost.Booster, x: Floats) -> Floats:
    """Log odds of each row, float32[N]."""
    return np.asarray(trees.inplace_predict(x, predict_type="margin"), dtype=np.float32)


def fit_folds(views: Sequence[View], folds: int, config: TreeConfig) -> tuple[xgboost.Booster, ...]:
    """One set of trees a fold, which saw no account of that fold in any view."""
    x = np.concatenate([view.graph.x.numpy() for view in views])
    abusive = np.concatenate([view.targets.abusive for view in views])
    weight = np.concatenate([view.weight for view in views])
    fold = np.concatenate([view.fold for view in views])
    directions = [direction(name) for name in FEATURES]
    directions += [0] * (x.shape[1] - len(directions))

    def of(k: int) -> xgboost.Booster:
        learnt, held = np.where(fold == k, 0.0, weight), np.where(fold == k, weight, 0.0)
        if not config.stopping:
            return fit_trees(x, abusive, learnt, config, directions)
        shallower = [replace(config, depth=depth) for depth in (*DEPTHS, config.depth)]
        grown = [_grown(x, abusive, learnt, one, directions, held) for one in shallower]
        return min(grown, key=lambda one: one[1])[0]

    return tuple(of(k) for k in range(folds))


def to_bytes(trees: Sequence[xgboost.Booster]) -> list[npt.NDArray[np.uint8]]:
    """The trees in XGBoost's own binary JSON, which holds numbers and nothing that can run."""
    return [np.frombuffer(bytes(one.save_raw("ubj")), np.uint8) for one in trees]


def from_bytes(raw: Sequence[npt.NDArray[np.uint8]]) -> tuple[xgboost.Booster, ...]:
    """What `to_bytes` made."""
    found = []
    for one in raw:
        booster = xgboost.Booster()
        booster.load_model(bytearray(one.tobytes()))
        found.append(booster)
    return tuple(found)
