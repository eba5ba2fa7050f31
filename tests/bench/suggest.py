"""What reviews teach that are suggested, drawn at random, or of the largest clusters: `python -m tests.bench.suggest`.

Worlds of tests.gnn.test_suggest: rings, agencies that share as much, offices, households. Four clusters are decided,
eight more are reviewed, a small model is trained again and judges another world: average precision over its accounts.
One JSON line a seed, then one of the means.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch

from tests.gnn.test_suggest import PICKS, Pool, alike_world, precision


def measured(seed: int) -> dict[str, float]:
    """Average precision by way of choosing."""
    pool, held_out = Pool.of(seed), alike_world(seed + 1000)
    size = np.bincount(pool.network.clusters[pool.network.clusters >= 0])
    random = np.random.default_rng(seed)
    none = pool.model(set())
    ways = {
        "suggested": pool.suggested(none),
        "random": set(random.choice(pool.others, PICKS, replace=False).tolist()),
        "random_again": set(random.choice(pool.others, PICKS, replace=False).tolist()),
        "largest": set(pool.others[np.argsort(-size[pool.others], kind="stable")[:PICKS]].tolist()),
    }
    found = {name: precision(pool.model(picks), held_out) for name, picks in ways.items()}
    return {"none": precision(none, held_out), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    for seed in range(asked.seeds):
        found.append(measured(seed))
        print(
            json.dumps({"case": "suggest", "seed": seed} | {k: round(v, 4) for k, v in found[-1].items()}), flush=True
        )
    means = {name: round(float(np.mean([one[name] for one in found])), 4) for name in found[0]}
    print(json.dumps({"case": "suggest", "seeds": asked.seeds, **means}))


if __name__ == "__main__":
    main()
