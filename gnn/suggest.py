"""Which clusters to review next: those whose verdict would teach a model most.

A review teaches where the parts of a model disagree (the mutual information between a verdict and the model, BALD:
Houlsby et al. 2011), where the whole is near the line, where much hangs on the verdict, and where nothing alike is
being reviewed (a greedy cover of the embedding, as in core-set selection: Sener and Savarese 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gnn.cluster_stats import cluster_stats
from gnn.dataset import Graph
from gnn.ensemble import Model, Raw, abusive_logits, read_again, run
from gnn.judgement import cluster_means
from gnn.labels import known
from gnn.network import Network, column
from gnn.predict import Prediction, graph_of
from gnn.targets import Example, outcomes_of, targets_of

DOUBT_WEIGHT = 0.25
"""What being near the line is worth beside disagreement, bit for bit: a verdict that is a coin's toss to every part of
the model may be one that no evidence tells, but where all parts learnt the same few labels they also err together."""
CANDIDATES_MAX = 20_000
"""Distances are taken among the clusters of greatest value only, so that time and memory stay bounded."""
SLOPE_MIN = 0.5
"""A calibration on very few labels may find no order in what was held out, and would give every cluster the same
probability. What the parts say is then still worth comparing."""

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Suggestion:
    """A cluster to review: its ordinal in the prediction and what the parts of the model say of it, `low` to `high`.
    `disagreement_bits` is what a verdict tells of which part is right, `doubt_bits` how open the verdict is, `new` how
    unlike it is to what was decided or named before it, 0 to 1."""

    cluster: int
    size: int
    probability: float
    low: float
    high: float
    disagreement_bits: float
    doubt_bits: float
    new: float

    @property
    def value(self) -> float:
        """What a review is worth; only to be compared within one list."""
        return float(_worth(self.disagreement_bits, self.doubt_bits, self.size)) * self.new


@dataclass(frozen=True)
class Voices:
    """What each of V parts of a model, networks and trees, says of C clusters: `probability` float64[V, C], and where
    clusters lie, `place` float64[C, d], each column with spread 1."""

    probability: Floats
    place: Floats


def suggest(
    model: Model,
    network: Network,
    prediction: Prediction,
    count: int,
    campaign: Sequence[str | None] | None = None,
    decided: npt.NDArray[np.bool_] | None = None,
) -> list[Suggestion]:
    """Up to `count` of the prediction's clusters, the one that teaches most first. Clusters that labels settle, or that
    `decided` bool[C] names, are left out, and so is a second one of a `campaign`. Nothing is trained."""
    size = np.bincount(prediction.clusters[prediction.clusters >= 0], minlength=len(prediction.cluster_probability))
    settled = settled_by_labels(network, prediction.clusters)
    if decided is not None:
        settled = settled | decided
    voices = voices_of(model, network, prediction)
    mean = voices.probability.mean(axis=0)
    doubt = entropy_bits(mean)
    disagreement = doubt - entropy_bits(voices.probability).mean(axis=0)
    worth = np.where(settled | (size < 2), 0.0, _worth(disagreement, doubt, size))
    chosen = _spread(worth, voices.place, np.flatnonzero(settled & (size >= 2)), count, campaign)
    return [
        Suggestion(
            cluster=int(row),
            size=int(size[row]),
            probability=float(prediction.cluster_probability[row]),
            low=float(voices.probability[:, row].min()),
            high=float(voices.probability[:, row].max()),
            disagreement_bits=float(disagreement[row]),
            doubt_bits=float(doubt[row]),
            new=new,
        )
        for row, new in chosen
    ]


def settled_by_labels(network: Network, clusters: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """bool[C]: clusters of which training would know the verdict already. One abusive label among many members settles
    nothing: reviewers err, and accounts are stolen."""
    given = replace(network, clusters=clusters)
    example = Example(given, network.labels.slice(0, 0))
    targets = targets_of(example, outcomes_of(example))
    return targets.cluster_labelled & targets.cluster_clear


def voices_of(model: Model, network: Network, prediction: Prediction) -> Voices:
    """Each network and each set of trees by itself, on the clusters as they are shown."""
    graph = graph_of(model, network)
    raw = run(model.networks, model.trees, graph, model.correction)
    logits = np.concatenate([_networks(model, network, prediction, raw), _trees(prediction, raw)])
    told = replace(model.cluster, slope=max(model.cluster.slope, SLOPE_MIN))
    return Voices(told.probability(logits).astype(np.float64), _places(graph, prediction))


def entropy_bits(probability: Floats) -> Floats:
    """How open a yes or no of that probability is; 1 bit at one half."""
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


def _worth(disagreement: Floats | float, doubt: Floats | float, size: npt.NDArray[np.int64] | int) -> Floats:
    """Accounts count by their logarithm: the tenth of a kind teaches less than the first."""
    return np.asarray((disagreement + DOUBT_WEIGHT * np.asarray(doubt)) * np.log2(1.0 + np.asarray(size)))


def _networks(model: Model, network: Network, prediction: Prediction, raw: Raw) -> npt.NDArray[np.float32]:
    """float32[K, C] log odds of the networks without their trees."""
    ends = (column(network.pairs, side, np.int64) for side in ("a", "b"))
    pairs = sum(np.bincount(end, minlength=network.account_count) for end in ends)
    stats = cluster_stats(prediction.clusters, np.asarray(pairs), known(network))
    alone = replace(raw, trees=raw.trees[:0])
    return abusive_logits(read_again(model.networks, alone, prediction.clusters, stats))


def _trees(prediction: Prediction, raw: Raw) -> npt.NDArray[np.float32]:
    """float32[K, C] log odds of the trees, the mean of a cluster's members."""
    clusters, count = prediction.clusters[raw.inside], len(prediction.cluster_probability)
    found = [cluster_means(logits, clusters, count) for logits in raw.trees]
    return np.stack(found) if found else np.zeros((0, count), np.float32)


def _places(graph: Graph, prediction: Prediction) -> Floats:
    """float64[C, d]: the mean embedding of members."""
    count = len(prediction.cluster_probability)
    columns = [cluster_means(each, prediction.clusters, count) for each in prediction.account_embedding.T]
    place = np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((count, 0))
    return np.asarray(place / np.maximum(place.std(axis=0, keepdims=True), 1e-9))


def _spread(
    worth: Floats, place: Floats, decided: Longs, count: int, campaign: Sequence[str | None] | None
) -> list[tuple[int, float]]:
    """Rows, greedily by worth times novelty: distance to the nearest that is decided or chosen, as a share of the
    usual distance between two clusters."""
    rows = np.argsort(-worth, kind="stable")[:CANDIDATES_MAX]
    rows = rows[worth[rows] > 0]
    usual = _usual(place[rows])
    new = np.ones(len(rows))
    for row in decided:
        new = np.minimum(new, _distance(place[rows], place[row]) / usual)
    out: list[tuple[int, float]] = []
    open_ = np.ones(len(rows), dtype=np.bool_)
    named = np.array([None if campaign is None else campaign[row] for row in rows], dtype=object)
    while len(out) < count and (left := np.where(open_, worth[rows] * new, 0.0)).max(initial=0.0) > 0:
        best = int(left.argmax())
        out.append((int(rows[best]), float(new[best])))
        open_[best] = False
        if named[best] is not None:
            open_ &= named != named[best]
        new = np.minimum(new, _distance(place[rows], place[rows[best]]) / usual)
    return out


def _usual(place: Floats) -> float:
    """The distance from the middle at which half of them lie."""
    return max(float(np.median(_distance(place, place.mean(axis=0)))), 1e-9) if len(place) else 1.0


def _distance(place: Floats, other: Floats) -> Floats:
    return np.asarray(np.sqrt(((place - other) ** 2).sum(axis=1)))
