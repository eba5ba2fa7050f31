"""Fitting of one network written down plainly, in one loop that cannot be stopped: the oracle of gnn.fit."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from gnn.model import AccountNetwork, Shape
from gnn.train import TrainConfig
from gnn.views import View, goal_of


def plain_fit(views: Sequence[View], shape: Shape, fold: int, config: TrainConfig) -> AccountNetwork:
    """Full-batch steps over the views in turn; the weights that were best on the held-out fold."""
    torch.manual_seed(config.seed * 1000 + fold)
    network = AccountNetwork(shape)
    network.standardise(torch.cat([view.graph.x for view in views]))
    goals = [goal_of(view, fold, torch.device("cpu")) for view in views]
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=config.steps)
    best, best_loss, since = copy.deepcopy(network.state_dict()), np.inf, 0

    def loss(number: int, held: bool) -> torch.Tensor:
        goal, output = goals[number], network(views[number].graph)
        accounts, clusters = (
            (goal.account_held, goal.cluster_held) if held else (goal.account_train, goal.cluster_train)
        )
        of_accounts = functional.binary_cross_entropy_with_logits(
            output.account_logit, goal.abusive, weight=accounts, reduction="sum"
        )
        possible = output.kind_logits.masked_fill(~goal.kinds, -torch.inf)
        of_clusters = torch.logsumexp(output.kind_logits, dim=1) - torch.logsumexp(possible, dim=1)
        return of_accounts + config.cluster_weight * (of_clusters * clusters).sum()

    for step in range(config.steps):
        network.train()
        optimizer.zero_grad()
        loss(step % len(views), held=False).backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % config.evaluate_every == 0:
            network.eval()
            with torch.inference_mode():
                held = float(torch.stack([loss(number, held=True) for number in range(len(views))]).mean())
            since = 0 if held < best_loss else since + 1
            if since == 0:
                best, best_loss = copy.deepcopy(network.state_dict()), held
            if since >= config.patience:
                break
    network.load_state_dict(best)
    return network.eval()
