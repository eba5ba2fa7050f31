"""What one account's score rests on, cut out of its network: the accounts that messages reach it from, and their links.

Features and messages are computed anew on the part, with some links left out; places among the population, and the bits
of an identifier, stay those of the whole network. Without caps the part scores the account as the whole does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.adjacency import POPULATION_MIN, Incidence, Ties, incidence, pair_ties, peer_ties, strengths
from gnn.dataset import Graph, assembled, shared_of
from gnn.ensemble import Model, run
from gnn.features import FEATURES, OWN_FACTS, Sources, compute
from gnn.forecast import unlabelled
from gnn.groups import GROUPS
from gnn.labels import Known, known
from gnn.network import PAIR_SCHEMA, Network, column
from gnn.predict import graph_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

HOLDERS = (128, 64, 32, 16, 8)
"""So many of an identifier's accounts, and of an account's ties, stand for all of them: the most that fits."""
_FARTHER = 4
"""At each further step so many times fewer do: what reaches the account from there is a mean of means."""
AROUND_MOST = 2_000
"""Accounts in a part: a score of it takes a few hundredths of a second."""
_TRACE_BITS = 0.01
"""What sharing a hub counts beside others: it alone ties nobody, but a tie that nothing else carries goes with it."""
_CLUSTER_SIZE = FEATURES.index("cluster_size")


@dataclass(frozen=True)
class Whole:
    """A network as a model judged it: `x` float32[N, F] its features, `log_odds` float64[N] calibrated."""

    model: Model
    network: Network
    x: Floats
    log_odds: Doubles

    @cached_property
    def links(self) -> Incidence:
        return incidence(self.network)

    @cached_property
    def ties(self) -> tuple[Ties, Ties]:
        """Pairs and direct peers."""
        return pair_ties(self.network), peer_ties(self.network)

    @cached_property
    def known(self) -> Known:
        return known(self.network)

    @cached_property
    def bits(self) -> Floats:
        """float32[I]: what an identifier is worth."""
        return column(self.network.identifiers, "bits", np.float32)

    @cached_property
    def least_pair_bits(self) -> float:
        """The evidence from which the network calls two accounts a pair."""
        bits = column(self.network.pairs, "bits", np.float32)
        return float(bits.min()) if len(bits) else float("inf")


def judged(model: Model, network: Network) -> Whole:
    """The network under the whole model: networks and trees, once for as many accounts as are to be explained."""
    if model.notes.get("config", {}).get("forecast"):
        network = unlabelled(network)
    graph = graph_of(model, network)
    raw = run(model.networks, model.trees, graph, model.correction)
    return Whole(model, network, graph.x.numpy(), model.account.logit(raw.account.mean(axis=0)))


@dataclass(frozen=True)
class Gone:
    """What is left out of a part: `links` bool[L] and `peers` bool[P] of its rows."""

    links: Bools
    peers: Bools

    def __or__(self, other: Gone) -> Gone:
        return Gone(self.links | other.links, self.peers | other.peers)


@dataclass(frozen=True)
class Around:
    """The part of a network around the account in row `centre` of `rows` int64[n], rows of the whole network in order.

    `links` are those of the part, in rows of the part, to identifiers in `identifiers` int64[i]; `pairs` and `peers`
    tables as a Network has them; `capped` says whether some accounts stand for more of their like.
    """

    whole: Whole
    rows: Longs
    centre: int
    identifiers: Longs
    links: Incidence
    pairs: pa.Table
    peers: pa.Table
    capped: bool

    @property
    def nothing(self) -> Gone:
        """Nothing left out."""
        return Gone(np.zeros(len(self.links.account), bool), np.zeros(len(self.peers), bool))

    @property
    def own_links(self) -> Longs:
        """int64[m]: the account's links to what others have too."""
        first, last = self.links.starts[self.centre], self.links.starts[self.centre + 1]
        mine = np.arange(first, last, dtype=np.int64)
        return mine[self.whole.links.degree[self.identifiers[self.links.identifier[mine]]] > 1]

    def log_odds(self, gone: Gone) -> float:
        """Of the account, calibrated, with some links left out. Its pairs lose as much as they shared through them; it
        leaves its cluster with its last pair."""
        model = self.whole.model
        raw = run(model.networks, model.trees, self._graph(gone), model.correction)
        return float(model.account.logit(raw.account.mean(axis=0))[self.centre])

    def shared_bits(self, gone: Gone) -> tuple[Doubles, npt.NDArray[np.int16]]:
        """Bits float64[n] that each account shares with the one explained, the best of each evidence group, and the
        groups int16[n] that carry them, as bits of a mask."""
        links, kept = self.links, ~gone.links
        mine = np.zeros(len(self.identifiers), bool)
        mine[links.identifier[kept & (links.account == self.centre)]] = True
        through = np.flatnonzero(kept & mine[links.identifier] & (links.account != self.centre))
        identifier = links.identifier[through]
        best = np.zeros((len(self.rows), len(GROUPS)))
        worth = self.whole.bits[self.identifiers[identifier]] + _TRACE_BITS
        np.maximum.at(best, (links.account[through], links.group[identifier]), worth)
        return best.sum(axis=1), ((best > 0) @ (1 << np.arange(len(GROUPS)))).astype(np.int16)

    @cached_property
    def _base(self) -> Floats:
        return compute(self._sources(self.nothing, self.pairs))

    @cached_property
    def _before(self) -> tuple[Doubles, npt.NDArray[np.int16]]:
        return self.shared_bits(self.nothing)

    def _graph(self, gone: Gone) -> Graph:
        pairs = self._pairs(gone)
        given = self._sources(gone, pairs)
        x = self.whole.x[self.rows]
        # What the part cannot know, places among the population above all, cancels out in the difference.
        x[:, : len(FEATURES)] += compute(given) - self._base
        if len(self.pairs) and not self._tied(pairs) and self._tied(self.pairs):
            self._leave(x)
        local = np.bincount(given.incidence.identifier, minlength=len(self.identifiers)).astype(np.int32)
        seen = replace(given, incidence=replace(given.incidence, degree=local))
        return assembled(seen, x, shared_of(seen))

    def _tied(self, pairs: pa.Table) -> bool:
        return bool(np.any((pairs["a"].to_numpy() == self.centre) | (pairs["b"].to_numpy() == self.centre)))

    def _leave(self, x: Floats) -> None:
        """The account's cluster goes on without it."""
        clusters = self.whole.network.clusters
        cluster = clusters[self.rows[self.centre]]
        if cluster >= 0:
            others = int((clusters == cluster).sum()) - 1
            x[clusters[self.rows] == cluster, _CLUSTER_SIZE] = np.log1p(others)
            x[self.centre, _CLUSTER_SIZE] = 0.0

    def _sources(self, gone: Gone, pairs: pa.Table) -> Sources:
        whole, network = self.whole, self.whole.network
        part = Network(
            as_of_ms=network.as_of_ms,
            accounts=self._accounts,
            identifiers=network.identifiers.slice(0, 0),
            links=network.links.slice(0, 0),
            peers=self.peers.filter(pa.array(~gone.peers)),
            pairs=pairs,
            clusters=np.full(len(self.rows), -1, np.int32),
        )
        bad, good = whole.known.bad[self.rows], whole.known.good[self.rows]
        facts = np.zeros((len(OWN_FACTS), len(self.rows)), np.float32)
        return Sources(part, facts, self._incidence(gone), pair_ties(part), peer_ties(part), Known(bad, good))

    @cached_property
    def _accounts(self) -> pa.Table:
        return self.whole.network.accounts.take(pa.array(self.rows))

    def _incidence(self, gone: Gone) -> Incidence:
        links, kept = self.links, ~gone.links
        account = links.account[kept]
        lost = np.bincount(links.identifier[gone.links], minlength=len(self.identifiers))
        degree = (links.degree - lost).astype(np.int32)
        return Incidence(
            starts=np.append(0, np.cumsum(np.bincount(account, minlength=len(self.rows)))).astype(np.int64),
            account=account,
            identifier=links.identifier[kept],
            first_ms=links.first_ms[kept],
            last_ms=links.last_ms[kept],
            degree=degree,
            strength=strengths(self.whole.bits[self.identifiers], degree, self.whole.network.account_count),
            group=links.group,
        )

    def _pairs(self, gone: Gone) -> pa.Table:
        if not gone.links.any() or not len(self.pairs):
            return self.pairs
        (before, groups_before), (after, groups_after) = self._before, self.shared_bits(gone)
        left = np.where(before > 0, after / np.maximum(before, _TRACE_BITS), 1.0)
        a, b = self.pairs["a"].to_numpy(), self.pairs["b"].to_numpy()
        other = np.where(a == self.centre, b, np.where(b == self.centre, a, self.centre))
        left[self.centre] = 1.0
        bits = self.pairs["bits"].to_numpy() * left[other].astype(np.float32)
        groups = self.pairs["groups"].to_numpy() & ~(groups_before & ~groups_after)[other]
        kept = bits >= np.where(left[other] < 1.0, self._least, 0.0)
        return pa.table([a[kept], b[kept], bits[kept], groups[kept]], names=PAIR_SCHEMA.names).cast(PAIR_SCHEMA)

    @property
    def _least(self) -> float:
        return self.whole.least_pair_bits * bits_scale(len(self.rows), self.whole.network.account_count)


def around(whole: Whole, account: int) -> Around:
    """The part of the network that the account's score rests on: as many steps out as the networks have rounds."""
    rounds = whole.model.shape.rounds
    for most in HOLDERS:
        inner, rows, capped = _reached(whole, account, rounds, most)
        if len(rows) <= AROUND_MOST:
            break
    return _part(whole, account, inner, rows, capped)


def bits_scale(part: int, whole: int) -> float:
    """By which bits of the whole are multiplied, so that they weigh the same in a part of so many accounts."""
    return float(np.log2(max(part, POPULATION_MIN)) / np.log2(max(whole, POPULATION_MIN)))


def _reached(whole: Whole, account: int, rounds: int, most: int) -> tuple[Longs, Longs, bool]:
    """Rows within one step less than `rounds`, rows within all, and whether some were left out."""
    inner = rows = np.array([account], dtype=np.int64)
    capped = False
    for step in range(rounds):
        inner, most = rows, max(most // _FARTHER ** min(step, 1), 2)
        links = _spans(whole.links.starts, inner)
        identifiers = np.unique(whole.links.identifier[links]).astype(np.int64)
        holders, some = _thinned(whole.links.identifier_starts, identifiers, most)
        found = [rows, whole.links.account[whole.links.by_time[holders]].astype(np.int64)]
        capped |= some
        for ties in whole.ties:
            tied, some = _thinned(ties.starts, inner, most)
            found.append(ties.other[tied].astype(np.int64))
            capped |= some
        rows = np.unique(np.concatenate(found))
    return inner, rows, capped


def _spans(starts: Longs, rows: Longs) -> Longs:
    """Positions of all entries of some rows."""
    return _thinned(starts, rows, None)[0]


def _thinned(starts: Longs, rows: Longs, most: int | None) -> tuple[Longs, bool]:
    """Positions of the entries of some rows, at most so many of each, evenly spread; whether some are left out."""
    size = starts[rows + 1] - starts[rows]
    taken = size if most is None else np.minimum(size, most)
    place = np.arange(int(taken.sum())) - np.repeat(np.cumsum(taken) - taken, taken)
    spread = place * np.repeat(size, taken) // np.maximum(np.repeat(taken, taken), 1)
    return np.repeat(starts[rows], taken) + spread, bool(np.any(taken < size))


def _part(whole: Whole, account: int, inner: Longs, rows: Longs, capped: bool) -> Around:
    every = whole.links
    links = _spans(every.starts, rows)
    identifiers = np.unique(every.identifier[_spans(every.starts, inner)]).astype(np.int64)
    identifier = _place(identifiers, every.identifier[links])
    links, identifier = links[identifier >= 0], identifier[identifier >= 0]
    local = _place(rows, every.account[links]).astype(np.int32)
    pairs = _within(whole.network.pairs, ("a", "b"), rows)
    scale = np.float32(bits_scale(len(rows), whole.network.account_count))
    bits = pa.array(pairs["bits"].to_numpy() * scale)
    return Around(
        whole=whole,
        rows=rows,
        centre=int(np.searchsorted(rows, account)),
        identifiers=identifiers,
        links=Incidence(
            starts=np.append(0, np.cumsum(np.bincount(local, minlength=len(rows)))).astype(np.int64),
            account=local,
            identifier=identifier.astype(np.int32),
            first_ms=every.first_ms[links],
            last_ms=every.last_ms[links],
            degree=every.degree[identifiers],
            strength=every.strength[identifiers],
            group=every.group[identifiers],
        ),
        pairs=pairs.set_column(2, "bits", bits),
        peers=_within(whole.network.peers, ("source", "target"), rows),
        capped=capped,
    )


def _within(table: pa.Table, ends: tuple[str, str], rows: Longs) -> pa.Table:
    """The rows of a table of ties whose ends are both among `rows`, as places in it."""
    places = [_place(rows, column(table, name, np.int64)) for name in ends]
    kept = np.flatnonzero((places[0] >= 0) & (places[1] >= 0))
    out = table.take(pa.array(kept)).combine_chunks()
    for name, place in zip(ends, places, strict=True):
        out = out.set_column(out.schema.get_field_index(name), name, pa.array(place[kept].astype(np.int32)))
    return out


def _place(rows: Longs, values: npt.NDArray[np.integer]) -> Longs:
    """The place of each value in sorted `rows`, -1 where it is not there."""
    place = np.minimum(np.searchsorted(rows, values), max(len(rows) - 1, 0))
    there = rows[place] == values if len(rows) else np.zeros(len(values), bool)
    return np.where(there, place, -1).astype(np.int64)
