"""What a run keeps for evidence packs and of the past, by size: `python -m tests.bench.packs --accounts 1000000` prints
one JSON line a step.

The network is drawn as a view, without a log: a third of the accounts in clusters of 2 to 200, and one of a thousand,
that share devices, cards and addresses; ten links an account.

`--explanations` measures what packs say instead: see tests.bench.explanations.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.ids import stable_ids
from graphsvc.clusters.material import FACTS, material_of, read_material
from graphsvc.clusters.pack import pack_of
from graphsvc.clusters.results import Results, ResultsReader, Run, Verdicts, results_of, write_results
from graphsvc.jobs.detect import Before, with_past
from graphsvc.links.pairs import pairs
from graphsvc.links.view import LinkView
from graphsvc.links.weights import bits_of
from tests.bench.explanations import WORLDS, measure_explanations

START_MS = 1_750_000_000_000
DAY_MS = 86_400_000
LARGE = 1_000
TYPES = ("device", "instrument", "ip", "subnet", "mail_domain", "asn")
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--explanations", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[901, 902])
    parser.add_argument("--worlds", nargs="+", default=WORLDS)
    options = parser.parse_args()
    if options.explanations:
        measure_explanations(options.worlds, options.accounts, options.seeds)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.accounts)


def measure(folder: Path, accounts: int) -> None:
    """Two runs, a day apart; every hundredth account has left its cluster by the second."""
    rng = np.random.default_rng(7)
    clusters = drawn_clusters(rng, accounts)
    view = drawn_view(rng, clusters)
    found = step("pairs", accounts, lambda: pairs(view), len)
    left = np.where(np.arange(accounts) % 100 == 1, -1, clusters).astype(np.int32)
    path = folder / "results.sqlite"
    run(path, view, clusters, found, None)
    run(path, replace(view, as_of_ms=view.as_of_ms + DAY_MS), left, found, ResultsReader(path))
    reader = ResultsReader(path)
    place, ordinal = reader.material(str(reader.account("acct-00000000").cluster_id)) or (path, 0)
    print(json.dumps({"bytes of results": path.stat().st_size, "of material": size_of(place)}), flush=True)
    for turn in ("first", "again"):
        read_and_pack(turn, place, ordinal, accounts)


def run(path: Path, view: LinkView, clusters: np.ndarray, found: pa.Table, reader: ResultsReader | None) -> None:
    accounts = len(clusters)
    made = step("material", accounts, lambda: material_of(view, clusters, found), lambda it: len(it.pairs))
    results = step("results", accounts, lambda: drawn_results(view, clusters, found, reader), lambda _: accounts)
    whole = step("past", accounts, lambda: with_past(results, Before.of(reader), made), lambda it: len(it.past.history))
    step("write", accounts, lambda: write_results(path, whole), lambda _: accounts)


def read_and_pack(turn: str, place: Path, ordinal: int, accounts: int) -> None:
    one = step(f"read {turn}", accounts, lambda: read_material(place, ordinal), lambda it: len(it.members))
    step(f"pack {turn}", accounts, lambda: pack_of(one, accounts), lambda it: it.pairs)


def step(name: str, accounts: int, work: Callable[[], T], rows: Callable[[T], int]) -> T:
    started = time.perf_counter()
    result = work()
    seconds = round(time.perf_counter() - started, 3)
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    line = {"step": name, "accounts": accounts, "rows": rows(result), "seconds": seconds, "peak_gib": peak}
    print(json.dumps(line), flush=True)
    return result


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def drawn_clusters(rng: np.random.Generator, accounts: int) -> np.ndarray:
    """int32[N]: cluster 0 of LARGE accounts, then small ones, and two thirds of the accounts in none."""
    sizes = np.minimum(2 + rng.geometric(0.25, accounts) * rng.choice([1, 1, 1, 10], accounts), 200)
    sizes[0] = LARGE
    sizes = sizes[: np.searchsorted(np.cumsum(sizes), accounts // 3)]
    clusters = np.full(accounts, -1, np.int32)
    clusters[: sizes.sum()] = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return clusters


def drawn_view(rng: np.random.Generator, clusters: np.ndarray) -> LinkView:
    """A view whose clusters share a thing of each type in groups of at most 40 members; others share at random."""
    accounts = len(clusters)
    order = np.arange(accounts)
    within = order // 20 * 20 + rng.integers(0, 2, accounts) * 20
    parts = []
    for place, kind in enumerate(TYPES):
        own = np.where(
            (clusters >= 0) & (rng.random(accounts) < 0.8), clusters * 1_000_000 + within % 1_000_000, -order - 1
        )
        held = own if place < 3 else rng.integers(0, max(accounts // (20 * 4**place), 2), accounts)
        parts.append((kind, held))
    types, ids, account, identifier, offset = [], [], [], [], 0
    for kind, held in parts:
        names, code = np.unique(held, return_inverse=True)
        types += [kind] * len(names)
        ids.append(np.char.add(f"{kind}-", names.astype(str)))
        account.append(order)
        identifier.append(code + offset)
        offset += len(names)
    links = np.concatenate(account), np.concatenate(identifier)
    by = np.lexsort((links[1], links[0]))
    first = START_MS + rng.integers(0, 50, len(by)) * DAY_MS
    degree = np.bincount(links[1], minlength=offset).astype(np.int32)
    kinds = pa.chunked_array([pa.array(types)])
    facts = {name: rng.random(accounts, np.float32) * 10 for name in FACTS}
    times = {
        name: np.full(accounts, START_MS + day * DAY_MS)
        for name, day in (("created_ms", 0), ("first_ms", 0), ("last_ms", 50))
    }
    names = pa.array([f"acct-{row:08d}" for row in range(accounts)])
    return LinkView(
        as_of_ms=START_MS + 60 * DAY_MS,
        accounts=pa.table({"account_id": names, **times, **facts}),
        identifiers=pa.table(
            {
                "type": kinds,
                "id": np.concatenate(ids),
                "degree": degree,
                "bits": bits_of(kinds, degree, accounts),
                "first_ms": np.full(offset, START_MS),
            }
        ),
        links=pa.table(
            {
                "account": links[0][by].astype(np.int32),
                "identifier": links[1][by].astype(np.int32),
                "first_ms": first,
                "last_ms": first + DAY_MS,
                "count": np.ones(len(by), np.int32),
            }
        ),
        peers=PEERS.empty_table(),
    )


PEERS = pa.schema(
    [
        ("source", pa.int32()),
        ("target", pa.int32()),
        ("type", pa.string()),
        ("weight", pa.float32()),
        ("first_ms", pa.int64()),
    ]
)


def drawn_results(view: LinkView, clusters: np.ndarray, found: pa.Table, reader: ResultsReader | None) -> Results:
    ids = stable_ids(reader, view.accounts["account_id"].to_pylist(), clusters, view.as_of_ms)
    share = np.full(len(ids), 0.5, np.float32)
    verdicts = Verdicts(np.zeros(len(clusters), np.float32), share, share, share, ["other_abuse"] * len(ids))
    evidence = cluster_evidence(view, clusters, found)
    run, nobody = Run(view.as_of_ms, 0, "none", 0), np.zeros(len(clusters), bool)
    return results_of(run, view, clusters, ids, verdicts, evidence, nobody)


if __name__ == "__main__":
    main()
