"""Fitting of one network: steps over the views in turn, the weights kept that were best on what it held out.

The same steps on the CPU and on an accelerator; there in mixed precision where it helps (bfloat16, which needs no
scaling of losses), with sums over neighbours, norms and losses in float32.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from gnn.checkpoint import Checkpoints, Tensors
from gnn.dataset import Graph
from gnn.model import AccountNetwork, Output, Shape
from gnn.sparse import device_of
from gnn.views import Goal, View, goal_of

if TYPE_CHECKING:
    from gnn.train import TrainConfig

LOOKED_AT = 480
"""Views at most that tell how well held-out accounts are judged; of more, as many are drawn. With all of 1,440 views
these looks took twice as long as the steps between them."""

Told = Callable[[float], None]
AccountLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
Loss = Callable[[Output, Goal, Tensor, Tensor], Tensor]


def cross_entropy(logit: Tensor, abusive: Tensor, weight: Tensor) -> Tensor:
    """The weighted sum over accounts, all [N]."""
    return functional.binary_cross_entropy_with_logits(logit, abusive, weight=weight, reduction="sum")


@dataclass(frozen=True)
class Way:
    """What is fitted and by which loss of accounts. Others than these are held against them in tests/bench/families."""

    make: Callable[[Shape], AccountNetwork] = AccountNetwork
    accounts: AccountLoss = cross_entropy


IN_USE = Way()


@dataclass
class Fitting:
    """One network on its way. `step` steps are done; `since` so many evaluations the best one lies back."""

    network: AccountNetwork
    optimizer: torch.optim.AdamW
    schedule: torch.optim.lr_scheduler.OneCycleLR
    best: dict[str, Tensor]
    best_loss: float = np.inf
    step: int = 0
    since: int = 0

    @staticmethod
    def begin(network: AccountNetwork, config: TrainConfig) -> Fitting:
        optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps)
        return Fitting(network, optimizer, schedule, copy.deepcopy(network.state_dict()))

    def kept(self) -> tuple[dict[str, Any], Tensors]:
        """All that the next step hangs on: weights, the best ones, the optimizer's state, the state of chance."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        moments = self.optimizer.state_dict()
        for index, values in moments["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
        tensors["chance.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["chance.cuda"] = torch.cuda.get_rng_state()
        state = {
            "step": self.step,
            "since": self.since,
            "best_loss": self.best_loss,
            "groups": moments["param_groups"],
            "schedule": self.schedule.state_dict(),
        }
        return state, tensors

    def go_on(self, state: dict[str, Any], tensors: Tensors) -> None:
        """Takes up what `kept` gave."""
        self.network.load_state_dict(part(tensors, "network."))
        self.best = part(tensors, "best.")
        moments: dict[int, Tensors] = {}
        for name, value in part(tensors, "optimizer.").items():
            index, _, what = name.partition(".")
            moments.setdefault(int(index), {})[what] = value
        self.optimizer.load_state_dict({"state": moments, "param_groups": state["groups"]})
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.since, self.best_loss = state["step"], state["since"], state["best_loss"]
        torch.set_rng_state(tensors["chance.cpu"])
        if "chance.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["chance.cuda"])


def part(tensors: Tensors, prefix: str) -> Tensors:
    """Those whose name begins with `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def fit(
    views: Sequence[View],
    shape: Shape,
    config: TrainConfig,
    checkpoints: Checkpoints,
    told: Callable[[int, float], None],
    way: Way = IN_USE,
) -> tuple[AccountNetwork, ...]:
    """A network for each fold, of the family and by the loss that `way` names. `told` hears the fold and the share of
    it that is done. Goes on from `checkpoints`, where they hold how far the same training came, and ends in the same
    networks as if it had never stopped."""
    kept = checkpoints.load()
    state, tensors = kept if kept is not None else ({"done": 0}, {})
    done: Tensors = part(tensors, "done.")
    networks = [_finished(way.make(shape), part(done, f"{fold}.")) for fold in range(state["done"])]
    begun = (state, tensors) if "step" in state else None
    if kept is not None:
        where = f"network {len(networks) + 1} of {config.folds}, step {state.get('step', 0)}"
        checkpoints.tell(f"Going on with the training that was cut short: {where}.")
    for fold in range(len(networks), config.folds):
        keep = _keeping(checkpoints, fold, done)
        network = _fit(views, shape, fold, config, way, begun, keep, lambda share, fold=fold: told(fold, share))  # type: ignore[misc]
        networks.append(network)
        begun = None
        done |= {f"{fold}.{name}": value for name, value in network.state_dict().items()}
        checkpoints.save({"done": fold + 1}, _under("done.", done))
    return tuple(networks)


def _keeping(checkpoints: Checkpoints, fold: int, done: Tensors) -> Callable[[Fitting], None]:
    def keep(fitting: Fitting) -> None:
        if checkpoints.due():
            state, tensors = fitting.kept()
            checkpoints.save({**state, "done": fold}, tensors | _under("done.", done))

    return keep


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + name: value for name, value in tensors.items()}


def _finished(network: AccountNetwork, weights: Tensors) -> AccountNetwork:
    network.load_state_dict(weights)
    return network.eval()


def _fit(
    views: Sequence[View],
    shape: Shape,
    fold: int,
    config: TrainConfig,
    way: Way,
    begun: tuple[dict[str, Any], Tensors] | None,
    keep: Callable[[Fitting], None],
    told: Told,
) -> AccountNetwork:
    device = device_of(config.device)
    torch.manual_seed(config.seed * 1000 + fold)
    network = way.make(shape).to(device)
    network.standardise(torch.cat([view.graph.x for view in views]).to(device))
    goals = [goal_of(view, fold, device) for view in views]
    graphs = [view.graph.to(device) for view in views]
    loss = partial(loss_of, cluster_weight=config.cluster_weight, of_accounts=way.accounts)
    looked = _looked_at(len(views), config.seed)
    fitting = Fitting.begin(network, config)
    if begun is not None:
        fitting.go_on(*begun)
    while fitting.step < config.steps and fitting.since < config.patience:
        _step(fitting, graphs, goals, loss)
        if fitting.step % config.evaluate_every == 0:
            _look(fitting, [graphs[index] for index in looked], [goals[index] for index in looked], loss)
        keep(fitting)
        told(fitting.step / config.steps)
    network.load_state_dict(fitting.best)
    return network.cpu().eval()


def _looked_at(views: int, seed: int) -> npt.NDArray[np.int64]:
    """int64[at most LOOKED_AT]: the views whose held-out accounts are looked at, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(views)[:LOOKED_AT])


def _step(fitting: Fitting, graphs: Sequence[Graph], goals: Sequence[Goal], loss: Loss) -> None:
    fitting.network.train()
    turn = fitting.step % len(graphs)
    fitting.optimizer.zero_grad()
    goal = goals[turn]
    output = forward(fitting.network, graphs[turn])
    loss(output, goal, goal.account_train, goal.cluster_train).backward()  # type: ignore[no-untyped-call]
    fitting.optimizer.step()
    fitting.schedule.step()
    fitting.step += 1


def _look(fitting: Fitting, graphs: Sequence[Graph], goals: Sequence[Goal], loss: Loss) -> None:
    held = _held_loss(fitting.network, graphs, goals, loss)
    fitting.since = 0 if held < fitting.best_loss else fitting.since + 1
    if fitting.since == 0:
        fitting.best, fitting.best_loss = copy.deepcopy(fitting.network.state_dict()), held


def _held_loss(network: AccountNetwork, graphs: Sequence[Graph], goals: Sequence[Goal], loss: Loss) -> float:
    network.eval()
    with torch.inference_mode():
        losses = [
            loss(forward(network, graph), goal, goal.account_held, goal.cluster_held)
            for graph, goal in zip(graphs, goals, strict=True)
        ]
    return float(torch.stack(losses).mean())


def forward(network: AccountNetwork, graph: Graph, mixed: bool | None = None) -> Output:
    """A forward pass whose logits are float32; in mixed precision where asked, by default on CUDA."""
    device = graph.x.device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda" if mixed is None else mixed):
        output = network(graph)
    return Output(output.account_logit.float(), output.embedding, output.kind_logits.float())


def loss_of(
    output: Output, goal: Goal, account: Tensor, cluster: Tensor, cluster_weight: float, of_accounts: AccountLoss
) -> Tensor:
    """The loss of accounts, and the cross entropy of clusters over the kinds that each may have (a partial label costs
    only the mass outside its kinds)."""
    accounts = of_accounts(output.account_logit, goal.abusive, account)
    possible = output.kind_logits.masked_fill(~goal.kinds, -torch.inf)
    surprise = torch.logsumexp(output.kind_logits, dim=1) - torch.logsumexp(possible, dim=1)
    out: Tensor = accounts + cluster_weight * (surprise * cluster).sum()
    return out
