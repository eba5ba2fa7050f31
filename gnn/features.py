"""The registry of account features: named, scale-free, as of the network's time.

What an account did, and what is seen of others through what it shares with them: a streamed pass over the links.
Where a person lives, which language they write or what they are called is never a feature. An account's own label or
ban is none either; those of its neighbours are, as far as they were decided by the network's time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.adjacency import DAY_MS, Incidence, Ties, incidence, pair_ties, peer_ties
from gnn.groups import MODEL_GROUPS
from gnn.kernels import (
    GROUP_COLUMNS,
    TIE_COLUMNS,
    group_evidence,
    mean_ranks,
    tie_evidence,
)
from gnn.labels import Known
from gnn.network import FACTS, Network, column
from gnn.threads import each, in_parts

Floats = npt.NDArray[np.float32]

LINK_GROUPS = MODEL_GROUPS[:-1]
"""Groups that identifiers have; `peer` links accounts directly."""

_OWN_LABEL = ("banned",)
OWN_FACTS = tuple(name for name in FACTS if name not in _OWN_LABEL)
"""Facts of an account that may be features; a ban is as good as a label and only counts for neighbours."""
TURNED_ROWS = 1_024
_TIMES = ("age", "quiet", "delay", "pace")


@dataclass(frozen=True)
class Sources:
    """What the blocks of features read, made once a network. `facts` float32[len(OWN_FACTS), N], see own_facts."""

    network: Network
    facts: Floats
    incidence: Incidence
    pairs: Ties
    peers: Ties
    known: Known


@dataclass(frozen=True)
class Block:
    """Some features that are computed together: `fill(sources, out)` writes float32[N, len(names)]."""

    names: tuple[str, ...]
    fill: Callable[[Sources, Floats], None]


def sources(network: Network, known: Known) -> Sources:
    """The arrays that features are computed from."""
    facts = own_facts(network)
    return Sources(network, facts, incidence(network), pair_ties(network), peer_ties(network), known)


def compute(given: Sources) -> Floats:
    """float32[N, len(FEATURES)], then the network's own columns; finite, and the same for the same account in whatever
    order accounts come."""
    out = np.zeros((given.network.account_count, len(FEATURES)), dtype=np.float32)
    start = 0
    for block in BLOCKS:
        block.fill(given, out[:, start : start + len(block.names)])
        start += len(block.names)
    return out if given.network.own is None else np.concatenate([out, given.network.own], axis=1)


def own_facts(network: Network) -> Floats:
    """What accounts did, float32[len(OWN_FACTS), N], each as the account's place among all of the network (0 to 1).

    A place means the same to a provider whose accounts send ten requests a day and to one whose send a thousand; a fact
    that nobody's log tells puts all accounts in the middle.
    """
    return np.stack(each(OWN_FACTS, lambda name: _place(column(network.accounts, name, np.float32))))


def _place(values: npt.NDArray[np.number]) -> Floats:
    """The share of accounts below each one, equals counting half."""
    ranks: npt.NDArray[np.float64] = mean_ranks(np.argsort(values), values)
    return ((ranks - 0.5) / max(len(values), 1)).astype(np.float32)


def _own(given: Sources, out: Floats) -> None:
    def turned(first: int, last: int) -> None:
        # So few accounts at a time that all of their facts stay at hand.
        for start in range(first, last, TURNED_ROWS):
            rows = slice(start, min(start + TURNED_ROWS, last))
            out[rows] = given.facts[:, rows].T

    in_parts(len(out), turned)


def _times(given: Sources, out: Floats) -> None:
    accounts, now = given.network.accounts, given.network.as_of_ms
    created, first, last = (column(accounts, name, np.int64) for name in ("created_ms", "first_ms", "last_ms"))
    active = np.maximum(column(accounts, "active_days", np.float32), 1.0)
    pace = column(accounts, "events", np.float32) / active
    for index, values in enumerate((now - created, now - last, first - created, pace)):
        out[:, index] = _place(values)


def _groups(given: Sources, out: Floats) -> None:
    links, known = given.incidence, given.known
    size = len(links.degree)
    totals = [
        np.bincount(links.identifier, known_[links.account], minlength=size) for known_ in (known.bad, known.good)
    ]
    nodes = (links.starts, links.identifier, links.degree, links.strength, links.group)
    facts = (*links.near, *totals, known.bad, known.good, len(LINK_GROUPS))
    in_parts(links.accounts, lambda first, last: group_evidence(first, last, *nodes, *facts, out))


def _ties(pick: Callable[[Sources], Ties]) -> Callable[[Sources, Floats], None]:
    def fill(given: Sources, out: Floats) -> None:
        ties, known = pick(given), given.known
        created = column(given.network.accounts, "created_ms", np.int64)
        facts = (ties.starts, ties.other, ties.weight, ties.groups, created, known.bad, known.good, DAY_MS)
        in_parts(given.network.account_count, lambda first, last: tie_evidence(first, last, *facts, out))

    return fill


def _cluster(given: Sources, out: Floats) -> None:
    clusters = given.network.clusters
    inside = clusters >= 0
    sizes = np.bincount(clusters[inside], minlength=given.network.cluster_count)
    out[inside, 0] = np.log1p(sizes[clusters[inside]])


BLOCKS: tuple[Block, ...] = (
    Block(tuple(f"own_{name}" for name in OWN_FACTS), _own),
    Block(tuple(f"own_{name}" for name in _TIMES), _times),
    Block(tuple(f"{group}_{name}" for group in LINK_GROUPS for name in GROUP_COLUMNS), _groups),
    Block(tuple(f"pair_{name}" for name in TIE_COLUMNS), _ties(lambda given: given.pairs)),
    Block(tuple(f"peer_{name}" for name in TIE_COLUMNS), _ties(lambda given: given.peers)),
    Block(("cluster_size",), _cluster),
)
FEATURES: tuple[str, ...] = tuple(name for block in BLOCKS for name in block.names)
"""Names of all features, in the order of the columns that `compute` gives."""
