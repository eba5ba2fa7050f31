"""What a fresh deployment says of a log: the whole way from lines to scores, by the model that ships."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from graphsvc.clusters.results import Results
from graphsvc.config import Settings, load_settings
from graphsvc.jobs.detect import detect, write_clusters, write_scores
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from tests.leaks.logs import Log, Rename

KEY = "ab" * 32
ROUNDING = 1e-6
"""Single precision sums over neighbours follow the order of rows, which is that of names; this is what rounding may
leave of it. Scores in files have as many digits."""

Ring = tuple[frozenset[str], str]


def quiet(_step: str, _share: float) -> None:
    """Says nothing."""


def deployment(folder: Path, log: Log, key: str = KEY) -> Settings:
    """A data folder of its own into which the log was read."""
    settings = load_settings(data=folder / "data", neo4j_uri="off", token_key=key)
    events, labels = log.write(folder / "log")
    ingest_events(settings, events, strict=True)
    ingest_labels(settings, labels, strict=True)
    return settings


@dataclass(frozen=True)
class Judged:
    """Scores by account; the probability of each cluster by its members and its kind."""

    scores: dict[str, float]
    clusters: dict[Ring, float]

    def renamed(self, rename: Rename) -> Judged:
        return Judged(
            {rename(account): score for account, score in self.scores.items()},
            {(frozenset(map(rename, ring)), kind): chance for (ring, kind), chance in self.clusters.items()},
        )

    def same_as(self, other: Judged) -> None:
        """Raises AssertionError unless both say the same of the same accounts, up to rounding."""
        assert self.clusters == pytest.approx(other.clusters, abs=ROUNDING)
        assert self.scores == pytest.approx(other.scores, abs=ROUNDING)


def judge(folder: Path, log: Log, key: str = KEY) -> Judged:
    return judged(detect(deployment(folder, log, key), None, quiet).results)


def judged(results: Results) -> Judged:
    accounts, clusters = results.accounts, results.clusters
    members: dict[str, set[str]] = {}
    for account, cluster in zip(accounts["account_id"].to_pylist(), accounts["cluster_id"].to_pylist(), strict=True):
        if cluster is not None:
            members.setdefault(cluster, set()).add(account)
    kinds = zip(*(clusters[name].to_pylist() for name in ("id", "kind", "probability")), strict=True)
    return Judged(
        dict(zip(accounts["account_id"].to_pylist(), accounts["probability"].to_pylist(), strict=True)),
        {(frozenset(members[cluster]), kind): chance for cluster, kind, chance in kinds},
    )


def files(results: Results, folder: Path) -> tuple[bytes, bytes]:
    """The two files of the contract, as bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_scores(folder / "scores.csv", results)
    write_clusters(folder / "clusters.csv", results)
    return (folder / "scores.csv").read_bytes(), (folder / "clusters.csv").read_bytes()
