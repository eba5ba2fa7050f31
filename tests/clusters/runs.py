"""Runs of detection over a small world whose clusters are given by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from graphsvc.clusters.campaigns import LINKS
from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.ids import campaign_ids, stable_ids
from graphsvc.clusters.material import material_of
from graphsvc.clusters.results import Campaigns, ResultsReader, Run, Verdicts, results_of, write_results
from graphsvc.jobs.detect import Before, with_past
from graphsvc.links.pairs import pairs
from tests.links.worlds import sharing, view

ONE, TWO, PAIR, NEAR = [f"a{n}" for n in range(6)], [f"b{n}" for n in range(4)], ["c0", "c1"], ["d0", "d1"]
GROUPS = {
    ("device", "d1"): ONE,
    ("device", "d2"): TWO,
    ("ip", "i"): PAIR,
    ("phone", "p"): NEAR,
    ("bin", "rare"): [*ONE, *TWO],
}
BEFORE = {**dict.fromkeys(ONE, 0), **dict.fromkeys(TWO, 1), **dict.fromkeys(PAIR, 2), **dict.fromkeys(NEAR, 3)}
AFTER = {**dict.fromkeys([*ONE, *TWO], 0), **dict.fromkeys(NEAR, 1)}


def find(
    path: Path, folder: Path, members: dict[str, int], at_ms: int, previous: ResultsReader | None, without: str = ""
) -> None:
    """Writes results with these clusters; three of them are of one campaign. `without` names an account
    that is unknown."""
    records = [record for record in sharing(GROUPS) if record.account_id != without]
    seen = view(folder, records, at_ms)
    names = seen.accounts["account_id"].to_pylist()
    clusters = np.array([members.get(name, -1) for name in names], np.int32)
    found, count = pairs(seen), int(clusters.max()) + 1
    share = np.full(count, 0.9, np.float32)
    verdicts = Verdicts(np.full(len(names), 0.8, np.float32), share, share, share, ["trial_farm"] * count)
    campaign = np.array([0, 0, -1, 0] if count > 2 else [0, 0], np.int32)
    links = pa.Table.from_pylist([{"a": 0, "b": count - 1, "bits": 7.5, "reason": "The same <card> issuer."}], LINKS)
    results = results_of(
        Run(at_ms, 1, "m", at_ms),
        seen,
        clusters,
        stable_ids(previous, names, clusters, at_ms),
        verdicts,
        cluster_evidence(seen, clusters, found),
        np.zeros(len(names), np.bool_),
        strengths=np.linspace(0, 1, len(names), dtype=np.float32),
        campaigns=Campaigns(campaign_ids(previous, names, clusters, campaign, at_ms), links),
    )
    write_results(path, with_past(results, Before.of(previous), material_of(seen, clusters, found)))
