"""Training: a few networks, each with other operators held out; what they held out calibrates them.

Each example is seen in several views that hide all, half or none of the labels known at its time. A hidden label is a
target; what is visible is only a feature of others. So one model serves a first day without labels and a later one
with many (masked label prediction as in UniMP, Shi et al. 2021).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xgboost
from torch import Tensor
from torch.nn import functional

from gnn.attributes import fit_attributes, with_attributes
from gnn.calibrate import Platt, fit_interval, fit_platt
from gnn.ensemble import Model, run
from gnn.errors import ModelError
from gnn.evaluate import auroc, average_precision, calibration_error
from gnn.features import FEATURES
from gnn.fit_head import HeadData, fit_head, head_data
from gnn.forecast import forecasts
from gnn.groups import ABUSIVE_KINDS
from gnn.model import AccountNetwork, Output, Shape, abusive_logit
from gnn.sparse import device_of
from gnn.targets import Example
from gnn.trees import TreeConfig, fit_folds
from gnn.views import Goal, View, goal_of, views_of

__all__ = ["Example", "TrainConfig", "train"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class TrainConfig:
    """How to train. `folds` networks, each with one fold of operators held out; `steps` full-batch updates of each at
    most, ending `patience` evaluations after the best; `hidden_shares` of known labels hidden in the views;
    `unlabelled_weight` of an unlabelled account beside a labelled one; `device` cpu, cuda or auto; `attributes` of the
    networks that are features; `forecast`: see gnn.forecast."""

    seed: int = 0
    hidden: int = 48
    rounds: int = 2
    dropout: float = 0.2
    folds: int = 3
    steps: int = 240
    patience: int = 6
    evaluate_every: int = 10
    learning_rate: float = 0.006
    weight_decay: float = 1e-3
    hidden_shares: tuple[float, ...] = (1.0, 0.5, 0.0)
    unlabelled_weight: float = 0.1
    cluster_weight: float = 0.5
    device: str = "auto"
    attributes: tuple[str, ...] = ()
    forecast: bool = False


@dataclass(frozen=True)
class HeldOut:
    """What networks said of accounts and clusters that they had held out, as log odds: [N] and [C] of one view, and
    `kind` int64[C] the likeliest kind."""

    account: Floats
    cluster: Floats
    kind: npt.NDArray[np.int64]


def train(examples: Sequence[Example], config: TrainConfig, progress: Progress) -> Model:
    """A calibrated model from examples of networks and what was decided of their accounts.

    `progress` is called with what is being done and the share of the whole that is done. The same examples, config and
    machine give the same model. Raises ModelError when the outcomes hold no abusive or no other accounts."""
    if not examples:
        raise _nothing_to_learn()
    progress("reading networks", 0.0)
    if config.forecast and not (examples := forecasts(examples)):
        raise _nothing_to_learn()
    attributes = fit_attributes([example.network for example in examples], config.attributes)
    examples = [replace(one, network=with_attributes(one.network, attributes)) for one in examples]
    views = views_of(examples, config.folds, config.hidden_shares, config.unlabelled_weight, config.seed)
    if not any((view.weight[view.targets.abusive] > 0).any() for view in views):
        raise _nothing_to_learn()
    if not any((view.weight[~view.targets.abusive] > 0).any() for view in views):
        raise _nothing_to_learn()
    own = sum(len(attribute.columns) for attribute in attributes)
    shape = Shape(len(FEATURES) + own, config.hidden, config.rounds, config.dropout)
    networks = []
    for fold in range(config.folds):

        def told(share: float, fold: int = fold) -> None:
            done = (fold + share) / config.folds
            progress(f"training network {fold + 1} of {config.folds}", 0.1 + 0.75 * done)

        networks.append(_fit(views, shape, fold, config, told))
    progress("calibrating", 0.85)
    model = replace(_calibrated(tuple(networks), shape, examples, views, config), attributes=attributes)
    progress("trained", 1.0)
    return model


def _nothing_to_learn() -> ModelError:
    return ModelError(
        "There is nothing to learn: the outcomes hold no abusive accounts, or no others.",
        hint="Add labels of both verdicts, or train on a simulated world.",
    )


def _fit(
    views: Sequence[View], shape: Shape, fold: int, config: TrainConfig, told: Callable[[float], None]
) -> AccountNetwork:
    """One network, by full-batch steps over the views in turn; the weights that were best on what it held out."""
    device = device_of(config.device)
    torch.manual_seed(config.seed * 1000 + fold)
    network = AccountNetwork(shape).to(device)
    network.standardise(torch.cat([view.graph.x for view in views]).to(device))
    goals = [goal_of(view, fold, device) for view in views]
    graphs = [view.graph.to(device) for view in views]
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps)
    best, best_loss, since = copy.deepcopy(network.state_dict()), np.inf, 0
    for step in range(config.steps):
        network.train()
        turn = step % len(views)
        optimizer.zero_grad()
        goal = goals[turn]
        loss = _loss(network(graphs[turn]), goal, goal.account_train, goal.cluster_train, config.cluster_weight)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if (step + 1) % config.evaluate_every == 0:
            held = _held_loss(network, graphs, goals, config.cluster_weight)
            since = 0 if held < best_loss else since + 1
            if since == 0:
                best, best_loss = copy.deepcopy(network.state_dict()), held
            told((step + 1) / config.steps)
            if since >= config.patience:
                break
    network.load_state_dict(best)
    return network.cpu().eval()


def _held_loss(network: AccountNetwork, graphs: Sequence[Any], goals: Sequence[Goal], cluster_weight: float) -> float:
    network.eval()
    with torch.inference_mode():
        losses = [
            _loss(network(graph), goal, goal.account_held, goal.cluster_held, cluster_weight)
            for graph, goal in zip(graphs, goals, strict=True)
        ]
    return float(torch.stack(losses).mean())


def _loss(output: Output, goal: Goal, account: Tensor, cluster: Tensor, cluster_weight: float) -> Tensor:
    """Cross entropy of accounts, and of clusters over the kinds that each may have (a partial label costs only the
    mass outside its kinds)."""
    accounts = functional.binary_cross_entropy_with_logits(
        output.account_logit, goal.abusive, weight=account, reduction="sum"
    )
    possible = output.kind_logits.masked_fill(~goal.kinds, -torch.inf)
    surprise = torch.logsumexp(output.kind_logits, dim=1) - torch.logsumexp(possible, dim=1)
    return accounts + cluster_weight * (surprise * cluster).sum()


def _held_out(networks: tuple[AccountNetwork, ...], trees: tuple[xgboost.Booster, ...], view: View) -> HeldOut:
    raw = run(networks, trees, view.graph)
    clusters = np.arange(len(view.cluster_fold))
    kinds = raw.kinds[view.cluster_fold, clusters]
    best = np.where(
        view.targets.cluster_abusive,
        kinds[:, : len(ABUSIVE_KINDS)].argmax(axis=1),
        kinds[:, len(ABUSIVE_KINDS) :].argmax(axis=1) + len(ABUSIVE_KINDS),
    )
    return HeldOut(
        account=raw.account[view.fold, np.arange(len(view.fold))],
        cluster=abusive_logit(torch.from_numpy(kinds)).numpy(),
        kind=best.astype(np.int64),
    )


def _calibrated(
    networks: tuple[AccountNetwork, ...],
    shape: Shape,
    examples: Sequence[Example],
    views: Sequence[View],
    config: TrainConfig,
) -> Model:
    trees = fit_folds(views, config.folds, TreeConfig(seed=config.seed))
    held = [_held_out(networks, trees, view) for view in views]
    alone = [_held_out(networks, (), view) for view in views]
    # An unlabelled account counts fully here: its class's true share is what a probability must mean.
    weight = np.concatenate([(view.weight > 0) * view.targets.confidence for view in views]) / len(views)
    account_logits = np.concatenate([part.account for part in held])
    abusive = np.concatenate([view.targets.abusive for view in views])
    account = fit_platt(account_logits, abusive, weight * len(views))
    cluster_logits = np.concatenate([part.cluster for part in held])
    cluster_abusive = np.concatenate([view.targets.cluster_abusive for view in views])
    times = np.bincount([view.example for view in views], minlength=len(examples))
    cluster_weight = np.concatenate([view.cluster_weight / times[view.example] for view in views])
    cluster = fit_platt(cluster_logits, cluster_abusive, cluster_weight)
    return Model(
        networks=networks,
        trees=trees,
        shape=shape,
        features=FEATURES,
        account=account,
        cluster=cluster,
        interval=fit_interval(cluster_logits, cluster_abusive, cluster_weight),
        head=_head(examples, views, held, account, config.seed),
        notes={
            "config": asdict(config),
            "window": _window(examples),
            "metrics": _metrics(views, held, account, cluster),
            "network_alone": _metrics(views, alone, account, cluster),
        },
    )


def _head(
    examples: Sequence[Example], views: Sequence[View], held: Sequence[HeldOut], account: Platt, seed: int
) -> Any:
    parts = [
        head_data(
            examples[view.example].network,
            view.known,
            account.probability(part.account),
            view.targets.abusive,
            view.targets.confidence,
            view.fold,
        )
        for view, part in zip(views, held, strict=True)
    ]
    columns = zip(*((part.x, part.abusive, part.weight, part.fold) for part in parts), strict=True)
    return fit_head(HeadData(*(np.concatenate(column) for column in columns)), seed)


def _window(examples: Sequence[Example]) -> dict[str, int]:
    moments = [example.network.as_of_ms for example in examples]
    accounts = sum(example.network.account_count for example in examples)
    return {
        "first_as_of_ms": min(moments),
        "last_as_of_ms": max(moments),
        "networks": len(moments),
        "accounts": accounts,
    }


def _metrics(views: Sequence[View], held: Sequence[HeldOut], account: Platt, cluster: Platt) -> dict[str, float]:
    """Measures on held-out operators over all views."""
    chosen = [view.weight > 0 for view in views]
    truth = np.concatenate([view.targets.abusive[rows] for view, rows in zip(views, chosen, strict=True)])
    logits = np.concatenate([part.account[rows] for part, rows in zip(held, chosen, strict=True)])
    known_clusters = [view.targets.cluster_labelled for view in views]
    cluster_truth = np.concatenate(
        [view.targets.cluster_abusive[r] for view, r in zip(views, known_clusters, strict=True)]
    )
    cluster_logits = np.concatenate([part.cluster[r] for part, r in zip(held, known_clusters, strict=True)])
    decided = [view.targets.cluster_kind >= 0 for view in views]
    right = [(part.kind == view.targets.cluster_kind)[r] for view, part, r in zip(views, held, decided, strict=True)]
    measures = {
        "account_average_precision": average_precision(truth, logits),
        "account_auroc": auroc(truth, logits),
        "account_calibration_error": calibration_error(truth, account.probability(logits)),
        "cluster_average_precision": average_precision(cluster_truth, cluster_logits),
        "cluster_calibration_error": calibration_error(cluster_truth, cluster.probability(cluster_logits)),
        "cluster_kind_accuracy": float(np.concatenate(right).mean()) if any(len(part) for part in right) else np.nan,
    }
    return {name: round(value, 4) for name, value in measures.items() if np.isfinite(value)}
