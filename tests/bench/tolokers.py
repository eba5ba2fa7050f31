"""Tolokers through the gnn package: `python -m tests.bench.tolokers --data tolokers.npz [--splits 10]
[--network-splits 3]`; each split has its official training, validation and test parts."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn.tolokers import Recipe, Score, Tolokers, learn, read, score, trees


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--network-splits", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    data, recipe = read(asked.data), Recipe()
    network = min(asked.splits, asked.network_splits)
    _case("trees", data, asked.splits, lambda split: trees(data, split, asked.seed))
    _case("gnn", data, network, lambda split: learn(data, split, recipe, asked.seed, lambda text, share: None))


def _case(name: str, data: Tolokers, splits: int, learner: Callable[[int], npt.NDArray[np.float32]]) -> None:
    started = time.perf_counter()
    scores: list[Score] = [score(data, split, learner(split)) for split in range(splits)]
    aurocs, precisions = [one.auroc for one in scores], [one.average_precision for one in scores]
    line = {
        "case": f"tolokers/{name}",
        "splits": splits,
        "auroc_mean": round(float(np.mean(aurocs)), 4),
        "auroc_std": round(float(np.std(aurocs)), 4),
        "average_precision_mean": round(float(np.mean(precisions)), 4),
        "average_precision_std": round(float(np.std(precisions)), 4),
        "aurocs": [round(one, 4) for one in aurocs],
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
