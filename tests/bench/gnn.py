"""The model at size: `python -m tests.bench.gnn --accounts 100000 [--train] [--steps 60]`.

A made-up network: rings and offices that share identifiers, hubs, and strangers; ten links an account. One JSON line a
case, with seconds and the process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gnn.adapt import adapt
from gnn.dataset import build
from gnn.ensemble import Model
from gnn.features import FEATURES, compute, sources
from gnn.groups import GROUP_OF_TYPE, group_index
from gnn.head import SharedRows, head_features
from gnn.labels import known
from gnn.network import FACTS, LABEL_SCHEMA, PAIR_SCHEMA, PEER_SCHEMA, Network
from gnn.predict import predict
from gnn.registry import SHIPPED, load
from gnn.train import Example, TrainConfig, train

DAY_MS = 86_400_000
NOW_MS = 1_780_000_000_000
TYPES = tuple(GROUP_OF_TYPE)
LINKS_AN_ACCOUNT = 10
RING_SIZE = 12
RING_SHARE = 0.1

Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--train", action="store_true", help="train at this size too, not only predict")
    parser.add_argument("--steps", type=int, default=240)
    asked = parser.parse_args()
    small = make_example(4_000, seed=1)
    config = TrainConfig(device="cpu")
    model = _case("train", 4_000, lambda: train([small], TrainConfig(device="cpu", steps=60), _quiet))
    example = make_example(asked.accounts, seed=2)
    given = sources(example.network, known(example.network))
    _case("features", asked.accounts, lambda: compute(given))
    _case("graph", asked.accounts, lambda: build(example.network, known(example.network)))
    _case("predict", asked.accounts, lambda: predict(model, example.network))
    few = replace(
        example, outcomes=example.outcomes.take(np.random.default_rng(0).permutation(len(example.outcomes))[:200])
    )
    _case("adapt", asked.accounts, lambda: adapt(load(SHIPPED), few, 0, _quiet))
    _head(model)
    if asked.train:
        config = TrainConfig(device="cpu", steps=asked.steps)
        _case("train", asked.accounts, lambda: train([example], config, _quiet))


def _case(name: str, accounts: int, work: Callable[[], Result]) -> Result:
    started = time.perf_counter()
    result = work()
    line = {
        "case": f"gnn/{name}",
        "accounts": accounts,
        "features": len(FEATURES),
        "seconds": round(time.perf_counter() - started, 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if isinstance(result, Model):
        line |= {"metrics": result.notes["metrics"]}
    print(json.dumps(line), flush=True)
    return result


def _head(model: Model, rounds: int = 5_000) -> None:
    count = 12
    rows = SharedRows(
        group=np.arange(count) % 11,
        bits=np.full(count, 8.0, np.float32),
        others=np.full(count, 5),
        mean_probability=np.full(count, 0.4, np.float32),
        max_probability=np.full(count, 0.9, np.float32),
        confirmed_abusive=np.ones(count, np.int64),
        confirmed_benign=np.zeros(count, np.int64),
    )
    taken = np.empty(rounds)
    for index in range(rounds):
        started = time.perf_counter()
        model.head.score(head_features(rows))
        taken[index] = (time.perf_counter() - started) * 1e6
    p50, p99 = np.percentile(taken, [50, 99])
    print(json.dumps({"case": "gnn/head", "identifiers": count, "p50_us": round(p50, 1), "p99_us": round(p99, 1)}))


def make_example(accounts: int, seed: int) -> Example:
    """Every account has ten identifiers; members of rings draw half of theirs from a few of the ring's own."""
    random = np.random.default_rng(seed)
    ring = np.where(np.arange(accounts) < accounts * RING_SHARE, np.arange(accounts) // RING_SIZE, -1)
    account = np.repeat(np.arange(accounts), LINKS_AN_ACCOUNT)
    kind = random.integers(len(TYPES), size=len(account))
    name = random.integers(10 * accounts, size=len(account))
    hub = random.random(len(account)) < 0.2
    name[hub] = random.integers(max(accounts // 1_000, 1), size=int(hub.sum()))
    shared = (ring[account] >= 0) & (random.random(len(account)) < 0.5)
    name[shared] = 10 * accounts + ring[account[shared]] * 2 + random.integers(2, size=int(shared.sum()))
    keys, identifier = np.unique(np.stack([kind, name]), axis=1, return_inverse=True)
    rows = np.unique(np.stack([account, identifier.reshape(-1)]), axis=1)
    start = NOW_MS - (random.integers(90, size=accounts) + 1) * DAY_MS
    start[ring >= 0] = (NOW_MS - 60 * DAY_MS) + (ring[ring >= 0] % 50) * DAY_MS
    pairs, clusters = _pairs(ring)
    network = Network(
        as_of_ms=NOW_MS,
        accounts=_accounts(random, start, ring >= 0),
        identifiers=_identifiers(keys[0], np.bincount(rows[1], minlength=keys.shape[1]), accounts),
        links=pa.table(
            {
                "account": pa.array(rows[0], pa.int32()),
                "identifier": pa.array(rows[1], pa.int32()),
                "first_ms": pa.array(start[rows[0]], pa.int64()),
                "last_ms": pa.array(start[rows[0]] + DAY_MS, pa.int64()),
                "count": pa.array(np.ones(rows.shape[1]), pa.int32()),
            }
        ),
        peers=PEER_SCHEMA.empty_table(),
        pairs=pairs,
        clusters=clusters,
    )
    return Example(network, _outcomes(ring))


def _identifiers(kind: np.ndarray, degree: np.ndarray, accounts: int) -> pa.Table:
    bits = np.where(degree > 100, 0.0, np.log2(accounts / degree))
    return pa.table(
        {
            "type": pa.array([TYPES[code] for code in kind], pa.string()),
            "id": pa.array([str(row) for row in range(len(kind))], pa.string()),
            "degree": pa.array(degree, pa.int32()),
            "bits": pa.array(bits, pa.float32()),
            "first_ms": pa.array(np.full(len(kind), NOW_MS), pa.int64()),
        }
    )


def _accounts(random: np.random.Generator, start: np.ndarray, bad: np.ndarray) -> pa.Table:
    columns = {
        "account_id": pa.array([f"a{row}" for row in range(len(start))], pa.string()),
        "created_ms": pa.array(start, pa.int64()),
        "first_ms": pa.array(start, pa.int64()),
        "last_ms": pa.array(start + DAY_MS, pa.int64()),
    }
    for name in FACTS:
        values = random.random(len(start)) if name not in ("banned", "warned") else np.zeros(len(start))
        columns[name] = pa.array(values + 0.2 * bad * (name == "requests"), pa.float32())
    return pa.table(columns)


def _pairs(ring: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    members = np.flatnonzero(ring >= 0)
    a, b = np.triu_indices(RING_SIZE, 1)
    bases = np.arange(len(members) // RING_SIZE) * RING_SIZE
    a, b = (bases[:, None] + a).reshape(-1), (bases[:, None] + b).reshape(-1)
    bits = np.full(len(a), 12.0)
    mask = np.full(len(a), 1 << group_index("device") | 1 << group_index("ip"))
    _, component = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(len(ring),) * 2), directed=False)
    size = np.bincount(component)
    number = np.where(size > 1, np.cumsum(size > 1) - 1, -1)
    return pa.table({"a": a, "b": b, "bits": bits, "groups": mask}).cast(PAIR_SCHEMA), number[component].astype(
        np.int32
    )


def _outcomes(ring: np.ndarray) -> pa.Table:
    rows = np.arange(len(ring))
    bad = ring >= 0
    return pa.table(
        {
            "account": rows,
            "verdict": np.where(bad, "abusive", "benign"),
            "kind": np.where(bad, "distillation", "other_benign"),
            "operator_id": [f"op{name}" if name >= 0 else None for name in ring],
            "decided_ms": np.full(len(ring), NOW_MS + DAY_MS),
            "source": np.full(len(ring), "simulator"),
            "confidence": np.ones(len(ring)),
        }
    ).cast(LABEL_SCHEMA)


def _quiet(text: str, share: float) -> None:
    """No progress shown."""


if __name__ == "__main__":
    main()
