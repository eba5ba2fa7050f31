"""Evidence packs of the last run, made when asked for, and kept for those who ask again."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from graphsvc.clusters.material import read_material
from graphsvc.clusters.pack import Pack, pack_of
from graphsvc.clusters.reader import ResultsReader

KEPT = 64


def pack_for(results: ResultsReader, cluster_id: str) -> Pack | None:
    """The pack of a cluster; None where its run kept nothing to make it of. Raises NotFound where there is no such
    cluster."""
    place = results.material(cluster_id)
    return _pack(*place, results.totals().accounts) if place is not None else None


@lru_cache(KEPT)
def _pack(folder: Path, ordinal: int, accounts: int) -> Pack:
    return pack_of(read_material(folder, ordinal), accounts)
