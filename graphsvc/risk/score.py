"""From what an account shares to a probability: by the model's head, or by a plain rule where there is no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gnn.errors import ModelError
from gnn.groups import MODEL_GROUPS, STRENGTH_CAP_BITS
from gnn.head import Head, SharedRows, batch_features
from graphsvc.risk.index import Look
from graphsvc.risk.judge import Weights, judge, moved, weights_of

Bools = npt.NDArray[np.bool_]

CONFIRMED_ABUSIVE = 0.99
CONFIRMED_BENIGN = 0.05
RULE_STRANGER = 0.02


class Scorer(Protocol):
    """Gives a probability of abuse from shared identifiers. `degraded` where it stands in for a missing model."""

    @property
    def version(self) -> str: ...

    @property
    def degraded(self) -> bool: ...

    @property
    def weights(self) -> Weights | None:
        """For compiled code; None where it is not the head that scores."""

    def score(self, *accounts: SharedRows) -> list[float]:
        """One probability an account."""

    def score_parts(self, rows: SharedRows, kept: Bools) -> list[float]:
        """One probability for each choice bool[choices, rows] of what one account shares."""


@dataclass(frozen=True)
class HeadScorer:
    """The head of a trained model (gnn.head)."""

    head: Head
    degraded: bool = False

    @cached_property
    def weights(self) -> Weights:
        return weights_of(self.head)

    @property
    def version(self) -> str:
        return self.head.version

    def score(self, *accounts: SharedRows) -> list[float]:
        return [judge(rows, self.weights) for rows in accounts]

    def score_parts(self, rows: SharedRows, kept: Bools) -> list[float]:
        owner, place = np.nonzero(kept)
        features = batch_features(_taken(rows, place), owner, len(kept))
        probabilities: list[float] = self.head.score(features).tolist()
        return probabilities


@dataclass(frozen=True)
class RuleScorer:
    """Without a model: each evidence group accuses by the strength of its best identifier times the risk of those who
    share it, and the groups are combined as independent causes (noisy or, Pearl 1988)."""

    version: str = "rule-1"
    degraded: bool = True
    weights: None = None

    def score(self, *accounts: SharedRows) -> list[float]:
        return [_rule(rows) for rows in accounts]

    def score_parts(self, rows: SharedRows, kept: Bools) -> list[float]:
        return [_rule(_taken(rows, np.flatnonzero(one))) for one in kept]


def load_scorer(folder: Path) -> tuple[Scorer, str]:
    """The head in `folder`; where there is none that can be used, the rule, and what is wrong."""
    try:
        return HeadScorer(Head.load(folder)), ""
    except (ModelError, OSError, KeyError) as error:
        return RuleScorer(), f"The model's head cannot be used ({type(error).__name__}); a plain rule scores instead."


def stranger(scorer: Scorer) -> float:
    """The probability of an account that shares nothing."""
    return scorer.score(SharedRows.empty())[0]


def network_probabilities(looks: Sequence[Look], scorer: Scorer) -> list[float]:
    """The probability of each account by its neighbourhood, its own label left aside.

    An account that no detection saw is the head's alone. One that a detection saw keeps its probability while nothing
    is new; what came since moves it by as much as it moves the head's own opinion (a likelihood ratio), and up only:
    the detection knew more than the head does, and new links must not be a way to wash an account clean.
    """
    scores = iter(scorer.score(*(rows for look in looks for rows in _asked(look))))
    out = []
    for look in looks:
        if look.detected is None:
            out.append(next(scores))
        elif not look.changed:
            out.append(look.detected)
        else:
            then, now = next(scores), next(scores)
            out.append(moved(look.detected, then, now))
    return out


def network_probability(look: Look, scorer: Scorer) -> float:
    """`network_probabilities` of one account."""
    return network_probabilities([look], scorer)[0]


def with_label(probability: float, look: Look) -> float:
    """What people decided of the account itself weighs more than its neighbourhood."""
    if look.standing.abusive:
        return max(probability, CONFIRMED_ABUSIVE)
    return min(probability, CONFIRMED_BENIGN) if look.standing.benign else probability


def _asked(look: Look) -> tuple[SharedRows, ...]:
    """What the head is asked of an account."""
    if look.detected is None:
        return (look.now.rows,)
    return (look.then.rows, look.now.rows) if look.changed else ()


def _rule(rows: SharedRows) -> float:
    strength = np.clip(rows.bits / STRENGTH_CAP_BITS, 0.0, 1.0)
    confirmed = rows.confirmed_abusive / np.maximum(rows.confirmed_abusive + rows.confirmed_benign + 1.0, 1.0)
    risk = np.zeros(len(MODEL_GROUPS))
    np.maximum.at(risk, rows.group, strength * np.maximum(rows.mean_probability, confirmed))
    return float(1.0 - (1.0 - RULE_STRANGER) * np.prod(1.0 - np.minimum(risk, 1.0)))


def _taken(rows: SharedRows, places: npt.NDArray[np.int64]) -> SharedRows:
    return SharedRows(*(getattr(rows, name)[places] for name in SharedRows.__dataclass_fields__))
