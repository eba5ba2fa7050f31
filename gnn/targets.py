"""What training learns from: outcomes of accounts and clusters, and which of them are held out together.

Labels are partial: an account that nobody banned is not innocent. Unlabelled accounts are weak negatives (weighted
negatives as in Elkan and Noto 2008), and none at all when they are tied to a known abusive account; those that more
than one shared thing ties to it, in a cluster that labels show to be a ring, are weak positives.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gnn.adjacency import POPULATION_MIN
from gnn.groups import ABUSIVE_KINDS, KINDS
from gnn.labels import ABUSIVE, BENIGN, UNLABELLED, Verdicts, settle
from gnn.network import LABEL_SCHEMA, Network, column

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

RING_SHARE = 0.08
"""A cluster is abusive when labels say so of this share of its members or more, and of more than they call innocent:
enforcement finds a part of a ring, and one stolen account does not condemn an office."""
LONE_OF = 3
"""A single abusive label among so many members or more tells nothing of the others: reviewers err, and accounts are
stolen."""
INFERRED_SHARE = 1.05
"""Evidence that ties an unlabelled member of an abusive cluster to an account known as abusive for it to count as
abusive too, in parts of the bits that single out one account of all, which is the most that one shared thing can tell.
Innocents lie in rings' clusters by one template or one network, which is worth less: of the members below, on simulated
worlds, five of six were innocent, of those above about one in ten."""
INFERRED_CONFIDENCE = 0.8
"""How far such a member counts as abusive; a known one counts as far as its label is sure, about as much."""


@dataclass(frozen=True)
class Example:
    """A network as of one moment and what was decided of its accounts, then or later (LABEL_SCHEMA). Accounts of two
    examples are the same when both id and `world` are."""

    network: Network
    outcomes: pa.Table
    world: str = ""


@dataclass(frozen=True)
class Targets:
    """`abusive` bool[N]; `labelled` bool[N], by a label or by its cluster; `confidence` float32[N], 1 for an unlabelled
    account and 0 for one that must not be learnt from. For clusters `cluster_abusive` bool[C], `cluster_kind` int64[C]
    (-1 unknown), `cluster_labelled` bool[C], and `cluster_clear` bool[C], false where it must not be learnt from."""

    abusive: Bools
    labelled: Bools
    confidence: Floats
    cluster_abusive: Bools
    cluster_kind: npt.NDArray[np.int64]
    cluster_labelled: Bools
    cluster_clear: Bools

    def of(self, rows: npt.NDArray[np.int64], clusters: npt.NDArray[np.int64]) -> Targets:
        """Those of some accounts and clusters, by their places."""
        return Targets(
            self.abusive[rows],
            self.labelled[rows],
            self.confidence[rows],
            self.cluster_abusive[clusters],
            self.cluster_kind[clusters],
            self.cluster_labelled[clusters],
            self.cluster_clear[clusters],
        )


def outcomes_of(example: Example) -> Verdicts:
    """Everything ever decided of the accounts, one verdict each."""
    tables = [example.outcomes.select(LABEL_SCHEMA.names), example.network.labels.select(LABEL_SCHEMA.names)]
    return settle(pa.concat_tables([table.cast(LABEL_SCHEMA) for table in tables]), example.network.account_count)


def targets_of(example: Example, verdicts: Verdicts) -> Targets:
    """Targets of accounts and clusters from all that was decided."""
    network = example.network
    abusive, labelled = verdicts.verdict == ABUSIVE, verdicts.verdict != UNLABELLED
    cluster_abusive, cluster_kind, cluster_labelled, cluster_clear = _clusters(network, verdicts)
    tie = _strongest_tie(network, abusive)
    strong = tie >= INFERRED_SHARE * np.log2(max(network.account_count, POPULATION_MIN))
    inferred = ~labelled & strong & np.append(cluster_abusive, False)[network.clusters]
    confidence = np.where(labelled, verdicts.confidence, 1.0)
    confidence[~labelled & ((tie > 0) | _beside(network, abusive))] = 0.0
    confidence[inferred] = INFERRED_CONFIDENCE
    return Targets(
        abusive | inferred,
        labelled | inferred,
        confidence.astype(np.float32),
        cluster_abusive,
        cluster_kind,
        cluster_labelled,
        cluster_clear,
    )


def _strongest_tie(network: Network, abusive: Bools) -> Floats:
    """float32[N]: bits of the strongest pair that ties each account to an abusive one, 0 where none does."""
    out = np.zeros(network.account_count, dtype=np.float32)
    a, b = column(network.pairs, "a", np.int64), column(network.pairs, "b", np.int64)
    bits = column(network.pairs, "bits", np.float32)
    for one, other in ((a, b), (b, a)):
        np.maximum.at(out, one[abusive[other]], bits[abusive[other]])
    return out


def _beside(network: Network, abusive: Bools) -> Bools:
    """bool[N]: accounts in one cluster with an abusive one."""
    inside = network.clusters >= 0
    hit = np.bincount(network.clusters[inside & abusive], minlength=network.cluster_count + 1) > 0
    return np.asarray(inside & hit[network.clusters], dtype=np.bool_)


def _clusters(network: Network, verdicts: Verdicts) -> tuple[Bools, npt.NDArray[np.int64], Bools, Bools]:
    """Whether each is abusive, of what kind, whether labels say so, and whether they say it clearly."""
    inside = np.flatnonzero(network.clusters >= 0)
    ordinal, count = network.clusters[inside], network.cluster_count
    verdict, confidence = verdicts.verdict[inside], verdicts.confidence[inside]
    bad = np.bincount(ordinal, np.where(verdict == ABUSIVE, confidence, 0.0), minlength=count)
    good = np.bincount(ordinal, np.where(verdict == BENIGN, confidence, 0.0), minlength=count)
    abusive = (bad > good) & (bad >= RING_SHARE * np.bincount(ordinal, minlength=count))
    labelled = np.bincount(ordinal, verdict != UNLABELLED, minlength=count) > 0
    size, accused = np.bincount(ordinal, minlength=count), np.bincount(ordinal, verdict == ABUSIVE, minlength=count)
    clear = ~(abusive & (accused == 1) & (size >= LONE_OF))
    abusive &= clear
    votes = np.zeros((count, len(KINDS)))
    named = verdicts.kind[inside] >= 0
    np.add.at(votes, (ordinal[named], verdicts.kind[inside][named]), confidence[named])
    side = np.arange(len(KINDS)) < len(ABUSIVE_KINDS)
    votes[side[None, :] != abusive[:, None]] = 0.0
    kind = np.where(votes.max(axis=1, initial=0.0) > 0, votes.argmax(axis=1), -1)
    return abusive, kind.astype(np.int64), labelled, clear


def folds_of(examples: Sequence[Example], folds: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """int64[N] for each example: the fold that holds each account out, see `blocks_and_folds`."""
    return [fold for _, fold in blocks_and_folds(examples, folds, seed)]


def blocks_and_folds(
    examples: Sequence[Example], folds: int, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Two int64[N] for each example: the block in which each account is, and the fold that holds it out. Accounts of
    one operator, one cluster or one organisation, in any example, are one block and stay together; abusive and other
    accounts are spread evenly over the folds."""
    names = [
        pc.binary_join_element_wise(
            pa.scalar(example.world), example.network.accounts["account_id"].cast(pa.string()), "\x1f"
        ).combine_chunks()
        for example in examples
    ]
    encoded = pa.chunked_array(names).combine_chunks().dictionary_encode()
    person = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.cumsum([0, *(len(part) for part in names)])
    parts = [person[start:end] for start, end in itertools.pairwise(offsets)]
    verdicts = [outcomes_of(example) for example in examples]
    edges = [edge for parts_ in zip(examples, verdicts, parts, strict=True) for edge in _together(*parts_)]
    people = len(encoded.dictionary)
    block = _blocks(edges, people)
    abusive = np.zeros(people, dtype=np.bool_)
    for verdict, part in zip(verdicts, parts, strict=True):
        abusive[part[verdict.verdict == ABUSIVE]] = True
    fold = deal(block, abusive, folds, seed)
    return [(block[part], fold[part]) for part in parts]


def _together(
    example: Example, verdicts: Verdicts, person: npt.NDArray[np.int64]
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Edges from each account to the first of its operator, of its cluster and of its organisation."""
    every = np.arange(len(person))
    out = []
    for account, group in (
        (every, verdicts.operator.astype(np.int64)),
        (every, example.network.clusters.astype(np.int64)),
        _organisations(example.network),
    ):
        inside = account[group >= 0]
        _, first, inverse = np.unique(group[group >= 0], return_index=True, return_inverse=True)
        out.append((person[inside], person[inside[first[inverse]]] if len(inside) else person[inside]))
    return out


def _organisations(network: Network) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Accounts and the organisation that each is in, one row a membership."""
    chosen = np.flatnonzero(pc.equal(network.identifiers["type"], "org").to_numpy())
    identifier = column(network.links, "identifier", np.int64)
    rows = np.isin(identifier, chosen)
    return column(network.links, "account", np.int64)[rows], identifier[rows]


def _blocks(edges: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]], people: int) -> npt.NDArray[np.int64]:
    a, b = (np.concatenate(side) for side in zip(*edges, strict=True))
    graph = coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(people, people))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def deal(block: npt.NDArray[np.int64], abusive: Bools, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """int64[N]: blocks, numbered from 0 by int64[N], dealt out whole, the largest first, each to the fold that has
    fewest accounts of its class."""
    size = np.bincount(block)
    bad = np.bincount(block, abusive) > 0
    shuffled = np.random.default_rng(seed).permutation(len(size))
    order = shuffled[np.argsort(-size[shuffled], kind="stable")]
    load = np.zeros((2, folds), dtype=np.int64)
    fold = np.zeros(len(size), dtype=np.int64)
    for index in order:
        mine = load[int(bad[index])]
        fold[index] = int(mine.argmin())
        mine[fold[index]] += size[index]
    return fold[block]
