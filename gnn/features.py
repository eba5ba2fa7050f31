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

from gnn.adjacency import Incidence, Ties, incidence, pair_ties, peer_ties
from gnn.groups import GROUPS
from gnn.kernels import (
    GROUP_COLUMNS,
    TIE_COLUMNS,
    group_evidence,
    mean_through_identifiers,
    mean_through_ties,
    near_in_time,
    tie_evidence,
)
from gnn.labels import Known
from gnn.network import FACTS, Network, column

Floats = npt.NDArray[np.float32]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

LINK_GROUPS = GROUPS[:-1]
"""Groups that identifiers have; `peer` links accounts directly."""

_COUNTS = ("events", "logins", "payments", "requests", "active_days", "models", "prompts", "prompt_families")
_LOGS = (*_COUNTS, "conversations", "input_tokens_mean", "output_tokens_mean", "gap_cv")
_OWN_LABEL = ("banned",)
OWN_FACTS = tuple(name for name in FACTS if name not in _OWN_LABEL)
"""Facts of an account that may be features; a ban is as good as a label and only counts for neighbours."""
_TIMES = ("age", "quiet", "delay", "pace")


@dataclass(frozen=True)
class Sources:
    """What the blocks of features read, made once a network."""

    network: Network
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
    return Sources(network, incidence(network), pair_ties(network), peer_ties(network), known)


def compute(given: Sources) -> Floats:
    """float32[N, len(FEATURES)]; finite, and the same for the same account in whatever order accounts come."""
    out = np.zeros((given.network.account_count, len(FEATURES)), dtype=np.float32)
    start = 0
    for block in BLOCKS:
        block.fill(given, out[:, start : start + len(block.names)])
        start += len(block.names)
    return out


def own_fact(network: Network, name: str) -> Floats:
    """One fact of each account on its feature scale, float32[N]: counts and sizes in logarithms."""
    values = column(network.accounts, name, np.float32)
    return np.log1p(np.maximum(values, 0.0)) if name in _LOGS else values


def _own(given: Sources, out: Floats) -> None:
    for index, name in enumerate(OWN_FACTS):
        out[:, index] = own_fact(given.network, name)


def _times(given: Sources, out: Floats) -> None:
    accounts, now = given.network.accounts, given.network.as_of_ms
    created, first, last = (column(accounts, name, np.int64) for name in ("created_ms", "first_ms", "last_ms"))
    out[:, 0] = np.log1p(np.maximum(now - created, 0) / DAY_MS)
    out[:, 1] = np.log1p(np.maximum(now - last, 0) / DAY_MS)
    out[:, 2] = np.log1p(np.maximum(first - created, 0) / HOUR_MS)
    active = np.maximum(column(accounts, "active_days", np.float32), 1.0)
    out[:, 3] = np.log1p(column(accounts, "events", np.float32) / active)


def _groups(given: Sources, out: Floats) -> None:
    links, known = given.incidence, given.known
    size = len(links.degree)
    near = [near_in_time(links.identifier_starts, links.by_time, links.first_ms, days * DAY_MS) for days in (1, 7)]
    totals = [
        np.bincount(links.identifier, known_[links.account], minlength=size) for known_ in (known.bad, known.good)
    ]
    group_evidence(
        links.starts,
        links.identifier,
        links.degree,
        links.strength,
        links.group,
        *near,
        *totals,
        known.bad,
        known.good,
        len(LINK_GROUPS),
        out,
    )


def _shared_facts(given: Sources, out: Floats) -> None:
    links = given.incidence
    for index, name in enumerate(OWN_FACTS):
        fact = own_fact(given.network, name)
        mean_through_identifiers(links.starts, links.identifier, links.degree, links.strength, fact, out[:, index])


def _tie_block(prefix: str, pick: Callable[[Sources], Ties]) -> tuple[Block, Block]:
    def evidence(given: Sources, out: Floats) -> None:
        ties, known = pick(given), given.known
        created = column(given.network.accounts, "created_ms", np.int64)
        tie_evidence(ties.starts, ties.other, ties.weight, ties.groups, created, known.bad, known.good, DAY_MS, out)

    def facts(given: Sources, out: Floats) -> None:
        ties = pick(given)
        for index, name in enumerate(OWN_FACTS):
            mean_through_ties(ties.starts, ties.other, ties.weight, own_fact(given.network, name), out[:, index])

    return (
        Block(tuple(f"{prefix}_{name}" for name in TIE_COLUMNS), evidence),
        Block(tuple(f"{prefix}_mean_{name}" for name in OWN_FACTS), facts),
    )


def _cluster(given: Sources, out: Floats) -> None:
    clusters = given.network.clusters
    inside = clusters >= 0
    sizes = np.bincount(clusters[inside], minlength=given.network.cluster_count)
    out[inside, 0] = np.log1p(sizes[clusters[inside]])


BLOCKS: tuple[Block, ...] = (
    Block(tuple(f"own_{name}" for name in OWN_FACTS), _own),
    Block(tuple(f"own_{name}" for name in _TIMES), _times),
    Block(tuple(f"{group}_{name}" for group in LINK_GROUPS for name in GROUP_COLUMNS), _groups),
    Block(tuple(f"shared_mean_{name}" for name in OWN_FACTS), _shared_facts),
    *_tie_block("pair", lambda given: given.pairs),
    *_tie_block("peer", lambda given: given.peers),
    Block(("cluster_size",), _cluster),
)
FEATURES: tuple[str, ...] = tuple(name for block in BLOCKS for name in block.names)
"""Names of all features, in the order of the columns that `compute` gives."""
