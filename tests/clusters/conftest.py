"""A detection run over a small world with a ring, an office and a campus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.find import find_clusters
from graphsvc.links.pairs import pairs
from graphsvc.links.view import LinkView
from tests.links.worlds import START_MS, sharing, view


@dataclass(frozen=True)
class Detected:
    view: LinkView
    pairs: pa.Table
    clusters: npt.NDArray[np.int32]
    evidence: pa.Table

    @property
    def account_ids(self) -> list[str]:
        ids: list[str] = self.view.accounts["account_id"].to_pylist()
        return ids

    def cluster_of(self, account_id: str) -> int:
        return int(self.clusters[self.account_ids.index(account_id)])


def detect(seen: LinkView) -> Detected:
    linked = pairs(seen)
    clusters = find_clusters(seen, linked)
    return Detected(seen, linked, clusters, cluster_evidence(seen, clusters, linked))


RING = [f"ring{place:02d}" for place in range(16)]
OFFICE = [f"staff{place}" for place in range(6)]
HOME = ["parent", "child", "guest"]
CAMPUS = [f"student{place:03d}" for place in range(300)]
SHARED = {
    ("instrument", "card"): RING[:14],
    ("device", "phone"): [*RING[8:], "stranger"],
    ("ip", "campus-nat"): [*CAMPUS, *RING],
    ("org", "firm"): OFFICE,
    ("ip", "office"): OFFICE,
    ("ip", "home"): HOME,
}


@pytest.fixture(scope="session")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Detected:
    folder: Path = tmp_path_factory.mktemp("detected")
    return detect(view(folder / "w", sharing(SHARED), START_MS))
