"""One account's neighbourhood, three ways on the same events: the index of the risk service with its head, the same
question as a Cypher query on the embedded Neo4j, and a full PyG forward over its two hops.

`python -m tests.bench.look_up --size 10000` prints one JSON line a way. In the process itself, one question after the
other; the network is a drawn one of the given size (tests.bench.graph), smaller than that of tests.bench.risk.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from graphsvc.config import Settings, load_settings
from graphsvc.graph import embedded
from graphsvc.graph.connection import driver
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView
from graphsvc.risk.base import base_of
from graphsvc.risk.index import Index
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.reasons import reasons_of
from graphsvc.risk.score import load_scorer, network_probability, stranger
from tests.bench.graph import SEED, fill

TURNS = 2_000
HUB = 128
HIDDEN = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000, help="accounts")
    size = parser.parse_args().size
    with TemporaryDirectory(prefix="graphsvc-bench-") as folder:
        settings = load_settings(data=Path(folder), neo4j_uri=None)
        fill(settings, size)
        with closing(open_ledger(settings)) as ledger:
            tables = LinkTables(settings.places.links)
            tables.sync(ledger)
        view = tables.view(2**62)
        accounts = random.Random(SEED).choices(view.accounts["account_id"].to_pylist(), k=TURNS)
        measure("index and head", size, accounts, by_index(settings, view))
        measure("PyG forward over two hops", size, accounts, by_forward(view))
        try:
            with driver(embedded.ensure_running(settings)) as client:
                store = GraphStore(client)
                store.apply_schema()
                with closing(open_ledger(settings)) as ledger:
                    store.project(ledger)
                measure("Cypher on Neo4j", size, accounts, lambda one: store.query("account-neighbours", one))
        finally:
            embedded.stop(settings)


def measure(way: str, size: int, accounts: list[str], ask: Callable[[dict[str, str]], object]) -> None:
    for account in accounts[: TURNS // 4]:
        ask({"account_id": account})
    times_ms, before_s = [], time.process_time()
    for account in accounts:
        started_s = time.perf_counter()
        ask({"account_id": account})
        times_ms.append((time.perf_counter() - started_s) * 1000)
    cpu_ms = (time.process_time() - before_s) * 1000 / len(accounts)
    p50, p99 = (round(float(value), 3) for value in np.percentile(times_ms, [50, 99]))
    facts = {"case": "look_up", "way": way, "accounts": size, "p50_ms": p50, "p99_ms": p99}
    print(json.dumps(facts | {"cpu_ms_here": round(cpu_ms, 3)}), flush=True)


def by_index(settings: Settings, view: LinkView) -> Callable[[dict[str, str]], object]:
    scorer, _ = load_scorer(settings.places.active_model)
    index = Index(base_of(view, 0, None, LabelBook(), stranger(scorer)), LabelBook(), 0)

    def ask(one: dict[str, str]) -> object:
        look = index.look(index.key(one["account_id"]))
        return network_probability(look, scorer), reasons_of(look)

    return ask


def by_forward(view: LinkView) -> Callable[[dict[str, str]], object]:
    """Two rounds of mean aggregation over what lies within two hops, hubs left out; weights as they are drawn, since
    the time does not depend on them."""
    import torch
    from torch_geometric.nn import SAGEConv

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    first, second = SAGEConv(HIDDEN, HIDDEN), SAGEConv(HIDDEN, 1)
    count, things = len(view.accounts), len(view.identifiers)
    account, thing = view.links["account"].to_numpy(), view.links["identifier"].to_numpy()
    features = torch.randn(count + things, HIDDEN)
    row_of = {name: row for row, name in enumerate(view.accounts["account_id"].to_pylist())}
    degree = np.bincount(thing, minlength=things)
    by_thing = np.argsort(thing, kind="stable")
    thing_starts = np.concatenate([[0], np.cumsum(degree)])
    starts = np.concatenate([[0], np.cumsum(np.bincount(account, minlength=count))])

    def ask(one: dict[str, str]) -> object:
        row = row_of[one["account_id"]]
        mine = thing[starts[row] : starts[row + 1]]
        mine = mine[degree[mine] <= HUB]
        if not len(mine):
            return 0.0
        links = np.concatenate([by_thing[thing_starts[node] : thing_starts[node + 1]] for node in mine])
        places, edges = np.unique(np.stack([account[links], thing[links] + count]), return_inverse=True)
        pairs = torch.from_numpy(edges.reshape(2, -1))
        both = torch.cat([pairs, pairs.flip(0)], dim=1)
        with torch.no_grad():
            found = second(first(features[places], both).relu(), both)
        return float(found[int(np.searchsorted(places, row))])

    return ask


if __name__ == "__main__":
    main()
