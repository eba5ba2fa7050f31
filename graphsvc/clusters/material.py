"""What evidence packs are made of: for each cluster its members, the pairs among them and all that they share.

A run keeps it in six Parquet files sorted by cluster, so that one cluster is read without the others. Within a cluster
members and things have places from 0; the other tables name them by their places.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from graphsvc.errors import NotFound
from graphsvc.links.flush import flush
from graphsvc.links.taken import TAKEN
from graphsvc.links.view import LinkView
from graphsvc.links.weights import Priors, bits_of, decay_of

ROWS_TOGETHER = 16_384
"""Rows that are read to get one of them; few enough that a small cluster is read in a millisecond."""
LEFT_BEHIND_S = 86_400
"""What an unfinished run left behind is removed a day later: until then it may be another process's, at work."""

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
FACTS = (
    "events",
    "requests",
    "active_days",
    "hour_entropy",
    "gap_cv",
    "prompts",
    "prompt_families",
    "family_repeat_share",
    "banned",
)


@dataclass(frozen=True)
class Material:
    """Each table begins with `cluster` (int32 ordinal) and is sorted by it.

    - members: account_id, created_ms, first_ms, last_ms, FACTS (float32); in the order of account ids.
    - pairs: a, b (int32 places of members, a < b), bits (float32), groups (mask as in links.pairs).
    - things: type, id, degree (int32), bits (float32), of identifiers that at least two members have.
    - holds: thing, account (places), first_ms, last_ms, count (int32), left (float32: what decay leaves of its worth).
    - ties: a, b (places), reason, bits (float32, 0 of direct peers), count, first_ms, last_ms: what members do to each
      other that is no identifier.
    - taken: what its members took, TAKEN of links.taken.
    """

    members: pa.Table
    pairs: pa.Table
    things: pa.Table
    holds: pa.Table
    ties: pa.Table
    taken: pa.Table = field(default_factory=TAKEN.empty_table)


def material_of(view: LinkView, clusters: Int32s, pairs: pa.Table, priors: Priors | None = None) -> Material:
    """The material of all clusters; `clusters` is int32[N], -1 for accounts in none; `priors` as the pairs were made
    with."""
    place = _places(clusters)
    things, holds = _shared(view, clusters, place, priors)
    return Material(
        _members(view, clusters), _pairs(clusters, place, pairs), things, holds, _ties(view, clusters, place)
    )


def write_material(folder: Path, material: Material) -> None:
    """Writes the files into the new folder `folder`; on disk when this returns."""
    draft = folder.with_name(f".{folder.name}.unfinished-{os.getpid()}")
    draft.mkdir(parents=True)
    for name, table in vars(material).items():
        path = draft / f"{name}.parquet"
        pq.write_table(table, path, row_group_size=ROWS_TOGETHER, compression="zstd")
        path.chmod(0o600)
        flush(path)
    draft.rename(folder)
    flush(folder.parent)


def read_material(folder: Path, ordinal: int) -> Material:
    """The material of one cluster. Raises NotFound where the run's files are gone."""
    return Material(**{name: read_part(folder, ordinal, name) for name in Material.__annotations__})


def read_part(folder: Path, ordinal: int, name: str) -> pa.Table:
    """One table of the material of one cluster. Raises NotFound where the run's files are gone."""
    try:
        return pq.read_table(folder / f"{name}.parquet", filters=[("cluster", "=", ordinal)])
    except FileNotFoundError:
        raise NotFound("What this cluster's evidence is made of is gone.", hint="Run `graphsvc detect`.") from None


def sweep(folder: Path, keep: set[str]) -> None:
    """Removes from `folder` what runs other than those in `keep` have left there."""
    if not folder.exists():
        return
    for path in sorted(folder.iterdir()):
        at_work = path.name.startswith(".") and path.stat().st_mtime > time.time() - LEFT_BEHIND_S
        if path.name not in keep and not at_work:
            shutil.rmtree(path)


def _places(clusters: Int32s) -> Int32s:
    """int32[N]: place of each account among the members of its cluster, in the order of rows."""
    order = np.argsort(clusters, kind="stable")
    ordered = clusters[order]
    place = np.empty(len(clusters), np.int32)
    place[order] = place_in(ordered)
    return place


def place_in(ordered: npt.NDArray[np.integer]) -> Int64s:
    """Place of each row within its run of equal values, from 0."""
    rows = np.arange(len(ordered))
    starts = np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)]
    place: Int64s = rows - np.maximum.accumulate(np.where(starts, rows, 0))
    return place


def _members(view: LinkView, clusters: Int32s) -> pa.Table:
    order = np.argsort(clusters, kind="stable")
    member = order[np.searchsorted(clusters[order], 0) :]
    kept = view.accounts.select(["account_id", "created_ms", "first_ms", "last_ms", *FACTS]).take(pa.array(member))
    return kept.add_column(0, "cluster", pa.array(clusters[member])).combine_chunks()


def _pairs(clusters: Int32s, place: Int32s, pairs: pa.Table) -> pa.Table:
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    rows = _inside(clusters, a, b)
    columns = {"bits": pairs["bits"].to_numpy()[rows], "groups": pairs["groups"].to_numpy()[rows]}
    return pa.table({"cluster": clusters[a[rows]], "a": place[a[rows]], "b": place[b[rows]], **columns})


def _inside(clusters: Int32s, a: Int32s, b: Int32s) -> Int64s:
    """Rows whose two accounts are of one cluster, in the order of clusters."""
    rows = np.flatnonzero((clusters[a] >= 0) & (clusters[a] == clusters[b]))
    ordered: Int64s = rows[np.argsort(clusters[a[rows]], kind="stable")]
    return ordered


def _shared(view: LinkView, clusters: Int32s, place: Int32s, priors: Priors | None) -> tuple[pa.Table, pa.Table]:
    """Things that at least two members of a cluster have, and who has them."""
    account, identifier = (view.links[name].to_numpy() for name in ("account", "identifier"))
    degree = view.identifiers["degree"].to_numpy()
    rows = np.flatnonzero((clusters[account] >= 0) & (degree[identifier] >= 2))
    key = clusters[account[rows]].astype(np.int64) * len(degree) + identifier[rows]
    order = np.argsort(key, kind="stable")
    rows, key = rows[order], key[order]
    same = key[1:] == key[:-1]
    rows = rows[np.r_[same, False][: len(key)] | np.r_[False, same][: len(key)]]
    of_thing, what = clusters[account[rows]], identifier[rows]
    head = np.r_[True, (what[1:] != what[:-1]) | (of_thing[1:] != of_thing[:-1])][: len(rows)]
    cluster = of_thing[head]
    thing = place_in(cluster)[np.cumsum(head) - 1].astype(np.int32)
    named = view.identifiers.select(["type", "id", "degree"]).take(pa.array(what[head]))
    named = named.set_column(0, "type", named["type"].cast(pa.string()))
    bits = bits_of(named["type"], degree[what[head]], len(view.accounts), priors)
    things = named.add_column(0, "cluster", pa.array(cluster)).append_column("bits", pa.array(bits))
    seen = view.links.select(["first_ms", "last_ms", "count"]).take(pa.array(rows))
    age_ms = view.links["last_ms"].to_numpy().max(initial=0) - seen["last_ms"].to_numpy()
    left = decay_of(view.identifiers["type"].take(pa.array(what)), age_ms)
    holds = {"cluster": of_thing, "thing": thing, "account": place[account[rows]]}
    holds |= {name: seen[name] for name in seen.column_names} | {"left": left}
    return things.combine_chunks(), pa.table(holds).combine_chunks()


def _ties(view: LinkView, clusters: Int32s, place: Int32s) -> pa.Table:
    """Direct peers and hand-overs between members."""
    peers, timings = view.peers, view.timings
    source, target = peers["source"].to_numpy(), peers["target"].to_numpy()
    table = {
        "a": np.concatenate([np.minimum(source, target), timings["a"].to_numpy()]),
        "b": np.concatenate([np.maximum(source, target), timings["b"].to_numpy()]),
        "reason": pa.chunked_array([*peers["type"].chunks, *timings["reason"].chunks], pa.string()).combine_chunks(),
        "bits": np.concatenate([np.zeros(len(peers), np.float32), timings["bits"].to_numpy()]),
        "count": np.concatenate([np.ones(len(peers), np.int32), timings["count"].to_numpy()]),
        "first_ms": np.concatenate([peers["first_ms"].to_numpy(), timings["first_ms"].to_numpy()]),
        "last_ms": np.concatenate([peers["first_ms"].to_numpy(), timings["last_ms"].to_numpy()]),
    }
    rows = _inside(clusters, table["a"], table["b"])
    cluster = clusters[table["a"][rows]]
    kept = pa.table(table).drop_columns(["a", "b"]).take(pa.array(rows))
    ends = {"cluster": cluster, "a": place[table["a"][rows]], "b": place[table["b"][rows]]}
    return pa.table(ends | {name: kept[name] for name in kept.column_names})
