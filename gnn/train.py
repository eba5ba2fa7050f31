"""Training: a few networks, each with other operators held out; what they held out calibrates them.

Each example is seen in several views that hide all, half or none of the labels known at its time. A hidden label is a
target; what is visible is only a feature of others. So one model serves a first day without labels and a later one
with many (masked label prediction as in UniMP, Shi et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
import xgboost

from gnn.attributes import Attribute, fit_attributes, with_attributes
from gnn.calibrate import Platt, fit_interval, fit_platt
from gnn.checkpoint import Checkpoints, print_of
from gnn.code import code_version
from gnn.ensemble import Model, run
from gnn.errors import ModelError
from gnn.evaluate import auroc, average_precision, calibration_error
from gnn.features import FEATURES
from gnn.fit import fit
from gnn.fit_head import fit_head
from gnn.forecast import forecasts
from gnn.group_metrics import Judged, by_group, groups_of, precision_interval
from gnn.groups import ABUSIVE_KINDS
from gnn.head_data import head_data
from gnn.model import AccountNetwork, Shape, abusive_logit
from gnn.network import column
from gnn.reference import Voice, reference
from gnn.sample import Sampling
from gnn.sparse import device_of
from gnn.targets import Example, outcomes_of
from gnn.trees import TreeConfig, fit_folds
from gnn.views import View, Whole, nothing, views_of

__all__ = ["Example", "TrainConfig", "train"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class TrainConfig:
    """How to train. `folds` networks, each with one fold of operators held out; `steps` full-batch updates of each at
    most, ending `patience` evaluations after the best; `hidden_shares` of known labels hidden in the views;
    `unlabelled_weight` of an unlabelled account beside a labelled one; `device` cpu, cuda or auto; `sampling` of
    networks too large to be learnt whole; `attributes` of the networks that are features; `forecast`: see
    gnn.forecast."""

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
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True)
class HeldOut:
    """What networks said of accounts and clusters that they had held out, as log odds: [N] and [C] of one view, and
    `kind` int64[C] the likeliest kind."""

    account: Floats
    cluster: Floats
    kind: npt.NDArray[np.int64]


def train(
    examples: Sequence[Example], config: TrainConfig, progress: Progress, checkpoints: Checkpoints | None = None
) -> Model:
    """A calibrated model from examples of networks and what was decided of their accounts.

    `progress` is called with what is being done and the share of the whole that is done. The same examples, config and
    machine give the same model, whether or not it was stopped on the way and went on from `checkpoints`. Raises
    ModelError when the outcomes hold no abusive or no other accounts, or where the device asked for is missing."""
    if not examples:
        raise _nothing_to_learn()
    where = _device(config)
    progress("reading networks", 0.0)
    if config.forecast and not (examples := forecasts(examples)):
        raise _nothing_to_learn()
    if config.forecast:
        # On whom nobody decides later is another question than what is decided.
        config = replace(config, unlabelled_weight=0.0)
    attributes = fit_attributes([example.network for example in examples], config.attributes)
    examples = [replace(one, network=with_attributes(one.network, attributes)) for one in examples]
    views = views_of(
        examples, config.folds, config.hidden_shares, config.unlabelled_weight, config.seed, config.sampling
    )
    if not any((view.weight[view.targets.abusive] > 0).any() for view in views):
        raise _nothing_to_learn()
    if not any((view.weight[~view.targets.abusive] > 0).any() for view in views):
        raise _nothing_to_learn()
    own = sum(len(attribute.columns) for attribute in attributes)
    shape = Shape(len(FEATURES) + own, config.hidden, config.rounds, config.dropout)
    kept = checkpoints if checkpoints is not None else Checkpoints()
    if kept.folder is not None:
        kept.print_of = print_of(examples, config, device_of(config.device))

    def told(fold: int, share: float) -> None:
        done = (fold + share) / config.folds
        progress(f"training network {fold + 1} of {config.folds} on {where}", 0.1 + 0.75 * done)

    networks = fit(views, shape, config, kept, told)
    progress("calibrating", 0.85)
    model = _calibrated(networks, shape, examples, views, config, attributes)
    progress("trained", 1.0)
    return model


def _device(config: TrainConfig) -> str:
    """The device in words. Raises ModelError where it is asked for and not there."""
    try:
        device = device_of(config.device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"There is no device {config.device} here.", hint="Leave it out, or name cpu.") from error
    return "cpu" if device.type == "cpu" else f"{device.type}, in mixed precision"


def _nothing_to_learn() -> ModelError:
    return ModelError(
        "There is nothing to learn: the outcomes hold no abusive accounts, or no others.",
        hint="Add labels of both verdicts, or train on a simulated world.",
    )


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


def _judged(
    networks: tuple[AccountNetwork, ...], trees: tuple[xgboost.Booster, ...], views: Sequence[View]
) -> tuple[list[View], list[HeldOut], list[HeldOut]]:
    """Views, and what was said of them, with trees and without. A network that was learnt from in parts is judged
    whole, in one of its views; its graph is let go."""
    looks = [view for view in views if view.whole is None]
    held = [_held_out(networks, trees, view) for view in looks]
    alone = [_held_out(networks, (), view) for view in looks]
    for whole in _wholes(views):
        view = whole.view()
        held.append(_held_out(networks, trees, view))
        alone.append(_held_out(networks, (), view))
        looks.append(replace(view, graph=nothing()))
    return looks, held, alone


def _wholes(views: Sequence[View]) -> list[Whole]:
    """A view of each large network; of the first network the first, of the next one the next, so that all shares of
    hidden labels occur."""
    found: dict[int, list[Whole]] = {}
    for view in views:
        if view.whole is not None and view.whole not in found.setdefault(view.example, []):
            found[view.example].append(view.whole)
    return [ways[number % len(ways)] for number, ways in enumerate(found.values())]


def _calibrated(
    networks: tuple[AccountNetwork, ...],
    shape: Shape,
    examples: Sequence[Example],
    views: Sequence[View],
    config: TrainConfig,
    attributes: tuple[Attribute, ...],
) -> Model:
    trees = fit_folds(views, config.folds, TreeConfig(seed=config.seed, stopping=config.forecast))
    looks, held, alone = _judged(networks, trees, views)
    # An unlabelled account counts fully here: its class's true share is what a probability must mean.
    weight = np.concatenate([(view.weight > 0) * view.targets.confidence for view in looks]) / len(looks)
    account_logits = np.concatenate([part.account for part in held])
    abusive = np.concatenate([view.targets.abusive for view in looks])
    account = fit_platt(account_logits, abusive, weight * len(looks))
    cluster_logits = np.concatenate([part.cluster for part in held])
    cluster_abusive = np.concatenate([view.targets.cluster_abusive for view in looks])
    times = np.bincount([view.example for view in looks], minlength=len(examples))
    cluster_weight = np.concatenate([view.cluster_weight / times[view.example] for view in looks])
    cluster = fit_platt(cluster_logits, cluster_abusive, cluster_weight)
    rows = Judged.together([_rows(examples, *pair, account, cluster) for pair in zip(looks, held, strict=True)])
    return Model(
        networks=networks,
        trees=trees,
        shape=shape,
        features=FEATURES,
        account=account,
        cluster=cluster,
        interval=fit_interval(cluster_logits, cluster_abusive, cluster_weight),
        head=fit_head(head_data(examples, looks, [account.probability(part.account) for part in held]), config.seed),
        notes={
            "config": asdict(config),
            "window": _window(examples),
            "metrics": _metrics(looks, held, account, cluster),
            "intervals": {"account_average_precision": [round(end, 4) for end in precision_interval(rows)]},
            "groups": by_group(rows),
            "code": code_version(),
            "network_alone": _metrics(looks, alone, account, cluster),
            "reference": reference(examples, views, attributes, Voice(networks, trees, account, cluster)),
        },
        attributes=attributes,
    )


def _rows(examples: Sequence[Example], view: View, part: HeldOut, account: Platt, cluster: Platt) -> Judged:
    """What was said of a view's accounts whose label is not shown."""
    example = examples[view.example]
    rows = np.flatnonzero(view.weight > 0)
    of_cluster = np.append(cluster.probability(part.cluster), np.float32(0))[example.network.clusters]
    group = groups_of(outcomes_of(example), view.targets.labelled)
    said = account.probability(part.account)
    return Judged(group[rows], view.block[rows], view.targets.abusive[rows], said[rows], of_cluster[rows])


def _window(examples: Sequence[Example]) -> dict[str, int]:
    moments = [example.network.as_of_ms for example in examples]
    accounts = sum(example.network.account_count for example in examples)
    labels: dict[str, int] = {}
    for example in examples:
        labels[example.world] = max(labels.get(example.world, 0), example.outcomes.num_rows)
    return {
        "first_as_of_ms": min(moments),
        "last_as_of_ms": max(moments),
        "networks": len(moments),
        "accounts": accounts,
        "labels": sum(labels.values()),
        "labels_until_ms": max(_last_label_ms(example) for example in examples),
    }


def _last_label_ms(example: Example) -> int:
    """When the last of the labels was decided that the model may have learnt from; 0 where there are none."""
    tables = (example.outcomes, example.network.labels)
    return max((int(column(table, "decided_ms", np.int64).max(initial=0)) for table in tables), default=0)


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
