"""Results of a hand-made world for the pages: a farm, a relay, a large distillation ring, innocents, hostile names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.find import find_clusters
from graphsvc.clusters.ids import stable_ids
from graphsvc.clusters.material import material_of
from graphsvc.clusters.results import ResultsReader, Run, Verdicts, results_of, write_results
from graphsvc.graph.picture import ClusterGraph, Edge, Node
from graphsvc.jobs.detect import Before, with_past
from graphsvc.links.pairs import pairs
from graphsvc.links.taken import MONDAY_MS, TAKEN, WEEK_MS
from graphsvc.links.view import LinkView
from tests.links.worlds import DAY_MS, START_MS, event, view

Bools = npt.NDArray[np.bool_]
Int32s = npt.NDArray[np.int32]
HOSTILE = "<script>alert('x')</script>\"&{{7*7}}"
FARM = [f"farm-{i:02d}" for i in range(16)]
RELAY = [f"relay-{i:02d}" for i in range(24)]
LARGE = [f"copy-{i:04d}" for i in range(1_000)]
OFFICE = [f"staff-{i}" for i in range(8)]
HOME = ["parent", "child", "guest"]
RUDE = [f"{HOSTILE}{i}" for i in range(5)]
CAMPUS = [f"student-{i:03d}" for i in range(260)]
SMALL = [[f"pair{n:02d}-{i}" for i in range(4)] for n in range(32)]
NETWORK = [*CAMPUS, *FARM[:9]]
SHARED: dict[tuple[str, str], list[str]] = {
    ("instrument", "hm1.4be1c0d2e77a90f5a1b2"): FARM[:12],
    ("device", "hm1.77e0a1b2c3d4e5f60718"): FARM[6:],
    ("referral_code", "WELCOME50"): FARM[2:11],
    ("ip", "131.107.9.9"): NETWORK,
    ("conversation", "hm1.c0ffee0011223344aabb"): RELAY[:14],
    ("device", "hm1.0badcafe99887766aabb"): RELAY[10:],
    ("api_key", "hm1.5ca1ab1e0011223344cc"): RELAY[4:9],
    **{("device", f"hm1.{n:04d}feed0011223344"): LARGE[n * 20 : n * 20 + 30] for n in range(50)},
    ("org", "example.com"): OFFICE,
    ("ip", "192.0.2.4"): OFFICE,
    ("ip", "198.51.100.7"): HOME,
    ("instrument", "hm1.familycard0011223344"): HOME,
    (HOSTILE, HOSTILE): RUDE,
    **{("instrument", f"hm1.{n:04d}cafe0011223344"): group for n, group in enumerate(SMALL)},
}
KIND_OF = {
    FARM[0]: ("trial_farm", 0.971),
    RELAY[0]: ("resale_relay", 0.914),
    LARGE[0]: ("distillation", 0.999),
    OFFICE[0]: ("shared_organisation", 0.04),
    HOME[0]: ("household", 0.02),
    RUDE[0]: ("other_abuse", 0.62),
    **{group[0]: ("stolen_account", 0.55 + 0.01 * n) for n, group in enumerate(SMALL)},
}
UNKNOWN = RUDE[0]
"""Of this one's cluster the model cannot tell."""
CONFIRMED = [FARM[0], FARM[3], RELAY[5]]


def world_view(folder: Path) -> LinkView:
    held = [(key, account) for key, accounts in SHARED.items() for account in accounts]
    records = [event(f"e{n}", account, START_MS + n * 60_000, [key]) for n, (key, account) in enumerate(held)]
    return view(folder, records, START_MS + 2 * DAY_MS)


def write_world(seen: LinkView, path: Path) -> ResultsReader:
    """A results file as a detection run writes it, with verdicts by hand."""
    linked = pairs(seen)
    clusters = _joined(find_clusters(seen, linked), np.isin(seen.accounts["account_id"].to_pylist(), LARGE))
    names: list[str] = seen.accounts["account_id"].to_pylist()
    of = {name: int(cluster) for name, cluster in zip(names, clusters, strict=True)}
    verdict = {of[name]: said for name, said in KIND_OF.items()}
    said = [verdict.get(one, ("other_benign", 0.1)) for one in range(int(clusters.max()) + 1)]
    chance = np.array([p for _, p in said], np.float32)
    spread = np.random.default_rng(3).normal(0, 0.12, len(names))
    accounts = np.where(clusters >= 0, chance[clusters], 0.03) + spread
    open_to_both = np.arange(len(chance)) == of[UNKNOWN]
    verdicts = Verdicts(
        accounts=np.clip(accounts, 0.001, 0.999).astype(np.float32),
        clusters=chance,
        low=np.clip(chance - np.where(open_to_both, 0.5, 0.12), 0.001, 1).astype(np.float32),
        high=np.clip(chance + np.where(open_to_both, 0.3, 0.05), 0, 0.999).astype(np.float32),
        kinds=[kind for kind, _ in said],
    )
    evidence = cluster_evidence(seen, clusters, linked)
    ids = stable_ids(None, names, clusters, seen.as_of_ms)
    run = Run(seen.as_of_ms, 99, "m-2026-11-21-1a2b3c4d", seen.as_of_ms)
    confirmed = np.isin(names, CONFIRMED)
    statuses = {ids[of[RELAY[0]]]: "confirmed", ids[of[OFFICE[0]]]: "dismissed"}
    results = results_of(run, seen, clusters, ids, verdicts, evidence, confirmed, statuses)
    material = replace(material_of(seen, clusters, linked), taken=_taken(of[FARM[0]]))
    write_results(path, with_past(results, Before(), material))
    return ResultsReader(path)


def _taken(cluster: int) -> pa.Table:
    """What one cluster took in two weeks: rows of part, name, week, accounts, exchanges, tokens in and out."""
    first, second = START_MS - START_MS % WEEK_MS + MONDAY_MS - WEEK_MS, START_MS - START_MS % WEEK_MS + MONDAY_MS
    rows = [
        *(
            ("all", "", week, a, n, n * 400, n * 2_000)
            for week, a, n in ((0, 16, 900), (first, 9, 300), (second, 16, 600))
        ),
        *(
            ("area", name, 0, 16, n, n * 400, n * 2_000)
            for name, n in (("code", 540), ("mathematics", 180), ("unknown", 80))
        ),
        ("technique", "step_by_step", 0, 12, 500, 200_000, 1_000_000),
        *(("model", name, 0, 16, n, n * 400, n * 2_000) for name, n in (("model-x", 700), (HOSTILE, 200))),
    ]
    return pa.table(
        [
            pa.array(column, field.type)
            for column, field in zip(zip(*((cluster, *row, 0.8, 0.5) for row in rows), strict=True), TAKEN, strict=True)
        ],
        schema=TAKEN,
    )


def _joined(clusters: Int32s, together: Bools) -> Int32s:
    """The clusters with these accounts in one."""
    merged = np.where(together, clusters[together].min(), clusters)
    _, numbered = np.unique(np.r_[-1, merged], return_inverse=True)
    return (numbered[1:] - 1).astype(np.int32)


def picture_of(reader: ResultsReader, cluster_id: str, most: int) -> ClusterGraph:
    """The picture that the graph database gives of such a cluster, from the world's own table."""
    members = [row.account_id for row in reader.members(cluster_id)]
    shown = members[: int(most * 0.6)]
    keys = [key for key, accounts in SHARED.items() if set(accounts) & set(shown)][: most - len(shown)]
    verdict = dict.fromkeys(CONFIRMED, "abusive")
    accounts = [
        Node(f"account:{a}", "account", a, probability=reader.account(a).probability, verdict=verdict.get(a))
        for a in shown
    ]
    identifiers = [Node(f"{t}:{i}", t, i, degree=len(SHARED[t, i]), bits=9.5) for t, i in keys]
    edges = [
        Edge(f"account:{a}", f"{t}:{i}", "HAS", START_MS, START_MS, 1)
        for t, i in keys
        for a in SHARED[t, i]
        if a in shown
    ]
    return ClusterGraph(cluster_id, (*accounts, *identifiers), tuple(edges), len(shown) < len(members))
