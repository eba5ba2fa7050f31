"""What holds each cluster together, and what speaks against it, for all clusters at once.

An identifier's place is by its bits times the members it connects beyond the first; of one evidence group each further
identifier counts half as much as the one before, so that an address does not crowd out an instrument. Counter-evidence
comes after it: hubs that many others use too, a shared organisation, a cluster that nothing but a network connects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.clusters.words import sentence, tie_sentence
from graphsvc.links.view import LinkView
from graphsvc.links.weights import GROUPS, HUB_CUT, Priors, bits_of, groups_of

EVIDENCE_MAX = 8
COUNTER_MAX = 3
EVIDENCE_BITS_MIN = 1.0
HUB_TYPES = ("device", "instrument", "ip", "phone", "prompt_family", "referral_code", "subnet")
"""Types of which a hub is worth saying: an exchange or a mail provider that all the world uses is not."""

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

SCHEMA = pa.schema(
    [
        ("cluster", pa.int32()),
        ("rank", pa.int32()),
        ("identifier_type", pa.string()),
        ("identifier_id", pa.string()),
        ("text", pa.string()),
        ("bits", pa.float32()),
        ("accounts", pa.int32()),
        ("outside", pa.int32()),
        ("first_ms", pa.int64()),
        ("last_ms", pa.int64()),
        ("counter", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Shares:
    """One row a cluster and identifier (row of view.identifiers) that at least two of its members have."""

    cluster: Int32s
    identifier: Int32s
    accounts: Int32s
    outside: Int32s
    bits: Float32s
    first_ms: Int64s
    last_ms: Int64s

    def take(self, rows: Int64s | Bools) -> Shares:
        return Shares(**{name: column[rows] for name, column in vars(self).items()})


def cluster_evidence(view: LinkView, clusters: Int32s, pairs: pa.Table, priors: Priors | None = None) -> pa.Table:
    """Evidence rows of all clusters, by cluster and rank (from 1; evidence first, then counter-evidence).

    `clusters` is int32[N], -1 for accounts in none. `bits` is what sharing the identifier is worth, `accounts` how many
    members have it, `outside` how many others; of direct peers, of
    timing and of a network alone the identifier id is empty.
    `priors` are those that the pairs were weighed by.
    """
    size = np.bincount(clusters[clusters >= 0])
    shares = _shares(view, clusters, priors)
    types = view.identifiers["type"]
    group = groups_of(types)
    against = _against(view, shares, size)
    for_it = ~against & (shares.bits >= EVIDENCE_BITS_MIN)
    tables = [
        _identifier_rows(view, shares.take(_strongest(shares, group, for_it, EVIDENCE_MAX)), size, counter=False),
        _tie_rows(view, clusters, size),
        _identifier_rows(view, shares.take(_strongest(shares, group, against, COUNTER_MAX)), size, counter=True),
        _network_alone_rows(view, clusters, pairs, size),
    ]
    return _ranked(pa.concat_tables(tables))


def _shares(view: LinkView, clusters: Int32s, priors: Priors | None) -> Shares:
    cluster = clusters[view.links["account"].to_numpy()]
    inside = np.flatnonzero((cluster >= 0) & (view.identifiers["degree"].to_numpy()[view.links["identifier"]] >= 2))
    cluster, identifier = cluster[inside], view.links["identifier"].to_numpy()[inside]
    order = np.argsort(cluster.astype(np.int64) * len(view.identifiers) + identifier)
    cluster, identifier, inside = cluster[order], identifier[order], inside[order]
    new = np.flatnonzero(np.r_[True, (cluster[1:] != cluster[:-1]) | (identifier[1:] != identifier[:-1])][: len(order)])
    if not len(new):
        return Shares(*(np.empty(0, dtype) for dtype in ("i4", "i4", "i4", "i4", "f4", "i8", "i8")))
    accounts = np.diff(np.r_[new, len(order)]).astype(np.int32)
    degree = view.identifiers["degree"].to_numpy()[identifier[new]]
    types = view.identifiers["type"].take(pa.array(identifier[new]))
    shares = Shares(
        cluster=cluster[new],
        identifier=identifier[new],
        accounts=accounts,
        outside=degree - accounts,
        bits=bits_of(types, degree, len(view.accounts), priors),
        first_ms=np.minimum.reduceat(view.links["first_ms"].to_numpy()[inside], new),
        last_ms=np.maximum.reduceat(view.links["last_ms"].to_numpy()[inside], new),
    )
    return shares.take(accounts >= 2)


def _against(view: LinkView, shares: Shares, size: Int64s) -> Bools:
    """Which shares speak against one hand behind the cluster: hubs, and organisations of half the members and more."""
    types = view.identifiers["type"].take(pa.array(shares.identifier)).cast(pa.string())
    hub = pc.is_in(types, pa.array(HUB_TYPES)).to_numpy() & (shares.accounts + shares.outside >= HUB_CUT)
    organisation = pc.equal(types, "org").to_numpy() & (2 * shares.accounts >= size[shares.cluster])
    against: Bools = hub | organisation
    return against


def _strongest(shares: Shares, group: npt.NDArray[np.int8], use: Bools, most: int) -> Int64s:
    """Rows of the `most` strongest used shares of each cluster, strongest first."""
    rows = np.flatnonzero(use)
    worth = (shares.bits * (shares.accounts - 1))[rows].astype(np.float64) + 1e-6 * shares.accounts[rows]
    cluster, identifier = shares.cluster[rows], shares.identifier[rows]
    by_group = np.lexsort((identifier, -worth, group[identifier], cluster))
    place = _place_in(cluster[by_group].astype(np.int64) * len(GROUPS) + group[identifier[by_group]])
    worth[by_group] *= 0.5**place
    by_worth = np.lexsort((identifier, -worth, cluster))
    chosen: Int64s = rows[by_worth[_place_in(cluster[by_worth]) < most]]
    return chosen


def _place_in(ordered: npt.NDArray[np.integer]) -> Int64s:
    """Place of each row within its run of equal values, from 0."""
    rows = np.arange(len(ordered))
    starts = np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)]
    place: Int64s = rows - np.maximum.accumulate(np.where(starts, rows, 0))
    return place


def _identifier_rows(view: LinkView, shares: Shares, size: Int64s, *, counter: bool) -> pa.Table:
    named = view.identifiers.select(["type", "id"]).take(pa.array(shares.identifier))
    types = named["type"].cast(pa.string())
    of = size[shares.cluster].tolist()
    facts = zip(
        types.to_pylist(), shares.accounts.tolist(), of, shares.outside.tolist(), shares.bits.tolist(), strict=True
    )
    texts = [sentence(*fact, counter=counter) for fact in facts]
    columns = [types, named["id"], pa.array(texts, pa.string()), shares.bits, shares.accounts, shares.outside]
    return _rows(shares.cluster, columns, shares.first_ms, shares.last_ms, counter=counter)


def _tie_rows(view: LinkView, clusters: Int32s, size: Int64s) -> pa.Table:
    """One row for each cluster and kind of tie whose members deal with each other, or follow each other in time."""
    peers, timings = view.peers, view.timings
    kinds = ["peer", *sorted(set(timings["reason"].to_pylist()))]
    kind = np.concatenate([np.zeros(len(peers), np.int64), pc.index_in(timings["reason"], pa.array(kinds)).to_numpy()])
    one = np.concatenate([peers["source"].to_numpy(), timings["a"].to_numpy()])
    other = np.concatenate([peers["target"].to_numpy(), timings["b"].to_numpy()])
    first_ms, last_ms = (
        np.concatenate([peers["first_ms"].to_numpy(), timings[name].to_numpy()]) for name in ("first_ms", "last_ms")
    )
    bits = np.concatenate([np.zeros(len(peers), np.float32), timings["bits"].to_numpy()])
    inside = np.flatnonzero((clusters[one] >= 0) & (clusters[one] == clusters[other]))
    key = clusters[one[inside]] * np.int64(len(kinds)) + kind[inside]
    order = np.argsort(key, kind="stable")
    rows, (found, new) = inside[order], np.unique(key[order], return_index=True)
    ends = np.unique(np.concatenate([key * len(clusters) + one[inside], key * len(clusters) + other[inside]]))
    accounts = np.unique(ends // max(len(clusters), 1), return_counts=True)[1].astype(np.int32)
    cluster, of = found // len(kinds), [kinds[place] for place in (found % len(kinds)).tolist()]
    worth = np.maximum.reduceat(bits[rows], new) if len(new) else bits[:0]
    facts = zip(of, accounts.tolist(), size[cluster].tolist(), worth.tolist(), strict=True)
    columns = [
        of,
        _repeat("", cluster),
        [tie_sentence(*fact) for fact in facts],
        worth,
        accounts,
        np.zeros_like(accounts),
    ]
    oldest = np.minimum.reduceat(first_ms[rows], new) if len(new) else first_ms[:0]
    newest = np.maximum.reduceat(last_ms[rows], new) if len(new) else last_ms[:0]
    return _rows(cluster.astype(np.int32), columns, oldest, newest, counter=False)


def _network_alone_rows(view: LinkView, clusters: Int32s, pairs: pa.Table, size: Int64s) -> pa.Table:
    """One row for each cluster whose pairs rest on shared networks and on nothing else."""
    inside = clusters[pairs["a"].to_numpy()]
    same = (inside >= 0) & (inside == clusters[pairs["b"].to_numpy()])
    other = same & (pairs["groups"].to_numpy() != 1 << GROUPS.index("network"))
    joined = np.bincount(inside[same], minlength=len(size)) > 0
    cluster = np.flatnonzero(joined & (np.bincount(inside[other], minlength=len(size)) == 0)).astype(np.int32)
    text = "Only shared networks connect these accounts; a household, an office or a school looks the same."
    nothing = np.zeros(len(cluster), np.int32)
    columns = [
        _repeat("network", cluster),
        _repeat("", cluster),
        _repeat(text, cluster),
        nothing.astype(np.float32),
        size[cluster].astype(np.int32),
        nothing,
    ]
    times = (_per_cluster(view, clusters, size, "first_ms"), _per_cluster(view, clusters, size, "last_ms"))
    return _rows(cluster, columns, times[0][cluster], times[1][cluster], counter=True)


def _per_cluster(view: LinkView, clusters: Int32s, size: Int64s, name: str) -> Int64s:
    """Earliest first_ms or latest last_ms of each cluster's accounts."""
    member = np.flatnonzero(clusters >= 0)
    times = view.accounts[name].to_numpy()[member]
    best = np.full(len(size), np.iinfo(np.int64).max if name == "first_ms" else 0)
    (np.minimum if name == "first_ms" else np.maximum).at(best, clusters[member], times)
    return best


def _repeat(text: str, rows: Int32s) -> pa.Array:
    return pa.array([text] * len(rows), pa.string())


def _rows(cluster: Int32s, columns: list[object], first_ms: Int64s, last_ms: Int64s, *, counter: bool) -> pa.Table:
    rank, against = np.zeros(len(cluster), np.int32), np.full(len(cluster), counter)
    arrays = [cluster, rank, *columns, first_ms, last_ms, against]
    return pa.table(arrays, schema=SCHEMA)


def _ranked(table: pa.Table) -> pa.Table:
    """Sorted by cluster, evidence before counter-evidence, and numbered from 1; the order inside each part is kept."""
    cluster = table["cluster"].to_numpy()
    counter = table["counter"].to_numpy(zero_copy_only=False)
    order = np.lexsort((np.arange(len(table)), counter, cluster))
    rank = (_place_in(cluster[order]) + 1).astype(np.int32)
    return table.take(pa.array(order)).set_column(1, SCHEMA.field("rank"), pa.array(rank)).combine_chunks()
