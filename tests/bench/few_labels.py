"""The shipped model adapted to few labels of logs: `python -m tests.bench.few_labels LOG... [--labels 20,50,200]`.

Each LOG is a folder with events.ndjson and truth.csv, as `graphsvc simulate` and `tests.bench.other_log` write it. Labels
are drawn by the truth as reviewers come by them; what is judged has none in its cluster or ring. One JSON line a log,
number of labels and draw: average precision, innocents accused and calibration error, before and after.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.adapt import adapt
from gnn.ensemble import Model
from gnn.evaluate import average_precision, calibration_error
from gnn.network import LABEL_SCHEMA, Network
from gnn.predict import predict
from gnn.registry import SHIPPED, load
from gnn.targets import Example
from graphsvc.config import load_settings
from graphsvc.evaluation.truth import Truth, read_truth_file
from graphsvc.jobs.ingest import ingest_events
from graphsvc.jobs.observe import latest_ms, observe, quiet, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

BY_SUSPICION, AT_RANDOM = 0.6, 0.85
OF_A_CLUSTER = 8
ERRORS = 0.03
Bools = npt.NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--labels", default="20,50,200")
    parser.add_argument("--draws", type=int, default=2)
    asked = parser.parse_args()
    model = load(SHIPPED)
    for log in asked.logs:
        network, truth = read(log)
        suspicion = predict(model, network).cluster_probability[: network.cluster_count]
        for count in map(int, asked.labels.split(",")):
            for draw in range(asked.draws):
                random = np.random.default_rng(100 * draw + count)
                told = replace(network, labels=reviewed(network, truth, suspicion, count, random))
                print(json.dumps({"case": "few-labels", "log": log.name, "draw": draw} | judged(model, told, truth)))


def read(log: Path) -> tuple[Network, Truth]:
    """The network at the end of a log without labels, and the truth of its accounts."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data=Path(folder), neo4j_uri="off", token_key="ab" * 32)
        ingest_events(settings, str(log / "events.ndjson"))
        with closing(open_ledger(settings)) as ledger:
            tables = LinkTables(settings.places.links)
            sync_tables(tables, ledger, quiet)
            network = observe(tables, ledger, latest_ms(tables, ledger), quiet).network
    return network, read_truth_file(log / "truth.csv").of(network.accounts["account_id"].to_pylist())


def reviewed(
    network: Network, truth: Truth, suspicion: npt.NDArray[np.float32], count: int, random: np.random.Generator
) -> pa.Table:
    """So many labels: of clusters by how suspect they are, of clusters at random, and of accounts in none."""
    verdicts: dict[int, bool] = {}
    weight = suspicion.astype(np.float64) + 0.02
    open_ = np.ones(network.cluster_count, dtype=np.bool_)
    while len(verdicts) < count and open_.any():
        luck = random.random()
        if luck >= AT_RANDOM:
            row = int(random.integers(network.account_count))
            verdicts |= {row: bool(truth.abusive[row])} if network.clusters[row] < 0 else {}
            continue
        chance = np.where(open_, weight if luck < BY_SUSPICION else 1.0, 0.0)
        cluster = int(random.choice(len(chance), p=chance / chance.sum()))
        open_[cluster] = False
        members = random.permutation(np.flatnonzero(network.clusters == cluster))[:OF_A_CLUSTER]
        bad = bool(truth.abusive[members].mean() >= 0.5)
        wrong = bool(random.random() < ERRORS)
        verdicts |= {int(one): bad != wrong for one in members if truth.abusive[one] == bad}
    names = {True: "abusive", False: "benign"}
    fixed = {"decided_ms": network.as_of_ms - 1, "source": "review", "confidence": 1.0}
    rows = [{"account": row, "verdict": names[bad], **fixed} for row, bad in list(verdicts.items())[:count]]
    return pa.Table.from_pylist(rows, LABEL_SCHEMA)


def judged(model: Model, network: Network, truth: Truth) -> dict[str, object]:
    """Figures of the model as it is and adapted."""
    found = adapt(model, Example(network, network.labels), 0, quiet)
    labelled = np.zeros(network.account_count, dtype=np.bool_)
    labelled[network.labels["account"].to_numpy()] = True
    clusters, rings = (np.unique(of[labelled]) for of in (network.clusters, truth.ring))
    near = labelled | np.isin(network.clusters, clusters[clusters >= 0]) | np.isin(truth.ring, rings[rings >= 0])
    before = figures(model, network, truth, labelled, near)
    after = figures(found.model or model, network, truth, labelled, near)
    said = {"labels": found.labels, "rings": found.rings, "kept": found.model is None}
    return said | {f"{name}_{when}": one[name] for when, one in (("before", before), ("after", after)) for name in one}


def figures(model: Model, network: Network, truth: Truth, labelled: Bools, near: Bools) -> dict[str, float | None]:
    said = predict(model, network)
    flagged = np.append(said.cluster_probability >= 0.5, False)[said.clusters] | (said.account_probability >= 0.5)
    rest, innocent = truth.known & ~near, truth.known & ~labelled & ~truth.abusive
    score, abusive = said.account_probability[rest], truth.abusive[rest]
    precision = average_precision(abusive, score) if abusive.sum() >= 3 else np.nan
    found = {"ap": precision, "accused": flagged[innocent].mean(), "ece": calibration_error(abusive, score)}
    return {name: round(float(value), 4) if np.isfinite(value) else None for name, value in found.items()}


if __name__ == "__main__":
    main()
