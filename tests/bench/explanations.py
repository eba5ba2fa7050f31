"""How often each innocent explanation is said of clusters of innocents, and of rings.

    python -m tests.bench.packs --explanations --accounts 2000 --seeds 901 902

Each world is ingested and looked at as by `graphsvc detect`, and every cluster that is shown gets its evidence pack. By
the truth a cluster is of innocents, of a ring (at least half of it abusive), or mixed. One JSON line a world, and one
over all: for each sort of cluster the share that an explanation `explains`, and the share with a sign of it; once more
for those that are accused, and for those that are too large for a home.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from graphsvc.clusters.explanations import HOUSEHOLD_MOST
from graphsvc.clusters.packs import pack_for
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import load_settings
from graphsvc.jobs.detect import detect
from graphsvc.jobs.observe import quiet
from graphsvc.jobs.train import of_world
from tests.bench.cluster_worlds import made

WORLDS = ("plain", "evasive", "quiet", "mixed", "sparse", "hashed", "weak", "innocent", "huge_ring")
DAYS = 30
ACCUSED = 0.5


@dataclass
class Tally:
    """Clusters of one sort: how many, and of how many each explanation has a sign, and explains; `any` of them."""

    clusters: int = 0
    explains: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)

    def add(self, explained: Sequence[str], signs: Sequence[str]) -> None:
        self.clusters += 1
        self.explains.update([*explained, *(["any"] if explained else [])])
        self.signs.update([*signs, *(["any"] if signs else [])])

    def join(self, other: Tally) -> None:
        self.clusters += other.clusters
        self.explains.update(other.explains)
        self.signs.update(other.signs)

    def shares(self) -> dict[str, object]:
        found: dict[str, object] = {"clusters": self.clusters}
        for name, counts in (("explains", self.explains), ("signs", self.signs)):
            found[name] = {code: round(count / self.clusters, 3) for code, count in counts.most_common()}
        return found


Tallies = dict[str, Tally]


def measure_explanations(worlds: Sequence[str], accounts: int, seeds: Sequence[int]) -> None:
    """Prints one line a world and seed, and one over all."""
    every: Tallies = {}
    for name in worlds:
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                found = tallied(name, Path(folder), accounts, seed)
            told(f"explanations/{name}/{seed}", found)
            for sort, tally in found.items():
                every.setdefault(sort, Tally()).join(tally)
    told("explanations/all", every)


def tallied(name: str, folder: Path, accounts: int, seed: int) -> Tallies:
    """The tallies of one world: of `innocent`, `ring` and `mixed` clusters, and of those accused and those large."""
    world = made(name, folder, accounts, DAYS, seed)
    settings = of_world(load_settings(neo4j_uri="off"), folder / "data")
    detect(settings, None, quiet)
    abusive = dict(zip(world.view.accounts["account_id"].to_pylist(), world.abusive.tolist(), strict=True))
    tallies: Tallies = {}
    reader = ResultsReader(settings.places.results)
    for cluster_id, accused in clusters(reader):
        share = float(np.mean([abusive[row.account_id] for row in reader.members(cluster_id)]))
        pack = pack_for(reader, cluster_id)
        assert pack is not None, "detection keeps what packs are made of"
        explained = [one.code for one in pack.explanations if one.outcome == "explains"]
        signs = [one.code for one in pack.explanations if one.sign]
        sort = "ring" if share >= 0.5 else "mixed" if share else "innocent"
        large = pack.members > HOUSEHOLD_MOST
        for part in (sort, *([f"{sort}, accused"] if accused else []), *([f"{sort}, large"] if large else [])):
            tallies.setdefault(part, Tally()).add(explained, signs)
    return tallies


def clusters(reader: ResultsReader) -> Iterator[tuple[str, bool]]:
    """Ids of all clusters, and whether each is called abusive."""
    cursor = None
    while True:
        page = reader.clusters(cursor=cursor, limit=1000)
        yield from ((row.id, row.probability >= ACCUSED) for row in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def told(case: str, tallies: Tallies) -> None:
    shown = {sort: tally.shares() for sort, tally in sorted(tallies.items())}
    print(json.dumps({"case": case, **shown}), flush=True)
