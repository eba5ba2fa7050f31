"""What is right among the verdicts on clusters, with and without those that are unknown: `python -m
tests.bench.verdicts`.

A small model learns one world of tests.gnn.test_suggest and judges others of the same making, and others in which
accounts share far more than it ever saw. One JSON line a case.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from gnn.drift import from_json, outside, watched, widened
from gnn.ensemble import Model
from gnn.predict import predict
from gnn.reference import names_of
from gnn.train import TrainConfig, train
from graphsvc.clusters.verdict import cluster_verdict
from tests.gnn.test_drift import crowded
from tests.gnn.test_suggest import alike_world
from tests.gnn.worlds import World, example_of, network_of

CONFIG = TrainConfig(hidden=24, folds=3, steps=80, device="cpu")
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Of C clusters: whether most members are abusive, whether the probability says so, and whether it is unknown."""

    truth: Bools
    called: Bools
    unknown: Bools


def judged(model: Model, world: World) -> Judged:
    """As detection does: with intervals that open where accounts are unlike those of training."""
    unlike: list[Bools] = []
    reference = from_json(model.notes["reference"])
    network = network_of(world)
    said = predict(model, network, lambda x: unlike.append(outside(reference, watched(names_of(()), x))))
    low, high = widened(said.cluster_low, said.cluster_high, unlike[0], said.clusters)
    inside = said.clusters >= 0
    size = np.bincount(said.clusters[inside], minlength=len(low))
    bad = np.bincount(said.clusters[inside], world.abusive[inside], minlength=len(low))
    verdicts = [cluster_verdict(*row) for row in zip(said.cluster_probability, low, high, strict=True)]
    return Judged(2 * bad > size, said.cluster_probability >= 0.5, np.array(verdicts) == "unknown")


def figures(found: Judged, kept: Bools) -> dict[str, float | None]:
    """Precision and recall of accusations among the clusters `kept` bool[C]; recall is of all rings."""
    accused = found.called & kept
    right = int((accused & found.truth).sum())
    return {
        "precision": round(right / int(accused.sum()), 4) if accused.any() else None,
        "recall": round(right / max(int(found.truth.sum()), 1), 4),
        "innocents_accused": round(int((accused & ~found.truth).sum()) / max(int((~found.truth).sum()), 1), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=6)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model = train([example_of(alike_world(0), known_share=0.3)], CONFIG, lambda text, share: None)
    for case, made in (("same making", lambda world: world), ("other behaviour", crowded)):
        parts = [judged(model, made(alike_world(20 + seed))) for seed in range(asked.worlds)]
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("truth", "called", "unknown"))
        found = Judged(*columns)
        facts = {"clusters": len(found.truth), "unknown": round(float(found.unknown.mean()), 4)}
        all_, known = figures(found, np.ones_like(found.truth)), figures(found, ~found.unknown)
        print(json.dumps({"case": "verdicts", "world": case, **facts, "all": all_, "without_unknown": known}))


if __name__ == "__main__":
    main()
