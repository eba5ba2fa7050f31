"""Networks in several views, each hiding some of the labels known at its time: what training iterates over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.dataset import Graph, build, relabelled
from gnn.groups import ABUSIVE_KINDS, KINDS
from gnn.labels import Known, known
from gnn.network import Network
from gnn.sample import Cut, Sampling, cut, parts_of
from gnn.targets import Example, Targets, blocks_and_folds, outcomes_of, targets_of

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """One example with some of its known labels hidden: the graph, what it shows as `known`, and what is to be learnt.

    `weight` float32[N] is 0 for an account whose label is visible. `fold` int64[N] and `cluster_fold` int64[C] say
    which network holds them out, `block` int64[N] what each account hangs together with, in any view. `kinds`
    bool[C, 9]: kinds that a cluster may have by what was decided. `cluster_weight` float32[C]. `whole` is None but
    where the view is a part of a network too large to be learnt from whole."""

    example: int
    known: Known
    graph: Graph
    targets: Targets
    weight: npt.NDArray[np.float32]
    fold: Longs
    block: Longs
    kinds: Bools
    cluster_weight: npt.NDArray[np.float32]
    cluster_fold: Longs
    whole: Whole | None = None


@dataclass(frozen=True, eq=False)
class Whole:
    """A view of a large network as it can be made again: what is `known`, what is to be learnt, and no graph."""

    number: int
    example: Example
    known: Known
    targets: Targets
    dealt: tuple[Longs, Longs]
    unlabelled_weight: float

    def view(self) -> View:
        """The view, of the whole network."""
        graph = build(self.example.network, self.known)
        return _view(self.number, self.example, graph, self.known, self.targets, self.dealt, self.unlabelled_weight)


@dataclass(frozen=True)
class Goal:
    """What one network learns from a view, as tensors on its device; held-out rows have weight 0 in `train` and the
    others in `held`. Weights of accounts and of clusters each sum to 1 where there are any."""

    abusive: Tensor
    kinds: Tensor
    account_train: Tensor
    account_held: Tensor
    cluster_train: Tensor
    cluster_held: Tensor


def views_of(
    examples: Sequence[Example],
    folds: int,
    hidden_shares: Sequence[float],
    unlabelled_weight: float,
    seed: int,
    sampling: Sampling | None = None,
) -> list[View]:
    """All views of all examples; without `sampling` each of a whole network. Where no label is known there is nothing
    to hide, and one view."""
    random = np.random.default_rng(seed)
    out = []
    for index, (example, dealt) in enumerate(zip(examples, blocks_and_folds(examples, folds, seed), strict=True)):
        network = example.network
        targets = targets_of(example, outcomes_of(example))
        luck = _luck(network, random)
        anything = known(network)
        shares = hidden_shares if np.any(anything.bad + anything.good > 0) else hidden_shares[:1]
        drawn = sampling if sampling is not None and network.account_count > sampling.whole else None
        graph: Graph | None = None
        cuts: list[Cut] = []
        for share in shares:
            shown = known(network, hidden=luck < share)
            graph = build(network, shown) if graph is None else relabelled(graph, network, shown)
            view = _view(index, example, graph, shown, targets, dealt, unlabelled_weight)
            if drawn is None:
                out.append(view)
                continue
            if not cuts:
                cuts = [cut(graph, part) for part in parts_of(graph, targets, drawn, seed * 1000 + index)]
            whole = Whole(index, example, shown, targets, dealt, unlabelled_weight)
            out += [_part_of(view, one, whole) for one in cuts]
    return out


def _part_of(view: View, cut: Cut, whole: Whole) -> View:
    """What a view shows of a part; only its core is to be learnt from."""
    rows, clusters = cut.part.rows, cut.present
    return replace(
        view,
        known=Known(view.known.bad[rows], view.known.good[rows]),
        graph=cut.of(view.graph),
        targets=view.targets.of(rows, clusters),
        weight=np.where(np.isin(rows, cut.part.core), view.weight[rows], 0.0).astype(np.float32),
        fold=view.fold[rows],
        block=view.block[rows],
        kinds=view.kinds[clusters],
        cluster_weight=view.cluster_weight[clusters],
        cluster_fold=view.cluster_fold[clusters],
        whole=whole,
    )


def nothing() -> Graph:
    """The graph of nobody: of a view whose own graph was let go."""
    rows, none = torch.zeros((0, 0)), torch.zeros(0, dtype=torch.int64)
    return Graph(x=rows, shared=None, ties={}, cluster=none, cluster_stats=rows)


def _luck(network: Network, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """float64[N]: one draw a cluster and one for each account in none. What is known of a ring is hidden as a whole: a
    ring of which nothing is known, beside others of which much is, must not pass for innocent."""
    alone, together = random.random(network.account_count), random.random(network.cluster_count + 1)
    return np.where(network.clusters >= 0, together[network.clusters], alone)


def goal_of(view: View, fold: int, device: torch.device) -> Goal:
    """The goal of the network that holds `fold` out."""
    held, cluster_held = view.fold == fold, view.cluster_fold == fold

    def share(weight: npt.NDArray[np.float32], chosen: Bools) -> Tensor:
        part = np.where(chosen, weight, 0.0)
        return torch.from_numpy((part / max(float(part.sum()), 1e-9)).astype(np.float32)).to(device)

    return Goal(
        abusive=torch.from_numpy(view.targets.abusive.astype(np.float32)).to(device),
        kinds=torch.from_numpy(view.kinds).to(device),
        account_train=share(view.weight, ~held),
        account_held=share(view.weight, held),
        cluster_train=share(view.cluster_weight, ~cluster_held),
        cluster_held=share(view.cluster_weight, cluster_held),
    )


def _view(
    index: int,
    example: Example,
    graph: Graph,
    shown: Known,
    targets: Targets,
    dealt: tuple[Longs, Longs],
    unlabelled_weight: float,
) -> View:
    block, fold = dealt
    visible = (shown.bad > 0) | (shown.good > 0)
    weight = np.where(visible, 0.0, targets.confidence) * np.where(targets.labelled, 1.0, unlabelled_weight)
    cluster_fold = np.zeros(example.network.cluster_count, dtype=np.int64)
    inside = example.network.clusters >= 0
    cluster_fold[example.network.clusters[inside]] = fold[inside]
    cluster_weight = np.where(targets.cluster_labelled, 1.0, unlabelled_weight) * targets.cluster_clear
    return View(
        example=index,
        known=shown,
        graph=graph,
        targets=targets,
        weight=weight.astype(np.float32),
        fold=fold,
        block=block,
        kinds=_possible_kinds(targets),
        cluster_weight=cluster_weight.astype(np.float32),
        cluster_fold=cluster_fold,
    )


def _possible_kinds(targets: Targets) -> Bools:
    """bool[C, 9]: the kind that was decided, or every kind of the side where only the verdict is known."""
    side = np.arange(len(KINDS)) < len(ABUSIVE_KINDS)
    kind = targets.cluster_kind[:, None]
    same_side = side[None, :] == targets.cluster_abusive[:, None]
    return np.asarray(np.where(kind >= 0, np.arange(len(KINDS))[None, :] == kind, same_side), dtype=np.bool_)
